import AsyncIO
import StorageTesting
import Synchronization
import Testing
import Threads

/// IO that code outside the method executes, beside the method's own, on many threads.
@Suite struct OutsideStressTests {
    /// What the threads share: IO that was begun, and how many threads are busy with it.
    private final class Field: @unchecked Sendable {
        let bench: OutsideBench
        let file: TestFile
        let running: Atomic<Int>
        let refused = Atomic<Int>(0)
        let references = Lock<[WaitReference]>([], rank: .observer)

        init(_ method: TestedMethod, users: Int) throws {
            bench = try OutsideBench(method.choice)
            file = try TestFile(bench.system)
            running = Atomic(users)
        }

        /// Starts, batches, waits and abandons as the seed says.
        func use(_ random: inout SplitMix64, rounds: Int) throws -> Int {
            let session = try bench.system.makeSession()
            let memory = (0..<4).map { _ in IOMemory(512) }
            var started = 0
            for _ in 0..<rounds {
                let isBatch = random.below(2) == 0
                if isBatch { try session.enterBatch() }
                var mine: [(reference: WaitReference, isOutside: Bool)] = []
                for place in 0..<1 + random.below(4) {
                    let isOutside = random.below(3) > 0
                    let isInline = random.below(8) == 0
                    let reference =
                        isOutside
                        ? try bench.start(session, isInline ? { $0.complete(result: 1) } : nil)
                        : try session.read(file, into: memory[place], at: 512 * place)
                    if isOutside { started += 1 }
                    mine.append((reference, isOutside))
                }
                if isBatch { try session.exitBatch() }
                references.withLock { $0 = mine.map(\.reference) }
                // The next acquisition, or closing, waits for the rest.
                if random.below(4) > 0 {
                    for one in mine { try session.wait(for: one.reference) }
                }
            }
            session.close()
            running.subtract(1, ordering: .acquiringAndReleasing)
            return started
        }

        /// Completes what is begun, some of it by two threads at a time.
        func complete(_ random: inout SplitMix64) {
            while true {
                let isOver = running.load(ordering: .acquiring) == 0
                let io = bench.begun.withLock { begun -> OutsideIO? in
                    guard !begun.isEmpty else { return nil }
                    let place = random.below(begun.count)
                    // Another thread completes it as well.
                    return random.below(4) == 0 ? begun[place] : begun.remove(at: place)
                }
                guard let io else {
                    if isOver { return }
                    usleep(20)
                    continue
                }
                if !io.complete(result: 1) { refused.add(1, ordering: .relaxed) }
            }
        }
    }

    @Test(arguments: IOMethodMatrix.all, 0..<3 as Range<UInt64>)
    func everyIOIsCompletedOnce(_ method: TestedMethod, stream: UInt64) throws {
        let users = 3
        let field = try Field(method, users: users)
        let started = try TestThreads.run(users + 3) { index in
            var random = SplitMix64(
                seed: IOMethodMatrix.seed, stream: stream * 16 + UInt64(index))
            if index < users { return try field.use(&random, rounds: 150) }
            if index == users {
                while field.running.load(ordering: .acquiring) > 0 {
                    let some = field.references.withLock { $0 }
                    for reference in some { try field.bench.system.wait(for: reference) }
                    _ = field.bench.system.snapshot()
                    usleep(50)
                }
                return 0
            }
            field.complete(&random)
            return 0
        }
        let total = started.reduce(0, +)
        #expect(field.bench.log.staged.load(ordering: .relaxed) == total)
        #expect(field.bench.log.shared.load(ordering: .relaxed) == total)
        #expect(field.bench.log.local.load(ordering: .relaxed) == total)
        #expect(field.bench.system.statistics.elsewhere == UInt64(total))
        #expect(field.bench.system.shutdown())
    }

    /// A loop's participant that keeps some IO in flight, which the test executes.
    private final class Loop: RingParticipant, @unchecked Sendable {
        let bench: OutsideBench
        /// Used by the loop only, like the fields below.
        let session: Session
        private var waiting: [(WaitReference, Ring)] = []
        private var started = 0
        let done = Atomic<Int>(0)
        static let count = 300

        final class Ring: WakeUp, @unchecked Sendable {
            let executor: RingExecutor
            init(_ executor: RingExecutor) { self.executor = executor }
            override func fire() { executor.ring() }
        }
        let executor: RingExecutor

        init(_ bench: OutsideBench, _ executor: RingExecutor) throws {
            self.bench = bench
            self.executor = executor
            session = try bench.system.makeSession()
        }

        func turn() -> UInt64? {
            session.reclaimCompleted()
            waiting.removeAll { reference, _ in
                guard bench.system.isDone(reference) else { return false }
                done.add(1, ordering: .releasing)
                return true
            }
            try? session.enterBatch()
            while started < Self.count, waiting.count < 4, session.hasIdleHandle {
                guard let reference = try? bench.start(session) else { break }
                waiting.append((reference, Ring(executor)))
                started += 1
            }
            session.endScope(onError: true)
            // The bell is for other threads: what has completed meanwhile takes another turn.
            var isOver = false
            for (reference, ring) in waiting where !ring.isRegistered {
                if !bench.system.register(ring, for: reference) { isOver = true }
            }
            return isOver ? 0 : nil
        }

        func watch(_ add: (CInt) -> Void) {}
    }

    @Test(.timeLimit(.minutes(2)), arguments: IOMethodMatrix.all)
    func aLoopIsToldOfIt(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        let executor = try RingExecutor()
        try TestThreads.run {
            let loop = try Loop(bench, executor)
            try executor.attach(loop)
            try TestThreads.waitOrFail("all is done", seconds: 60) {
                while let io = bench.take() { io.complete(result: 0) }
                return loop.done.load(ordering: .acquiring) == Loop.count
            }
            executor.detach(loop)
            try executor.shutdown()
            #expect(bench.system.statistics.blockingCallsInTasks == 0)
        }
    }
}
