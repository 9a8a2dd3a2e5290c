internal import AsyncIO
internal import PostgresReading
internal import StorageManager

/// The file numbers of the catalogs that no catalog records: a database's `pg_filenode.map`, or the
/// shared one. Mirrors `RelMapFile`.
struct RelationMap {
    private let numbers: [UInt32: UInt32]
    /// Whether the map could not be read, so that a catalog is where a new cluster has it.
    private var isAssumed = false

    private static let magic: UInt32 = 0x592717
    /// The capacity in entries: 62 up to PostgreSQL 15, 64 from 16 on.
    private static let capacities = [62, 64]

    /// Reads the map of a folder.
    ///
    /// - Parameter assumesDefaults: whether to look for the catalogs' files if it cannot be read,
    ///   and to assume that the others are where a new cluster has them.
    init(
        _ storage: DataDirectory, folder: String, assumesDefaults: Bool
    ) throws(StorageError) {
        do throws(StorageError) {
            numbers = try Self.numbers(storage, folder)
        } catch {
            guard assumesDefaults, error.code == .clusterDamaged else { throw error }
            numbers = CatalogSearch.numbers(storage, folder: folder)
            isAssumed = true
        }
    }

    /// Reads the map of a folder.
    init(_ storage: DataDirectory, folder: String) throws(StorageError) {
        numbers = try Self.numbers(storage, folder)
    }

    private static func numbers(
        _ storage: DataDirectory, _ folder: String
    ) throws(StorageError) -> [UInt32: UInt32] {
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
        var numbers: [UInt32: UInt32] = [:]
        for index in 0..<Int(word(4)) {
            numbers[word(8 + 8 * index)] = word(12 + 8 * index)
        }
        return numbers
    }

    /// The file number of a catalog.
    subscript(_ relation: UInt32) -> UInt32? {
        numbers[relation]
            ?? (isAssumed && CatalogSearch.isSought(relation) ? relation : nil)
    }
}
