import StorageTesting
import Testing
import Threads

@testable import AsyncIO

@Suite struct UringExplanationTests {
    func explain(_ errorNumber: CInt, disabled: Int? = 0, sessions: Int = 4) -> StorageError {
        UringProbe.explain(
            errorNumber, sessions: sessions,
            in: UringProbe.Environment(
                disabledSetting: disabled, lockedMemoryLimit: 65536, lockedMemoryNeed: 30000,
                descriptorLimit: 32))
    }

    @Test func eachReasonHasItsWords() {
        #expect(explain(ENOSYS).message.contains("the kernel has no io_uring"))
        #expect(explain(EPERM, disabled: 2).message.contains("kernel.io_uring_disabled"))
        #expect(explain(EPERM, disabled: 0).message.contains("seccomp"))
        #expect(explain(EPERM, disabled: nil).message.contains("seccomp"))
        #expect(explain(ENOMEM).message.contains("65536 bytes"))
        #expect(explain(ENOMEM).message.contains("need 120000 bytes"))
        #expect(explain(EMFILE).message.contains("32 open descriptors"))
        #expect(explain(EINVAL).message.contains("lacks what is needed"))
        for number in [ENOSYS, EPERM, ENOMEM, EMFILE, EINVAL, EIO] {
            let error = explain(number)
            #expect(error.code == .methodUnavailable)
            #expect(error.errorNumber == number)
            #expect(error.remedy?.contains("another IO method") == true)
        }
    }

    @Test func automaticSaysWhatItFellBackTo() throws {
        let log = RecordingLog()
        let system = try makeSystem(.automatic, log: log)
        if let reason = IOMethodChoice.uringUnavailability(sessions: 8) {
            #expect(system.method.name == "worker")
            #expect(log.messages == ["using the worker IO method: \(reason)"])
        } else {
            #expect(system.method.name == "io_uring")
            #expect(log.messages.isEmpty)
        }
    }

    #if os(Linux)
        /// The number of descriptors that this process may have.
        static var descriptorLimit: UInt {
            var limits = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
            return limits.rlim_cur
        }

        @Test(.enabled(if: descriptorLimit < 4096 + 16, "4096 rings fit the descriptor limit"))
        func tooManySessionsForTheDescriptorLimit() throws {
            let log = RecordingLog()
            let system = try makeSystem(.automatic, log: log) {
                $0.maximumSessions = 4096
                $0.concurrency = .fixed(1)
            }
            #expect(system.method.name == "worker")
            #expect(log.messages.count == 1)
            expectError(.methodUnavailable) {
                _ = try makeSystem(.uring) {
                    $0.maximumSessions = 4096
                    $0.concurrency = .fixed(1)
                }
            }
        }
    #endif

    @Test(arguments: ["sync", "worker", "io_uring", "automatic"])
    func methodsHaveNames(name: String) {
        #expect(IOMethodChoice.named(name)?.name == name)
        #expect(IOMethodChoice.named("turbo") == nil)
    }
}

