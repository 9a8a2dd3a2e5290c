internal import AsyncIO
internal import Strata
internal import Synchronization
internal import Threads

/// Writing beside other work. Pages of a relation four times the pool's size are changed at random,
/// so that each change must wait for a buffer; and pages in the pool are changed during a slow
/// checkpoint.
enum PressureBench {
    /// The background writer's delay between rounds.
    private static let delay = Duration.milliseconds(10)
    /// The time that a checkpoint is spread over.
    private static let spread = Duration.milliseconds(500)
    /// The number of pages visited between two checks for cancellation; a power of two.
    private static let stride: UInt32 = 1024

    /// With the background writer; against without.
    static func measureEvictions(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> BenchRow
    {
        var row: BenchRow?
        let gigabytes = Double(plan.data.pageCount) * Double(blockSize) / 1e9
        for round in 0..<plan.rounds {
            let without = try rewrite(plan, method, withWriter: false, round)
            let with = try rewrite(plan, method, withWriter: true, round)
            var next =
                row
                ?? BenchRow("write/background", method: with.method, unit: "GB/s", bar: nil)
            next.add(
                value: gigabytes / with.time.elapsed, ceiling: gigabytes / without.time.elapsed,
                processorMicroseconds: with.time.processor * 1e6 / Double(plan.data.pageCount))
            row = next
        }
        guard let row else { throw .wrongSum("write/background") }
        return row
    }

    private static func rewrite(
        _ plan: BenchPlan, _ method: IOMethodChoice, withWriter: Bool, _ round: Int
    ) throws(BenchFailure) -> (time: BenchTime, method: String) {
        var writer: BackgroundWriterOptions?
        if withWriter {
            writer = BackgroundWriterOptions()
            writer?.delay = delay
        }
        let poolBytes = max(1 << 20, plan.data.pageCount * blockSize / 4)
        return try plan.data.withRelation(
            method, poolBytes: poolBytes, backgroundWriter: writer
        ) { (relation, session) throws(BenchFailure) in
            let time = try BenchClock.measure { () throws(BenchFailure) in
                try change(plan, relation, relation.blockCount, mark: UInt64(round), session)
            }
            return (time, relation.engine.ioMethodName)
        }
    }

    /// During a checkpoint that is spread over half a second; against no checkpoint.
    static func measureSpread(_ plan: BenchPlan, _ relation: Relation, _ session: Session)
        throws(BenchFailure) -> BenchRow
    {
        let engine = relation.engine
        var row = BenchRow("write/spread", method: engine.ioMethodName, unit: "M/s", bar: nil)
        for round in 0..<plan.rounds {
            try change(plan, relation, relation.blockCount, mark: UInt64(round), session)
            let quiet = try changes(plan, relation, session) { false }
            let before = engine.checkpointStatistics
            let checkpoint = SpreadCheckpoint(engine, over: spread)
            let busy = try changes(plan, relation, session) { checkpoint.isDone }
            try checkpoint.end()
            guard engine.checkpointStatistics.completed == before.completed + 1 else {
                throw .wrongSum("write/spread")
            }
            row.add(
                value: busy.rate / 1e6, ceiling: quiet.rate / 1e6,
                processorMicroseconds: busy.processor * 1e6)
        }
        return row
    }

    /// Changes pages in the pool for a fifth of a second, or until `isDone`.
    private static func changes(
        _ plan: BenchPlan, _ relation: Relation, _ session: Session, until isDone: () -> Bool
    ) throws(BenchFailure) -> (rate: Double, processor: Double) {
        let start = BenchClock.reading
        var count = 0
        while true {
            try change(plan, relation, min(Self.stride, relation.blockCount), mark: 1, session)
            count += Int(min(Self.stride, relation.blockCount))
            let time = BenchClock.time(from: start, to: BenchClock.reading)
            if isDone() || time.elapsed > 0.2 {
                return (Double(count) / time.elapsed, time.processor / Double(count))
            }
        }
    }

    /// Marks so many pages, with neighbours far apart in time.
    private static func change(
        _ plan: BenchPlan, _ relation: Relation, _ count: UInt32, mark: UInt64, _ session: Session
    ) throws(BenchFailure) {
        let total = UInt64(relation.blockCount)
        for step in 0..<count {
            if step & (stride - 1) == 0 { try plan.checkCancellation() }
            // A prime, so that each block comes once.
            let block = UInt32(UInt64(step) &* 2_654_435_761 % total)
            try BenchFailure.wrap { () throws(StorageError) in
                try relation.page(BlockNumber(block), session: session).withExclusiveLock {
                    $0.storeBytes(of: mark, toByteOffset: blockSize - 8, as: UInt64.self)
                }
            }
        }
    }
}

/// A slow checkpoint on a thread of its own.
private final class SpreadCheckpoint: Sendable {
    private let done = Atomic<Bool>(false)
    private let failure = Lock<StorageError?>(nil, rank: .client)
    private let thread = Lock<OSThread?>(nil, rank: .client)

    var isDone: Bool { done.load(ordering: .acquiring) }

    init(_ engine: Engine, over duration: Duration) {
        let started = OSThread.start { [self] in
            do throws(StorageError) {
                let session = try engine.makeSession()
                defer { session.close() }
                try engine.checkpoint(session, pace: .spread(over: duration))
            } catch {
                failure.withLock { $0 = error }
            }
            done.store(true, ordering: .releasing)
        }
        thread.withLock { $0 = started }
    }

    /// Waits for its end.
    func end() throws(BenchFailure) {
        guard let thread = thread.withLock({ $0.take() }) else {
            throw .storage(
                StorageError(
                    .resourcesExhausted, "a thread could not be started",
                    remedy: "Raise the limit on the process's threads."))
        }
        thread.join()
        if let failure = failure.withLock({ $0 }) { throw .storage(failure) }
    }
}
