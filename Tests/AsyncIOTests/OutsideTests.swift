import AsyncIO
import StorageTesting
import Synchronization
import Testing
import Threads

/// Counts the calls of its callbacks.
final class OutsideLog: IOCallbacks, @unchecked Sendable {
    let staged = Atomic<Int>(0)
    let shared = Atomic<Int>(0)
    let local = Atomic<Int>(0)
    let sharedThread = Atomic<UInt>(0)

    static var thread: UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }

    var phases: IOCallbackPhases { [.stage, .completeShared, .completeLocal] }

    func stage(_ io: borrowing IOView, registration: IOCallbackRegistration) {
        staged.add(1, ordering: .relaxed)
    }
    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        shared.add(1, ordering: .relaxed)
        sharedThread.store(Self.thread, ordering: .relaxed)
        return prior
    }
    func completeLocal(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        local.add(1, ordering: .relaxed)
        return prior
    }
}

/// A core, and what a test needs to start IO on it that code outside the method executes.
final class OutsideBench: @unchecked Sendable {
    let system: IOSystem
    let target: IOTargetID
    let log = OutsideLog()
    let callbacks: IOCallbackID
    /// IO that was begun and not yet completed.
    let begun = Lock<[OutsideIO]>([], rank: .observer)

    init(_ method: IOMethodChoice) throws {
        system = try makeSystem(method)
        target = try system.register(target: PlainTarget())
        callbacks = try system.register(callbacks: log)
    }

