internal import CPlatform

/// The Castagnoli CRC of 32 bits, as iSCSI, ext4 and PostgreSQL's control file use it. Any thread.
package enum CRC32C {
    /// The checksum of `bytes`. O(bytes).
    ///
    /// - Parameter seed: the checksum of the preceding bytes.
    package static func checksum(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe strata_crc32c(seed, bytes.baseAddress, bytes.count)
        }
    }

    /// The checksum of `bytes`. O(bytes).
    ///
    /// - Parameter seed: the checksum of the preceding bytes.
    package static func checksum(_ bytes: Span<UInt8>, seed: UInt32 = 0) -> UInt32 {
        checksum(unsafe bytes.bytes, seed: seed)
    }
}
