import StorageTesting
import Synchronization
import Testing
import Threads

@Suite struct ServiceThreadTests {
    private final class Counter: Sendable { let value = Atomic<Int>(0) }

    /// A thread that counts how many pieces of work it takes of those it is told of.
    private static func start(_ waiting: Counter, _ done: Counter) throws -> ServiceThread {
        let thread = ServiceThread.start { thread in
            while true {
                let (seen, isEnding) = (thread.rings, thread.isEnding)
                let taken = waiting.value.exchange(0, ordering: .sequentiallyConsistent)
                done.value.add(taken, ordering: .sequentiallyConsistent)
                if taken > 0 { continue }
                if isEnding { return }
                thread.sleep(since: seen)
            }
        }
        return try #require(thread)
    }

    @Test func nothingRungForIsMissed() throws {
        let (waiting, done) = (Counter(), Counter())
        let thread = try Self.start(waiting, done)
        try TestThreads.run(2) { _ in
            for _ in 0..<2000 {
                waiting.value.add(1, ordering: .sequentiallyConsistent)
                thread.ring()
            }
        }
        // Nothing wakes the thread any more: what it does not see now, it has missed.
        while done.value.load(ordering: .sequentiallyConsistent) < 4000 { sched_yield() }
        thread.end()
        #expect(done.value.load(ordering: .sequentiallyConsistent) == 4000)
    }

    @Test func endingEndsALongSleepAndIsDoneOnce() throws {
        let asleep = Counter()
        let thread = try #require(
            ServiceThread.start { thread in
                asleep.value.store(1, ordering: .sequentiallyConsistent)
                while !thread.isEnding { thread.sleep(.seconds(3600)) }
            })
        while asleep.value.load(ordering: .sequentiallyConsistent) == 0 { sched_yield() }
        thread.end()
        thread.end()
        #expect(thread.isEnding)
    }

    @Test func theThreadItselfMayEndIt() throws {
        let ended = Counter()
        _ = try #require(
            ServiceThread.start { thread in
                thread.end()
                ended.value.store(1, ordering: .sequentiallyConsistent)
            })
        while ended.value.load(ordering: .sequentiallyConsistent) == 0 { sched_yield() }
    }
}
