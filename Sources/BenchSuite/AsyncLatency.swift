internal import AsyncIO
internal import Strata
internal import Synchronization
internal import Threads

/// How soon a loop runs a new task while it also scans a relation, and that no thread that runs
/// tasks is blocked meanwhile.
enum AsyncLatency {
    /// The interval between tasks given to the loop, in microseconds.
    private static let interval: UInt32 = 200
    /// The least number of tasks in a round.
    private static let fewest = 500
    /// The limit for the 99th percentile, in milliseconds.
    private static let limit = 1.0

    /// How long each probe waited, in nanoseconds.
    private final class Probes: Sendable {
        let waits = Lock<[UInt64]>([], rank: .client)
        let isOver = Atomic<Bool>(false)
    }

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            var latency = BenchRow(
                "async/latency", method: name, unit: "ms p99", bar: .atMost(limit))
            try AsyncBench.withSession(relation) { (executor, tasks) throws(BenchFailure) in
                for _ in 0..<plan.rounds {
                    let probes = Probes()
                    let prober = OSThread.start { probe(executor, probes) }
                    var time = BenchTime()
                    repeat {
                        time = try BenchClock.measure { () throws(BenchFailure) in
                            let sum = try BenchTasks.run(on: executor) {
                                try await scan(relation, tasks)
                            }
                            guard sum == plan.data.sum else { throw .wrongSum("async/latency") }
                        }
                        _ = try BenchFailure.wrap { () throws(StorageError) in
                            try relation.engine.buffers.evict(relation.open, session: session)
                        }
                        try plan.checkCancellation()
                    } while prober != nil && probes.waits.withLock { $0.count } < fewest
                    probes.isOver.store(true, ordering: .releasing)
                    prober?.join()
                    let waits = probes.waits.withLock { $0.sorted() }
                    let worst =
                        waits.isEmpty ? 0 : waits[min(waits.count - 1, waits.count * 99 / 100)]
                    let processor = time.processor * 1e6 / Double(plan.data.pageCount)
                    latency.add(
                        value: Double(worst) / 1e6, ceiling: limit, processorMicroseconds: processor
                    )
                    try checkNothingBlocked(relation)
                }
            }
            return [latency]
        }
    }

    private static func checkNothingBlocked(_ relation: Relation) throws(BenchFailure) {
        let calls = relation.engine.system.statistics.blockingCallsInTasks
        if calls == 0 { return }
        throw .storage(
            StorageError(
                StorageError.Code(rawValue: "wrongResult"),
                "\(Figures.count(Int(calls), "call")) blocked a thread that runs tasks",
                remedy: "Do not use this version of Strata in servers."))
    }

    private static func probe(_ executor: RingExecutor, _ probes: Probes) {
        while !probes.isOver.load(ordering: .acquiring) {
            let start = Clock.monotonicNanoseconds
            Task(executorPreference: executor) {
                let wait = Clock.monotonicNanoseconds &- start
                probes.waits.withLock { $0.append(wait) }
            }
            usleep(interval)
        }
    }

    private static func scan(_ relation: Relation, _ session: AsyncSession) async throws -> UInt64 {
        var sum: UInt64 = 0
        var stream = relation.stream(
            BlockRange(0..<relation.blockCount), session: session,
            options: ReadStreamOptions([.sequential, .full, .batching]))
        while let page = try await stream.next() {
            sum &+= BenchPage.field(page, page.block.rawValue)
        }
        return sum
    }
}
