internal import StorageManager

/// What stands at the start of a data file, in a unit of its own: 64 bytes, little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 8 | `STRATACD` |
/// | 8 | 4 | version, 1 |
/// | 12 | 4 | database |
/// | 16 | 4 | relation |
/// | 20 | 4 | fork |
/// | 24 | 4 | pages in a full chunk |
/// | 28 | 4 | level |
/// | 32 | 28 | zero |
/// | 60 | 4 | CRC-32C of the 60 bytes before and the rest of the unit, zeroes |
enum DataFileHeader {
    private static let magic: UInt64 = 0x4443_4154_4152_5453
    private static let version: UInt32 = 1

    /// Whose file it is and how it is compressed; nil for a damaged header or another's.
    static func read(_ fields: RawFields, _ identity: ChunkIdentity) -> ChunkProperties? {
        guard fields.count >= unitSize, fields.get(0) == magic, fields.get(8) == version,
            fields.get(60) == checksum(fields),
            fields.get(12) == identity.database, fields.get(16) == identity.number,
            fields.get(20) == UInt32(identity.fork.rawValue)
        else { return nil }
        let properties = ChunkProperties(
            chunkBytes: Int(fields.get(24, as: UInt32.self)) * blockSize,
            level: Int(fields.get(28, as: UInt32.self)))
        guard ChunkProperties.chunkSizes.contains(properties.chunkBytes),
            ChunkProperties.levels.contains(properties.level)
        else { return nil }
        return properties
    }

    static func store(
        _ properties: ChunkProperties, _ identity: ChunkIdentity, _ fields: RawFields
    ) {
        fields.set(magic, 0)
        fields.set(version, 8)
        fields.set(identity.database, 12)
        fields.set(identity.number, 16)
        fields.set(UInt32(identity.fork.rawValue), 20)
        fields.set(UInt32(properties.chunkPages), 24)
        fields.set(UInt32(properties.level), 28)
        for offset in stride(from: 32, to: 60, by: 4) { fields.set(UInt32(0), offset) }
        fields.set(checksum(fields), 60)
    }

    private static func checksum(_ fields: RawFields) -> UInt32 {
        unsafe Checksum.of(
            fields.bytes(64..<unitSize), after: Checksum.of(fields.bytes(0..<60)))
    }
}
