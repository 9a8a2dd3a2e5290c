internal import AsyncIO
internal import Strata
internal import Synchronization

/// Reading from Swift tasks: its cost compared with reading from threads, and that it keeps no
/// thread.
enum AsyncBench {
    /// How many tasks read a block each from the slow device in one measurement.
    private static let taskCount = 10_000

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        var rows = try measureResident(plan, method)
        rows += try measureDevice(plan, method)
        rows += try AsyncLatency.measure(plan, method)
        rows += try AsyncMemory.measure(plan, method)
        return rows
    }

    // MARK: Pages in the pool

    private static let hotPages = 512
    private static let visits = 32

    private static func measureResident(_ plan: BenchPlan, _ method: IOMethodChoice)
        throws(BenchFailure) -> [BenchRow]
    {
        try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            let count = UInt32(min(hotPages, plan.data.pageCount))
            let passes = visits * plan.data.pageCount / Int(count)
            let total = Double(passes) * Double(count)
            var row = BenchRow(
                "async/resident", method: relation.engine.ioMethodName, unit: "ns/page",
                bar: .atMost(2.5))
            try withSession(relation) { (executor, tasks) throws(BenchFailure) in
                for round in 0...plan.rounds {
                    var sums: (UInt64, UInt64) = (0, 0)
                    let blocking = try BenchClock.measure { () throws(BenchFailure) in
                        sums.0 = try pin(relation, session, count, passes)
                    }
                    let awaiting = try BenchClock.measure { () throws(BenchFailure) in
                        sums.1 = try BenchTasks.run(on: executor) {
                            try await pin(relation, tasks, count, passes)
                        }
                    }
                    guard sums.0 == sums.1 else { throw .wrongSum("async/resident") }
                    // The first round reads the pages.
                    if round == 0 { continue }
                    row.add(
                        value: awaiting.elapsed * 1e9 / total,
                        ceiling: blocking.elapsed * 1e9 / total,
                        processorMicroseconds: awaiting.processor * 1e6 / total)
                }
            }
            return [row]
        }
    }

    private static func pin(
        _ relation: Relation, _ session: Session, _ count: UInt32, _ passes: Int
    ) throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        do throws(StorageError) {
            for _ in 0..<passes {
                for block in 0..<count {
                    let page = try relation.page(BlockNumber(block), session: session)
                    sum &+= BenchPage.field(page, block)
                }
            }
        } catch { throw .storage(error) }
        return sum
    }

    private static func pin(
        _ relation: Relation, _ session: AsyncSession, _ count: UInt32, _ passes: Int
    ) async throws -> UInt64 {
        var sum: UInt64 = 0
        for _ in 0..<passes {
            for block in 0..<count {
                let page = try await relation.page(BlockNumber(block), session: session)
                sum &+= BenchPage.field(page, block)
            }
        }
        return sum
    }

    // MARK: A slow device

    private static func measureDevice(_ plan: BenchPlan, _ method: IOMethodChoice)
        throws(BenchFailure) -> [BenchRow]
    {
        try plan.data.withRelation(
            method, sessions: 62, poolBytes: EngineOptions().poolBytes, device: plan.device
        ) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            let bar: BenchBar? = name == "sync" ? nil : .atLeast(0.9)
            var own = BenchRow("async/device", method: name, unit: "blocks/s", bar: bar)
            var pool = BenchRow("async/device/pool", method: name, unit: "blocks/s", bar: bar)
            // With one IO at a time, fewer take long enough.
            var order = RandomOrder(
                pageCount: plan.data.pageCount, count: name == "sync" ? 256 : taskCount)
            var scan = RelationScan("async/device", plan, relation, session)
            try withSession(relation) { (executor, tasks) throws(BenchFailure) in
                for _ in 0..<plan.rounds {
                    let part = order.next()
                    let blocks = Double(part.blocks.count)
                    let stream = try scan.time(
                        BlockSequence(part.blocks), sum: part.sum, options: ReadStreamOptions())
                    for isOwn in [true, false] {
                        let next = order.next()
                        let time = try BenchClock.measure { () throws(BenchFailure) in
                            let sum = try BenchTasks.run(on: isOwn ? executor : nil) {
                                try await read(relation, tasks, next.blocks)
                            }
                            guard sum == next.sum else { throw .wrongSum("async/device") }
                        }
                        _ = try BenchFailure.wrap { () throws(StorageError) in
                            try relation.engine.buffers.evict(relation.open, session: session)
                        }
                        let processor = time.processor * 1e6 / blocks
                        let (value, ceiling) = (blocks / time.elapsed, blocks / stream.elapsed)
                        if isOwn {
                            own.add(
                                value: value, ceiling: ceiling, processorMicroseconds: processor)
                        } else {
                            pool.add(
                                value: value, ceiling: ceiling, processorMicroseconds: processor)
                        }
                    }
                }
            }
            return [own, pool]
        }
    }

    /// Reads blocks with one task each.
    private static func read(
        _ relation: Relation, _ session: AsyncSession, _ blocks: [BlockNumber]
    ) async throws -> UInt64 {
        try await withThrowingTaskGroup(of: UInt64.self) { group in
            for block in blocks {
                group.addTask {
                    let page = try await relation.page(block, session: session)
                    return BenchPage.field(page, block.rawValue)
                }
            }
            var sum: UInt64 = 0
            while let one = try await group.next() { sum &+= one }
            return sum
        }
    }

    /// Runs `body` with an executor and a session on it, and closes both.
    static func withSession(
        _ relation: Relation,
        _ body: (RingExecutor, AsyncSession) throws(BenchFailure) -> Void
    ) throws(BenchFailure) {
        let executor = try BenchFailure.wrap { () throws(StorageError) in try RingExecutor() }
        let session = try BenchFailure.wrap { () throws(StorageError) in
            try relation.engine.makeAsyncSession(on: executor)
        }
        var failure: BenchFailure?
        do throws(BenchFailure) { try body(executor, session) } catch { failure = error }
        try BenchTasks.run { await session.close() }
        try BenchFailure.wrap { () throws(StorageError) in try executor.shutdown() }
        if let failure { throw failure }
    }
}
