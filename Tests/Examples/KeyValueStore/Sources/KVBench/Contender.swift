import Foundation

/// What a store is opened for.
struct Opening: Sendable {
    var path: String
    /// Bytes of memory for cached pages.
    var cacheBytes: Int
    /// Whether the data does not fit into memory.
    var exceedsMemory = false
    var threads = 2
    let work: Workload
}

/// One of the stores that are compared.
protocol Contender: AnyObject, Sendable {
    var opening: Opening { get }
    /// The settings that differ from the store's own, for people.
    var settings: String { get }
    /// How many entries it is given at a time while loading: as many as suit it.
    var loadBatch: Int { get }
    /// What one thread uses.
    func worker() throws -> any Worker
    /// Makes what was loaded durable.
    func finishLoad() throws
    /// Does what the manual advises between loading and reading. Its time is not counted.
    func settle() throws
    func close() throws
}

/// What one thread uses of a store. Loops are inside, so that no call costs more for one store than
/// for another.
protocol Worker: AnyObject {
    /// Puts keys that are not there yet, as one batch whose durability may wait.
    func load(_ numbers: ArraySlice<UInt32>, inOrder: Bool) throws
    /// Reads random keys below a bound.
    ///
    /// - Returns: how many had a wrong value or none.
    func read(_ count: Int, below bound: Int, _ random: inout Random) throws -> Int
    /// Reads entries in order from a key on.
    func scan(from first: Int, _ count: Int) throws -> Int
    /// Changes a key's value, durably when it returns.
    func update(_ number: Int) throws
    func close()
}

/// A store that cannot be used as it should.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The stores by name.
enum Contenders {
    static let ours = "strata-kv"
    static let names = [ours, "lmdb", "rocksdb", "sqlite"]

    static func open(_ name: String, _ opening: Opening) throws -> any Contender {
        try FileManager.default.createDirectory(
            atPath: opening.path, withIntermediateDirectories: true)
        switch name {
        case ours: return try StrataContender(opening)
        case "lmdb": return try LMDBContender(opening)
        case "rocksdb": return try RocksDBContender(opening)
        default: return try SQLiteContender(opening)
        }
    }
}