    func take() -> OutsideIO? { begun.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

    func start(
        _ session: Session, memory: IOMemory? = nil, flags: IOFlags = [],
        reporting report: IOReturn? = nil, _ begin: ((OutsideIO) -> Void)? = nil
    ) throws -> WaitReference {
        let handle = try session.acquireHandle(reporting: report)
        let reference = handle.waitReference
        try handle.setTarget(target, data: IOTargetData(7))
        handle.setFlags(flags)
        try handle.registerCallbacks(callbacks)
        if let memory { try handle.appendVector(memory.bytes) }
        handle.startElsewhere(.read, at: 4096) { io in
            if let begin { begin(io) } else { self.begun.withLock { $0.append(io) } }
        }
        return reference
    }
}

/// IO that code outside the method executes.
@Suite struct OutsideTests {
    @Test(arguments: IOMethodMatrix.all)
    func anotherThreadCompletesIt(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        let memory = IOMemory(8192)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            let report = IOReturn()
            let reference = try bench.start(session, memory: memory, reporting: report)
            #expect(!session.isDone(reference))
            #expect(!bench.system.isDone(reference))
            let shown = try #require(bench.system.snapshot().first)
            #expect(shown.state == .submitted)
            #expect(shown.operation == .read && shown.offset == 4096 && shown.length == 8192)
            #expect(shown.targetDescription == "word 7")
            let waiters = StartedThreads(2) { _ in _ = try? bench.system.wait(for: reference) }
            let completer = TestThreads.beside {
                let io = try #require(bench.take())
                #expect(io.operation == .read && io.offset == 4096 && io.length == 8192)
                #expect(io.sessionIndex == 0)
                usleep(2000)
                for index in io.vectors[0].iov_base.indices(8192) {
                    io.vectors[0].iov_base.storeBytes(of: 9, toByteOffset: index, as: UInt8.self)
                }
                #expect(io.complete(result: 8192))
            }
            try session.wait(for: reference)
            #expect(memory.bytes.allSatisfy { $0 == 9 })
            #expect(report.result.status == .ok && report.result.value == 8192)
            try completer.join()
            try waiters.join()
            let log = bench.log
            #expect(log.staged.load(ordering: .relaxed) == 1)
            #expect(log.shared.load(ordering: .relaxed) == 1)
            #expect(log.local.load(ordering: .relaxed) == 1)
            #expect(bench.system.snapshot().isEmpty)
            #expect(bench.system.statistics.elsewhere == 1)
            session.close()
            #expect(bench.system.shutdown())
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func itMayBeCompletedAsItIsBegun(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            let report = IOReturn()
            for round in 0..<20 {
                let reference = try bench.start(session, reporting: report) { io in
                    #expect(io.complete(result: -Int(EIO)))
                    #expect(!io.complete(result: 5))
                }
                #expect(session.isDone(reference))
                #expect(report.result.status == .error && report.result.value == -EIO)
                #expect(bench.log.local.load(ordering: .relaxed) == round + 1)
            }
            session.close()
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func aBatchHoldsItBack(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        let file = try TestFile(bench.system)
        let memory = IOMemory(8192)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            try session.enterBatch()
            let first = try bench.start(session)
            let plain = try session.read(file, into: memory, at: 4096)
            let second = try bench.start(session)
            let inline = try bench.start(session) { $0.complete(result: 1) }
            #expect(session.hasStaged)
            #expect(bench.begun.withLock { $0.isEmpty })
            // Synchronous IO is not held back.
            let urgent = try bench.start(session, flags: .synchronous)
            #expect(bench.begun.withLock { $0.count } == 1)
            #expect(bench.take()?.complete(result: 0) == true)
            try session.wait(for: urgent)
            try session.exitBatch()
            #expect(!session.hasStaged)
            #expect(session.isDone(inline))
            try session.wait(for: plain)
            #expect(memory.holds(from: 4096, count: 8192))
            #expect(!session.isDone(first) && !session.isDone(second))
            // In the order in which they were started.
            let ids = bench.begun.withLock { $0.map(\.generation) }
            #expect(ids.count == 2)
            while let io = bench.take() { io.complete(result: 0) }
            #expect(session.isDone(first) && session.isDone(second))
            // Waiting for staged IO submits it.
            try session.enterBatch()
            let third = try bench.start(session) { $0.complete(result: 0) }
            try session.wait(for: third)
            try session.exitBatch()
            session.close()
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func completingItAgainDoesNothing(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            var old: [OutsideIO] = []
            for _ in 0..<40 {
                let report = IOReturn()
                let reference = try bench.start(session, reporting: report)
                let io = try #require(bench.take())
                // The handles serve other IO by now.
                for stale in old { #expect(!stale.complete(result: -Int(EIO))) }
                #expect(!session.isDone(reference))
                #expect(io.complete(result: 3))
                try session.wait(for: reference)
                #expect(report.result.value == 3)
                old.append(io)
            }
            session.close()
            #expect(bench.system.shutdown())
            for stale in old { #expect(!stale.complete(result: 1)) }
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func wakeUpsFireOrAreCancelled(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            let (kept, cancelled) = (WakeUpTests.Counter(), WakeUpTests.Counter())
            let reference = try bench.start(session)
            #expect(bench.system.register(kept, for: reference))
            #expect(bench.system.register(cancelled, for: reference))
            #expect(cancelled.cancel())
            let io = try #require(bench.take())
            try TestThreads.run { #expect(io.complete(result: 0)) }
            #expect(kept.count.load(ordering: .acquiring) == 1)
            #expect(cancelled.count.load(ordering: .acquiring) == 0)
            #expect(!bench.system.register(kept, for: reference))
            #expect(session.isDone(reference))
            session.close()
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func handlesAndSessionsWaitForIt(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            for _ in 0..<bench.system.handlesPerSession { _ = try bench.start(session) }
            #expect(try session.tryAcquireHandle() == nil)
            let completer = TestThreads.beside {
                usleep(2000)
                #expect(bench.take()?.complete(result: 0) == true)
            }
            // The session waits for the oldest.
            _ = try bench.start(session)
            try completer.join()
            #expect(!bench.system.shutdown())
            let rest = TestThreads.beside {
                usleep(2000)
                while let io = bench.take() { io.complete(result: 0) }
            }
            session.close()
            try rest.join()
            #expect(bench.system.shutdown())
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func onItsSessionsMemoryItIsCompletedByTheSession(_ method: TestedMethod) throws {
        let bench = try OutsideBench(method.choice)
        try TestThreads.run {
            let session = try bench.system.makeSession()
            let report = IOReturn()
            try session.enterBatch()
            let reference = try bench.start(session, flags: .referencesLocal, reporting: report) {
                io in
                _ = TestThreads.beside {
                    usleep(1000)
                    #expect(io.complete(result: 8))
                    #expect(!io.complete(result: 9))
                }
            }
            // It is over when the start returns.
            #expect(!session.hasStaged)
            #expect(session.isDone(reference))
            #expect(report.result.value == 8)
            #expect(bench.log.sharedThread.load(ordering: .relaxed) == OutsideLog.thread)
            try session.exitBatch()
            session.close()
        }
    }
}

extension UnsafeMutableRawPointer? {
    fileprivate func indices(_ count: Int) -> Range<Int> { 0..<count }
    fileprivate func storeBytes(of value: UInt8, toByteOffset offset: Int, as: UInt8.Type) {
        self?.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }
}
