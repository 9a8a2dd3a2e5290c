import AsyncIO
import StorageTesting
import Synchronization
import Testing
import Threads

/// A target whose reopening fails or keeps its worker in the kernel, as configured.
final class StubbornTarget: IOTarget {
    let canReopen: Bool
    let failure = Atomic<CInt>(0)
    let gate: Gate?
    let reopened = Atomic<Int>(0)

    init(canReopen: Bool = true, gate: Gate? = nil) {
        self.canReopen = canReopen
        self.gate = gate
    }

    var name: String { "stubborn" }

    func reopen(_ io: borrowing IOView) -> CInt {
        reopened.add(1, ordering: .relaxed)
        gate?.pass()
        let failure = failure.load(ordering: .relaxed)
        return failure == 0 ? io.descriptor : -failure
    }

    func describe(_ data: IOTargetData) -> String { "" }
}

/// A target that puts the thread that reopens it to sleep for a while, as a device would.
final class SleepyTarget: IOTarget {
    let name = "sleepy"
    let canReopen = true

    func reopen(_ io: borrowing IOView) -> CInt {
        usleep(5_000)
        return io.descriptor
    }

    func describe(_ data: IOTargetData) -> String { "" }
}

/// Holds threads back until it is opened.
final class Gate: Sendable {
    private let opened = Atomic<Bool>(false)
    let waiting = Atomic<Int>(0)

    func pass() {
        waiting.add(1, ordering: .relaxed)
        while !opened.load(ordering: .acquiring) { usleep(200) }
    }

    func open() { opened.store(true, ordering: .releasing) }
}

/// Keeps the completing thread in its callback.
private final class GatedCallbacks: IOCallbacks {
    private let gate: Gate
    init(_ gate: Gate) { self.gate = gate }

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        gate.pass()
        return prior
    }
}

@Suite struct WorkerTests {
    func configuration(_ change: (inout WorkerConfiguration) -> Void = { _ in })
        -> WorkerConfiguration
    {
        var configuration = WorkerConfiguration()
        change(&configuration)
        return configuration
    }

    @Test func failedReopenFailsThatIOAlone() throws {
        let system = try makeSystem(.worker)
        let target = StubbornTarget()
        let file = try TestFile(system, target: target)
        let session = try system.makeSession()
        let memory = IOMemory(4096)
        let report = IOReturn()
        target.failure.store(EMFILE, ordering: .relaxed)
        try session.wait(for: session.read(file, into: memory, at: 0, reporting: report))
        #expect(report.result.status == .error)
        #expect(report.result.errorData == UInt32(EMFILE))
        target.failure.store(0, ordering: .relaxed)
        try session.wait(for: session.read(file, into: memory, at: 0, reporting: report))
        #expect(report.result == IOResult(.ok, value: 4096))
        #expect(target.reopened.load(ordering: .relaxed) == 2)
    }

    @Test func targetThatCannotBeReopenedRunsInTheSubmitter() throws {
        let system = try makeSystem(.worker)
        let target = StubbornTarget(canReopen: false)
        let file = try TestFile(system, target: target)
        let session = try system.makeSession()
        let memory = IOMemory(4096)
        let report = IOReturn()
        _ = try session.read(file, into: memory, at: 0, reporting: report)
        #expect(report.result == IOResult(.ok, value: 4096), "done before the start returned")
        #expect(target.reopened.load(ordering: .relaxed) == 0)
        #expect(system.statistics.synchronousExecutions == 1)
    }

    @Test func localReferencesRunInTheSubmitter() throws {
        let system = try makeSystem(.worker)
        let target = StubbornTarget()
        let file = try TestFile(system, target: target)
        let session = try system.makeSession()
        let memory = IOMemory(4096)
        let report = IOReturn()
        _ = try session.read(
            file, into: memory, at: 0, reporting: report, flags: .referencesLocal)
        #expect(report.result == IOResult(.ok, value: 4096))
        #expect(target.reopened.load(ordering: .relaxed) == 0)
    }

