/// The Castagnoli CRC of 32 bits, as iSCSI, ext4 and PostgreSQL's control file use it.
///
/// One table look-up a byte: meant for files of kilobytes. Any thread.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 {
            value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1
        }
        return value
    }

    /// The checksum of `bytes`. O(bytes).
    static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        let table = table
        var state = ~UInt32(0)
        for index in bytes.indices {
            state = table[Int(UInt8(truncatingIfNeeded: state) ^ bytes[index])] ^ (state >> 8)
        }
        return ~state
    }
}
