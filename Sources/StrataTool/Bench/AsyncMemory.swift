internal import AsyncIO
internal import Strata
internal import Synchronization

/// What a task that waits for a page takes, beyond what a task takes that waits for nothing of ours.
enum AsyncMemory {
    private static let taskCount = 10_000
    /// What there may be of it, in bytes a task.
    private static let limit = 1024.0
    /// So slow that nothing comes while memory is looked at.
    private static let device = DeviceModel(latencyNanoseconds: 700_000_000, parallelism: 1024)

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(
            method, sessions: 62, poolBytes: EngineOptions().poolBytes, device: device
        ) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            // Each IO holds up the thread that would look.
            if name == "sync" || BenchTasks.allocatedBytes == nil { return [] }
            var rows: [BenchRow] = []
            for (title, spread) in [("async/memory/queue", true), ("async/memory/page", false)] {
                var row = BenchRow(title, method: name, unit: "bytes/task", bar: .atMost(1))
                let pages = UInt32(plan.data.pageCount)
                for _ in 0..<plan.rounds {
                    // What is resident, nobody waits for.
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

    /// What each of so many tasks allocates that waits. Those that have stopped waiting before the
    /// last had begun are not counted.
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
            // One turn more, so that the last of them is where it waits.
            for _ in 0..<16 { await Task.yield() }
            let count = max(1, waiting())
            let bytes = (BenchTasks.allocatedBytes ?? 0) - before
            group.cancelAll()
            try await group.waitForAll()
            return Double(bytes) / Double(count)
        }
    }
}
