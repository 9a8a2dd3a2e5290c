internal import AsyncIO
internal import Strata
internal import Synchronization

/// The memory of a task that waits for a page, beyond that of a task that only sleeps.
enum AsyncMemory {
    private static let taskCount = 10_000
    /// The limit, in bytes per task.
    private static let limit = 1024.0
    /// So slow that no page comes while memory is measured.
    private static let device = DeviceModel(latencyNanoseconds: 700_000_000, parallelism: 1024)

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(
            method, sessions: 62, poolBytes: EngineOptions().poolBytes, device: device
        ) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            // Each IO blocks the thread that would measure.
            if name == "sync" || BenchTasks.allocatedBytes == nil { return [] }
            var rows: [BenchRow] = []
            for (title, spread) in [("async/memory/queue", true), ("async/memory/page", false)] {
                var row = BenchRow(title, method: name, unit: "bytes/task", bar: .atMost(1))
                let pages = UInt32(plan.data.pageCount)
                for _ in 0..<plan.rounds {
                    // No task waits for a resident page.
                    _ = try BenchFailure.wrap { () throws(StorageError) in
                        try relation.engine.buffers.evict(relation.open, session: session)
                    }
                    try AsyncBench.withSession(relation) {
                        (executor, session) throws(BenchFailure) in
                        let used = try BenchTasks.run(on: executor) {
                            try await bytesEach {
                                session.waitingCount
                            } wait: { index in
                                let block = spread ? UInt32(index) % pages : 0
                                _ = try await relation.page(BlockNumber(block), session: session)
                            }
                        }
                        let sleeping = Tally()
                        let plain = try BenchTasks.run(on: executor) {
                            try await bytesEach {
                                sleeping.count
                            } wait: { _ in
                                sleeping.add()
                                try await Task.sleep(for: .seconds(1000))
                            }
                        }
                        row.add(
                            value: max(1, used - plain), ceiling: limit, processorMicroseconds: 0)
                    }
                }
                rows.append(row)
            }
            return rows
        }
    }

    private final class Tally: Sendable {
        private let value = Atomic<Int>(0)
        var count: Int { value.load(ordering: .relaxed) }
        func add() { value.add(1, ordering: .relaxed) }
    }

    /// The memory allocated per waiting task. Tasks that stopped waiting before the last one began
    /// are not counted.
    private static func bytesEach(
        waiting: @escaping @Sendable () -> Int,
        wait: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Double {
        let ended = Tally()
        let before = BenchTasks.allocatedBytes ?? 0
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<taskCount {
                group.addTask {
                    try? await wait(index)
                    ended.add()
                }
            }
            while waiting() + ended.count < taskCount { await Task.yield() }
            // A few more turns, so that the last task has begun to wait.
            for _ in 0..<16 { await Task.yield() }
            let count = max(1, waiting())
            let bytes = (BenchTasks.allocatedBytes ?? 0) - before
            group.cancelAll()
            try await group.waitForAll()
            return Double(bytes) / Double(count)
        }
    }
}
