internal import CPlatform

/// The Castagnoli CRC of 32 bits, as iSCSI, ext4 and PostgreSQL's control file use it. Any thread.
enum CRC32C {
    /// The checksum of `bytes`. O(bytes).
    static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe strata_crc32c(0, bytes.baseAddress, bytes.count)
        }
    }
}