    @Test func fullQueueRunsTheRestInTheSubmitter() throws {
        let gate = Gate()
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.minimumWorkers = 1
                    $0.maximumWorkers = 1
                    $0.queueCapacity = 1
                }))
        let blocker = try TestFile(system, target: StubbornTarget(gate: gate))
        let file = try TestFile(system)
        let session = try system.makeSession()
        let blocked = IOMemory(1024)
        let first = try session.read(blocker, into: blocked, at: 0)
        while gate.waiting.load(ordering: .relaxed) == 0 { usleep(200) }
        let memories = (0..<4).map { _ in IOMemory(1024) }
        try session.enterBatch()
        let references = try memories.map { try session.read(file, into: $0, at: 1024) }
        try session.exitBatch()
        #expect(references.filter { session.isDone($0) }.count == 3, "one fits into the queue")
        #expect(system.statistics.synchronousExecutions == 3)
        gate.open()
        for reference in references + [first] { try session.wait(for: reference) }
        for memory in memories { #expect(memory.holds(from: 1024, count: 1024)) }
    }

    @Test func poolGrowsWhileWorkersAreBlockedAndShrinksWhenIdle() throws {
        let gate = Gate()
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.minimumWorkers = 1
                    $0.maximumWorkers = 6
                    $0.idleTimeoutNanoseconds = 20_000_000
                })
        ) { $0.concurrency = .fixed(32) }
        #expect(system.statistics.workers == 1)
        let file = try TestFile(system, target: StubbornTarget(gate: gate))
        let session = try system.makeSession()
        var memories: [IOMemory] = []
        var references: [WaitReference] = []
        try TestThreads.waitOrFail("as many workers as the maximum allows are blocked") {
            // Each start is a look at the queue; a look is what launches a worker.
            if references.count < 24 {
                memories.append(IOMemory(1024))
                references.append(try session.read(file, into: memories.last!, at: 0))
            }
            return gate.waiting.load(ordering: .relaxed) == 6
        }
        #expect(system.statistics.workers == 6)
        gate.open()
        for reference in references { try session.wait(for: reference) }
        try TestThreads.waitOrFail("the pool shrinks") { system.statistics.workers == 1 }
    }

    /// Looks at the pool are further apart than the launch interval on such a device.
    @Test(arguments: [0, 1_000_000, 20_000_000] as [UInt64])
    func aSlowDeviceGetsTheWorkersItNeeds(launchInterval: UInt64) throws {
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.maximumWorkers = 48
                    $0.launchIntervalNanoseconds = launchInterval
                })
        ) {
            $0.concurrency = .fixed(256)
            $0.deviceModel = DeviceModel(latencyNanoseconds: 10_000_000, parallelism: 64)
        }
        let file = try TestFile(system)
        let greatest = Atomic<Int>(0)
        let threads = StartedThreads(3) { _ in
            guard let session = try? system.makeSession() else { return }
            let memories = (0..<200).map { _ in IOMemory(1024) }
            var references: [WaitReference] = []
            for memory in memories {
                guard let reference = try? session.read(file, into: memory, at: 1024) else {
                    Issue.record("a read could not be started")
                    return
                }
                references.append(reference)
            }
            for (position, reference) in references.enumerated() {
                _ = try? session.wait(for: reference)
                #expect(memories[position].holds(from: 1024, count: 1024))
                let workers = system.statistics.workers
                if workers > greatest.load(ordering: .relaxed) {
                    greatest.store(workers, ordering: .relaxed)
                }
            }
        }
        try threads.join()
        #expect(greatest.load(ordering: .relaxed) == 48)
    }

    @Test func whatWokeNobodyIsExecutedOnceIOTurnsOutToBeSlow() throws {
        let gate = Gate()
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.minimumWorkers = 2
                    $0.maximumWorkers = 2
                }))
        let caught = try TestFile(system, target: StubbornTarget(gate: gate))
        let slow = try TestFile(system, target: SleepyTarget())
        let file = try TestFile(system)
        let session = try system.makeSession()
        let (first, second, third) = (IOMemory(1024), IOMemory(65536), IOMemory(1024))
        let held = try session.read(caught, into: first, at: 0)
        try TestThreads.waitOrFail("a worker is caught") {
            gate.waiting.load(ordering: .relaxed) == 1
        }
        let long = try session.read(slow, into: second, at: 0)
        let last = try session.read(file, into: third, at: 1024)
        try session.wait(for: last)
        #expect(third.holds(from: 1024, count: 1024))
        try session.wait(for: long)
        #expect(!session.isDone(held))
        gate.open()
        try session.wait(for: held)
    }

    @Test func whoWaitsExecutesWhatNobodyHasBegun() throws {
        let gate = Gate()
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.minimumWorkers = 1
                    $0.maximumWorkers = 1
                }))
        let caught = try TestFile(system, target: StubbornTarget(gate: gate))
        let file = try TestFile(system)
        let session = try system.makeSession()
        let (first, second) = (IOMemory(1024), IOMemory(1024))
        let held = try session.read(caught, into: first, at: 0)
        try TestThreads.waitOrFail("the only worker is caught") {
            gate.waiting.load(ordering: .relaxed) == 1
        }
        let waiting = try session.read(file, into: second, at: 1024)
        try session.wait(for: waiting)
        #expect(second.holds(from: 1024, count: 1024))
        #expect(!session.isDone(held))
        gate.open()
        try session.wait(for: held)
        #expect(first.holds(from: 0, count: 1024))
    }

    @Test func theNumberOfWorkersChangesWhileTheyWork() throws {
        let gate = Gate()
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.minimumWorkers = 1
                    $0.maximumWorkers = 1
                })
        ) { $0.concurrency = .fixed(32) }
        let held = try TestFile(system, target: StubbornTarget(gate: gate))
        let session = try system.makeSession()
        let memories = (0..<12).map { _ in IOMemory(1024) }
        let references = try memories.map { try session.read(held, into: $0, at: 0) }
        try TestThreads.waitOrFail("the only worker is caught") {
            gate.waiting.load(ordering: .relaxed) == 1
        }
        try system.setWorkers(minimum: 4, maximum: 6)
        #expect(system.statistics.workers >= 4)
        try TestThreads.waitOrFail("the new ones are caught too") {
            gate.waiting.load(ordering: .relaxed) >= 4
        }
        #expect(system.statistics.workers <= 6)
        try system.setWorkers(minimum: 1, maximum: 2)
        gate.open()
        for reference in references { try session.wait(for: reference) }
        for memory in memories { #expect(memory.holds(from: 0, count: 1024)) }
        try TestThreads.waitOrFail("those above the maximum end") {
            system.statistics.workers <= 2
        }
        // Idle ones above the maximum are woken to end; and what is left still works.
        try system.setWorkers(minimum: 5, maximum: 5)
        #expect(system.statistics.workers == 5)
        try system.setWorkers(minimum: 1, maximum: 1)
        try TestThreads.waitOrFail("the idle ones end") { system.statistics.workers == 1 }
        let file = try TestFile(system)
        try session.wait(for: session.read(file, into: memories[0], at: 1024))
        #expect(memories[0].holds(from: 1024, count: 1024))
    }

    @Test func onlyAWorkerPoolHasWorkers() throws {
        for (minimum, maximum) in [(0, 4), (5, 4), (1, 2000)] {
            expectError(.invalidConfiguration) {
                try makeSystem(.worker).setWorkers(minimum: minimum, maximum: maximum)
            }
        }
        expectError(.misuse) { try makeSystem(.synchronous).setWorkers(minimum: 1, maximum: 4) }
    }

    @Test func aWaiterSleepsWhileAnotherThreadRunsCallbacks() throws {
        let gate = Gate()
        let system = try makeSystem(.worker)
        let callbacks = try system.register(callbacks: GatedCallbacks(gate))
        let file = try TestFile(system)
        let session = try system.makeSession()
        let memory = IOMemory(1024)
        let reference = try session.read(file, into: memory, at: 0, callbacks: [callbacks])
        try TestThreads.waitOrFail("a worker runs the callbacks") {
            gate.waiting.load(ordering: .relaxed) == 1
        }
        let waiter = TestThreads.beside { try system.wait(for: reference) }
        try TestThreads.waitOrFail("the waiter sleeps") { system.statistics.blockedWaits == 1 }
        gate.open()
        #expect(try waiter.join())
        try session.wait(for: reference)
    }

    @Test func anIdleTimeoutOfZeroEndsWorkersAtOnce() throws {
        let gate = Gate()
        let system = try makeSystem(
            .worker(
                configuration {
                    $0.minimumWorkers = 2
                    $0.maximumWorkers = 8
                    $0.idleTimeoutNanoseconds = 0
                    $0.launchIntervalNanoseconds = 0
                })
        ) { $0.concurrency = .fixed(32) }
        let file = try TestFile(system, target: StubbornTarget(gate: gate))
        let session = try system.makeSession()
        let memories = (0..<24).map { _ in IOMemory(1024) }
        let references = try memories.map { memory in
            usleep(300)
            return try session.read(file, into: memory, at: 0)
        }
        try TestThreads.waitOrFail("the pool grows") {
            gate.waiting.load(ordering: .relaxed) == 8
        }
        gate.open()
        for reference in references { try session.wait(for: reference) }
        try TestThreads.waitOrFail("the pool shrinks") { system.statistics.workers == 2 }
    }

    @Test(arguments: [(0, 4), (5, 4), (1, 2000)])
    func impossiblePoolSizesAreRefused(minimum: Int, maximum: Int) {
        expectError(.invalidConfiguration) {
            _ = try makeSystem(
                .worker(
                    configuration {
                        $0.minimumWorkers = minimum
                        $0.maximumWorkers = maximum
                    }))
        }
    }
}