#if os(Linux)
    /// What only io_uring can show: reads that stay in the kernel until somebody writes to a pipe.
    @Suite(
        .enabled(if: IOMethodChoice.uringUnavailability(sessions: 8) == nil, "io_uring cannot run"))
    struct UringTests {
        final class Pipe: @unchecked Sendable {
            let reading: CInt
            let writing: CInt
            init() {
                var ends: [CInt] = [0, 0]
                pipe(&ends)
                (reading, writing) = (ends[0], ends[1])
            }
            deinit {
                close(reading)
                close(writing)
            }
            func write(_ count: Int) {
                let bytes = [UInt8](repeating: 9, count: count)
                _ = Glibc.write(writing, bytes, count)
            }
        }

        func read(_ pipe: Pipe, _ memory: IOMemory, _ session: Session, _ target: IOTargetID) throws
            -> WaitReference
        {
            let handle = try session.acquireHandle()
            let reference = handle.waitReference
            try handle.setTarget(target, data: IOTargetData())
            try handle.appendVector(memory.bytes)
            handle.startRead(from: IODescriptor(pipe.reading), at: 0)
            return reference
        }

        @Test func anyThreadTakesCompletionsOfASleepingIssuer() throws {
            let system = try makeSystem(.uring)
            let target = try system.register(target: PlainTarget())
            let session = try system.makeSession()
            let pipes = (0..<4).map { _ in Pipe() }
            let memory = (0..<4).map { _ in IOMemory(16) }
            let references = try (0..<4).map { try read(pipes[$0], memory[$0], session, target) }
            for reference in references { #expect(!session.isDone(reference)) }
            let threads = StartedThreads(8) { index in
                _ = try? system.wait(for: references[index % 4])
                #expect(memory[index % 4].bytes[15] == 9)
            }
            try TestThreads.waitOrFail("all sleep") { system.statistics.blockedWaits == 8 }
            for pipe in pipes.reversed() { pipe.write(16) }
            try threads.join()
            for reference in references { #expect(session.isDone(reference)) }
        }

        @Test func isDonePollsTheRing() throws {
            let system = try makeSystem(.uring)
            let target = try system.register(target: PlainTarget())
            let session = try system.makeSession()
            let pipe = Pipe()
            let memory = IOMemory(16)
            let reference = try read(pipe, memory, session, target)
            #expect(!system.isDone(reference))
            pipe.write(16)
            try TestThreads.waitOrFail("the completion is found without waiting") {
                system.isDone(reference)
            }
            #expect(memory.bytes[0] == 9)
            #expect(system.statistics.polls >= 2)
            #expect(system.statistics.blockedWaits == 0)
        }

        @Test func snapshotShowsWhatIsInFlight() throws {
            let system = try makeSystem(.uring)
            let target = try system.register(target: PlainTarget())
            let session = try system.makeSession()
            let pipe = Pipe()
            let memory = IOMemory(16)
            let reference = try read(pipe, memory, session, target)
            let shown = system.snapshot()
            #expect(shown.count == 1)
            #expect(shown[0].id == reference.id && shown[0].state == .submitted)
            #expect(shown[0].operation == .read && shown[0].length == 16 && shown[0].offset == 0)
            #expect(shown[0].targetName == "plain" && shown[0].targetDescription == "word 0")
            #expect(shown[0].rawResult == nil && shown[0].result.status == .unknown)
            #expect(shown[0].sessionIndex == session.index)
            pipe.write(16)
            try session.wait(for: reference)
            #expect(system.snapshot().isEmpty)
        }

        /// As if descriptors or locked memory ran out between two sessions.
        @Test func aRingThatCannotBeMadeIsAnError() throws {
            let before = fcntl(0, F_GETFD)
            for _ in 0..<8 {
                expectError(.methodUnavailable) { _ = try UringRing(entries: 1 << 20) }
            }
            #expect(fcntl(0, F_GETFD) == before, "no descriptor of somebody else was closed")
        }

        @Test func ringOutlivesItsSession() throws {
            let system = try makeSystem(.uring)
            let target = try system.register(target: PlainTarget())
            let pipe = Pipe()
            let memory = IOMemory(16)
            let kept = Kept(try system.makeSession())
            let reference = try read(pipe, memory, kept.value, target)
            let threads = StartedThreads(3) { index in
                if index == 0 { kept.value.close() } else { _ = try? system.wait(for: reference) }
            }
            try TestThreads.waitOrFail("all sleep") { system.statistics.blockedWaits == 3 }
            pipe.write(16)
            try threads.join()
            let next = try system.makeSession()
            let file = try TestFile(system)
            let again = IOMemory(4096)
            try next.wait(for: next.read(file, into: again, at: 0))
            #expect(again.holds(from: 0, count: 4096))
        }
    }
#endif
