internal import AsyncIO
package import Logging
package import RelationLoader
internal import Strata

/// A store with the relation that all cases read. Its directory outlives this value.
package struct BenchData {
    private let store: String
    private let relationName = "bench"
    /// Where the engines that are measured log.
    let logger: Logger

    /// The number of pages in the relation.
    let pageCount: Int
    /// The sum over all pages' fields.
    let sum: UInt64
    /// The path of the relation's only file.
    let file: String

    /// Bytes of data that a run can have.
    package static let sizeLimits = (1 << 20)...(8 << 40)

    /// The most disk space a run takes, the store's own files included.
    ///
    /// - Parameters:
    ///   - loads: whether rows are loaded: from a file of that size, into two relations, one of
    ///     them replacing the other, and once without Strata. A relation is up to half as large
    ///     again as the file.
    ///   - journals: whether pages are written to a journal first.
    ///   - relations: how many relations case `growth` makes; nil without it.
    package static func diskBytes(size: Int, loads: Bool, journals: Bool, relations: Int? = nil)
        -> Int
    {
        let load = loads ? size + 3 * (size + size / 2) : 0
        let growth = relations.map { GrowthBench.diskBytes(relations: $0) } ?? 0
        return size + (2 << 20) + max(load, journals ? size + size / 8 + (16 << 20) : 0, growth)
    }

    /// The most memory a run takes: the pool, and as much as is read without Strata.
    package static func memoryBytes(size: Int) -> Int { poolBytes(size: size) + size + (16 << 20) }

    /// A pool that holds the relation, with room for reads in flight.
    private static func poolBytes(size: Int) -> Int { size + size / 4 }

    /// The size of a pool that holds the relation, with room for reads in flight.
    var poolBytes: Int { Self.poolBytes(size: pageCount * blockSize) }

    /// Makes the store. Afterwards the relation is on disk, and not in the kernel's cache.
    package init(
        in directory: borrowing BenchDirectory, byteCount: Int, logger: Logger,
        cancellation: Cancellation
    ) throws(BenchFailure) {
        store = directory.path + "/store"
        self.logger = logger
        pageCount = byteCount / blockSize
        sum = BenchPage.sum(ofPages: pageCount)
        var options = Self.options(.automatic, poolBytes: 32 << 20, logger)
        options.creation = .always
        // Measurements without Strata read one file.
        options.createdSegmentBlocks = max(131_072, pageCount)
        let engine = try BenchFailure.wrap { () throws(StorageError) in
            try Engine.open(directory.path + "/store", options: options)
        }
        do throws(BenchFailure) {
            let locator = try Self.fill(engine, relationName, pageCount, cancellation)
            file = "\(directory.path)/store/\(locator)"
        } catch {
            try? engine.close()
            throw error
        }
        try BenchFailure.wrap { () throws(StorageError) in try engine.close() }
        try BenchFile(file).dropFromPageCache()
    }

    private static func fill(
        _ engine: Engine, _ relation: String, _ pageCount: Int, _ cancellation: Cancellation
    ) throws(BenchFailure) -> RelationLocator {
        let session = try BenchFailure.wrap { () throws(StorageError) in try engine.makeSession() }
        defer { session.close() }
        let load = try BenchFailure.wrap { () throws(StorageError) in
            try engine.beginLoad(LoadTarget(relation: relation), session: session)
        }
        var item = BenchPage.item
        for block in 0..<UInt32(pageCount) {
            if cancellation.isCancelled { throw .cancelled }
            item[BenchPage.wordInItem(block)] = BenchPage.value(block)
            try BenchFailure.wrap { () throws(StorageError) in
                try load.nextPage().withEditor { page in
                    page.initialize()
                    let placed = unsafe try? page.addItem(item.span.bytes)
                    precondition(placed == 1, "an empty page has room for the item")
                }
            }
        }
        return try BenchFailure.wrap { () throws(StorageError) in
            try load.commit().locator
        }
    }

    private static func options(
        _ method: IOMethodChoice, poolBytes: Int, sessions: Int = 2, _ logger: Logger
    ) -> EngineOptions {
        var options = EngineOptions()
        options.ioMethod = method
        options.poolBytes = poolBytes
        // Closing the engine takes one more.
        options.maximumSessions = sessions + 2
        // Measure only the work of the cases.
        options.backgroundWriter = nil
        options.automaticCheckpoints = nil
        options.logger = logger
        return options
    }

    /// Opens the store, runs `body` and closes the store.
    ///
    /// - Parameters:
    ///   - sessions: how many sessions are opened.
    ///   - poolBytes: the size of the pool; nil: large enough for the relation.
    ///   - direct: whether to read files past the kernel's cache.
    ///   - concurrency: how many IOs a session can have in flight.
    ///   - device: the device to simulate.
    ///   - backgroundWriter: the settings of the background writer, if there is one.
    ///   - protection: how pages are protected while they are written.
    func withRelation<Result>(
        _ method: IOMethodChoice, sessions: Int = 2, poolBytes: Int? = nil, direct: Bool = false,
        concurrency: IOConcurrency = .automatic, device: DeviceModel? = nil,
        backgroundWriter: BackgroundWriterOptions? = nil, protection: TornPageProtection = .none,
        _ body: (Relation, Session) throws(BenchFailure) -> Result
    ) throws(BenchFailure) -> Result {
        var options = Self.options(
            method, poolBytes: poolBytes ?? self.poolBytes, sessions: sessions, logger)
        options.creation = .never
        options.usesDirectIO = direct
        options.concurrency = concurrency
        options.deviceModel = device
        options.backgroundWriter = backgroundWriter
        options.tornPageProtection = protection
        let engine = try BenchFailure.wrap { () throws(StorageError) in
            try Engine.open(store, options: options)
        }
        let result: Result
        do throws(BenchFailure) {
            let session = try BenchFailure.wrap { () throws(StorageError) in
                try engine.makeSession()
            }
            defer { session.close() }
            let relation = try BenchFailure.wrap { () throws(StorageError) in
                try engine.relation(named: relationName)
            }
            result = try body(relation, session)
        } catch {
            // Report the first error.
            try? engine.close()
            throw error
        }
        try BenchFailure.wrap { () throws(StorageError) in try engine.close() }
        return result
    }
}
