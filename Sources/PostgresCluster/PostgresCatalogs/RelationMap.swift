internal import AsyncIO
internal import PostgresReading
internal import StorageManager

/// The file numbers of the catalogs that no catalog records: a database's `pg_filenode.map`, or the
/// shared one. Mirrors `RelMapFile`.
struct RelationMap {
    private var numbers: [UInt32: UInt32] = [:]

    private static let magic: UInt32 = 0x592717
    /// The capacity in entries: 62 up to PostgreSQL 15, 64 from 16 on.
    private static let capacities = [62, 64]

    /// Reads the map of a folder.
    init(_ storage: DataDirectory, folder: String) throws(StorageError) {
        let path = "\(folder)/pg_filenode.map"
        func damaged(_ reason: String) -> StorageError {
            StorageError(
                .clusterDamaged, "file \"\(path)\" is damaged: \(reason)",
                remedy: "Restore it from a backup of the cluster.",
                at: StorageError.Location(path: path))
        }
        guard let bytes = try storage.read(path) else { throw damaged("it is missing") }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        let capacity = Self.capacities.first { capacity in
            let end = 8 + 8 * capacity
            guard bytes.count >= end + 4 else { return false }
            return CRC32C.checksum(bytes.span.extracting(0..<end)) == word(end)
        }
        guard let capacity else { throw damaged("its checksum is wrong") }
        guard word(0) == Self.magic, word(4) <= UInt32(capacity) else {
            throw damaged("it does not begin as a map does")
        }
        for index in 0..<Int(word(4)) {
            numbers[word(8 + 8 * index)] = word(12 + 8 * index)
        }
    }

    /// The file number of a catalog.
    subscript(_ relation: UInt32) -> UInt32? { numbers[relation] }
}
