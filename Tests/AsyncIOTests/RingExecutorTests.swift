import AsyncIO
import StorageTesting
import Synchronization
import Testing

/// The executor's thread and what runs on it.
@Suite struct RingExecutorTests {
    @Test func tasksRunOnItsThread() async throws {
        let executor = try RingExecutor()
        let sum = await withTaskExecutorPreference(executor) {
            await withTaskGroup(of: Int.self) { group in
                for number in 0..<1000 {
                    group.addTask {
                        let before = executor.isCurrent
                        await Task.yield()
                        return before && executor.isCurrent ? number : -1_000_000
                    }
                }
                return await group.reduce(0, +)
            }
        }
        #expect(sum == 499_500)
        #expect(!executor.isCurrent)
        try executor.shutdown()
    }

    private actor Counter {
        let executor: RingExecutor
        private(set) var count = 0
        init(_ executor: RingExecutor) { self.executor = executor }
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            executor.asUnownedSerialExecutor()
        }
        func add() {
            executor.checkIsolated()
            count += 1
        }
    }

    @Test func actorsRunOnItsThread() async throws {
        let executor = try RingExecutor()
        let counter = Counter(executor)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { await counter.add() } }
        }
        #expect(await counter.count == 100)
        try executor.shutdown()
    }

    @Test func oneACoreIsOneLine() async throws {
        let executors = try (0..<3).map { _ in try RingExecutor() }
        for executor in executors {
            let isThere = await Task(executorPreference: executor) { executor.isCurrent }.value
            #expect(isThere)
        }
        for executor in executors { try executor.shutdown() }
    }

    @Test func whatItWasGivenIsRunBeforeItEnds() async throws {
        let executor = try RingExecutor()
        let tasks = (0..<100).map { number in
            Task(executorPreference: executor) { number }
        }
        try executor.shutdown()
        var sum = 0
        for task in tasks { sum += await task.value }
        #expect(sum == 4950)
    }
}
