internal import AsyncIO
internal import RelationLoader
internal import Strata

/// A store with two relations of the same rows.
struct CompressStore {
    let plan: BenchPlan
    let method: IOMethodChoice

    /// The relation in plain files.
    static let plain = "plain"
    /// The compressed relation.
    static let small = "small"

    private var directory: String { plan.directory + "/compress-store" }

    /// Opens the store, runs `body` and closes the store.
    ///
    /// - Parameter poolShare: the pool holds one part in that many of the data; 0: all of it.
    func with<Result>(
        device: DeviceModel? = nil, poolShare: Int = 0,
        _ body: (Engine, Session) throws(BenchFailure) -> Result
    ) throws(BenchFailure) -> Result {
        var options = EngineOptions()
        options.ioMethod = method
        options.logger = plan.data.logger
        options.deviceModel = device
        options.poolBytes =
            poolShare == 0
            ? 2 * plan.data.poolBytes : max(1 << 20, plan.data.poolBytes / poolShare)
        options.maximumSessions = 4
        options.compressedDisk.properties.level = 1
        let engine = try BenchFailure.wrap { () throws(StorageError) in
            try Engine.open(directory, options: options)
        }
        let result: Result
        do throws(BenchFailure) {
            let session = try BenchFailure.wrap { () throws(StorageError) in
                try engine.makeSession()
            }
            defer { session.close() }
            result = try body(engine, session)
        } catch {
            // Report the first error.
            try? engine.close()
            throw error
        }
        try BenchFailure.wrap { () throws(StorageError) in try engine.close() }
        return result
    }

    /// Loads the file in place of the relation's contents.
    func load(
        _ file: borrowing LoadFile, _ relation: String, _ engine: Engine
    ) throws(BenchFailure) -> (time: BenchTime, pages: Int) {
        try plan.checkCancellation()
        var options = LoadOptions()
        options.mode = .replace
        options.schema = file.schema
        options.csv.hasHeader = false
        options.managerName = relation == Self.small ? "compressed" : "magnetic"
        options.cancellation = plan.cancellation
        let path = file.path
        var pages = 0
        let time = try BenchClock.measure { () throws(BenchFailure) in
            do throws(LoaderError) {
                let source: FileSource
                do throws(LoadError) {
                    source = try FileSource(path: path)
                } catch { throw .text(error) }
                pages = try RelationLoader.load(
                    source, into: relation, of: engine, options: options
                ).pageCount
            } catch {
                switch error {
                case .cancelled: throw .cancelled
                case .storage(let failure): throw .storage(failure)
                case .text(let failure):
                    throw .storage(
                        StorageError(StorageError.Code(rawValue: "wrongResult"), "\(failure)"))
                }
            }
        }
        return (time, pages)
    }

    /// Reads the relation into the pool and counts its rows, then evicts it, which is not timed.
    func scan(_ name: String, _ rowCount: UInt64, _ engine: Engine, _ session: Session)
        throws(BenchFailure) -> (time: BenchTime, pages: Int)
    {
        let relation = try BenchFailure.wrap { () throws(StorageError) in
            try engine.relation(named: name)
        }
        var rows: UInt64 = 0
        let cancellation = plan.cancellation
        let time = try BenchClock.measure { () throws(BenchFailure) in
            var stream = relation.stream(
                BlockRange(0..<relation.blockCount), session: session,
                options: ReadStreamOptions([.sequential, .full, .batching]))
            while true {
                let page = try BenchFailure.wrap { () throws(StorageError) in try stream.next() }
                guard let page else { break }
                page.withView { view in rows += UInt64(view.linePointerNumbers.count) }
                if page.block.rawValue & 1023 == 0, cancellation.isCancelled { throw .cancelled }
            }
        }
        guard rows == rowCount else { throw .wrongSum("compress") }
        _ = try BenchFailure.wrap { () throws(StorageError) in
            try engine.buffers.evict(relation.open, session: session)
        }
        return (time, Int(relation.blockCount))
    }

    /// The result of rewriting. Lengths are multiples of what the relation needs.
    struct Soak {
        var time = BenchTime()
        var rewrites = 0
        var greatest = 0.0
        var compacted = 0.0
    }

    /// Changes pages in random order, with a pool that holds few of them.
    ///
    /// - Parameter wanted: the number of changes; nil: the number of pages.
    func rewrite(
        _ name: String, _ round: Int, _ wanted: Int?, _ engine: Engine, _ session: Session
    ) throws(BenchFailure) -> Soak {
        let relation = try BenchFailure.wrap { () throws(StorageError) in
            try engine.relation(named: name)
        }
        let count = UInt64(relation.blockCount)
        var soak = Soak()
        var state = UInt64(round) &+ 1
        soak.time = try BenchClock.measure { () throws(BenchFailure) in
            for number in 0..<UInt64(wanted ?? Int(count)) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let block = BlockNumber(UInt32((state >> 33) % count))
                let page = try BenchFailure.wrap { () throws(StorageError) in
                    try relation.page(block, session: session)
                }
                // The prune transaction number of the page, which nothing here reads.
                page.withExclusiveLock { span in
                    span.storeBytes(
                        of: UInt32(truncatingIfNeeded: state), toByteOffset: 20, as: UInt32.self)
                }
                soak.rewrites += 1
                if number % 256 == 0 {
                    if plan.cancellation.isCancelled { throw .cancelled }
                    soak.greatest = max(soak.greatest, try growth(name, engine))
                }
            }
            try BenchFailure.wrap { () throws(StorageError) in try engine.checkpoint(session) }
        }
        _ = try BenchFailure.wrap { () throws(StorageError) in
            try engine.compact(relation: name, session: session)
        }
        soak.compacted = try growth(name, engine)
        soak.greatest = max(soak.greatest, soak.compacted)
        return soak
    }

    private func growth(_ name: String, _ engine: Engine) throws(BenchFailure) -> Double {
        let space = try BenchFailure.wrap { () throws(StorageError) in
            try engine.space(ofRelation: name)
        }
        return Double(space.fileBytes) / Double(max(1, space.usedBytes))
    }

    /// The path of the file with the chunks of a compressed relation.
    func path(_ name: String, _ engine: Engine) throws(BenchFailure) -> String {
        let locator = try BenchFailure.wrap { () throws(StorageError) in
            try engine.relation(named: name).locator
        }
        return "\(directory)/\(locator).chunks"
    }
}
