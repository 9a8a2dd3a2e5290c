import AsyncIO
import StorageTesting
import Testing
import Threads

/// Mistakes of callers end in an error or a sentence, never in waiting for ever.
@Suite struct MisuseTests {
    @Test(arguments: IOMethodMatrix.all)
    func whatIsNotStartedIsNotWaitedFor(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let other = try system.makeSession()
        let handle = try session.acquireHandle()
        let reference = handle.waitReference
        for _ in 0..<2 {
            expectError(.misuse) { try session.wait(for: reference) }
            expectError(.misuse) { try other.wait(for: reference) }
            expectError(.misuse) { try system.wait(for: reference) }
        }
        #expect(!system.isDone(reference))
        handle.release()
        #expect(system.isDone(reference))
        #expect(try !system.wait(for: reference))
    }

    @Test func anUnknownTargetIsRefused() throws {
        let system = try makeSystem(.synchronous)
        let file = try TestFile(system)
        let session = try system.makeSession()
        let handle = try session.acquireHandle()
        for id in [IOTargetID.none, IOTargetID(rawValue: 77), IOTargetID(rawValue: 255)] {
            expectError(.misuse) { try handle.setTarget(id, data: IOTargetData()) }
        }
        try handle.setTarget(file.target, data: IOTargetData())
        handle.release()
    }

    /// The sentence on standard error is all that an author gets.
    @Test func aHandleIsStartedWithATarget() async throws {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let session = try makeSystem(.synchronous).makeSession()
            let handle = try session.acquireHandle()
            handle.startRead(from: IODescriptor(0), at: 0)
        }
        #expect(text(result).contains("an IO's target is set before it is started"))
    }

    @Test func aSessionIsClosedWithoutAHandleOut() async throws {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let session = try makeSystem(.synchronous).makeSession()
            let handle = try session.acquireHandle()
            session.close()
            handle.release()
        }
        #expect(text(result).contains("a session is closed when its handle was given back"))
    }

    private func text(_ result: ExitTest.Result?) -> String {
        String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    }
}

/// Failures that no code asks for.
@Suite struct UnclaimedFailureTests {
    let log = RecordingLog()

    private enum Report {
        case kept(IOReturn)
        /// The handle alone has it.
        case dropped
        case none
    }

    private func fail(
        _ session: Session, _ file: TestFile, _ report: Report, owner: ResourceOwner? = nil
    ) throws -> WaitReference {
        let handle =
            switch report {
            case .kept(let report): try session.acquireHandle(owner: owner, reporting: report)
            case .dropped: try session.acquireHandle(owner: owner, reporting: IOReturn())
            case .none: try session.acquireHandle(owner: owner)
            }
        let reference = handle.waitReference
        try handle.setTarget(file.target, data: IOTargetData())
        try handle.appendVector(IOMemory(1024).bytes)
        // No file has this descriptor.
        handle.startRead(from: IODescriptor(-1), at: 0)
        return reference
    }

    @Test(arguments: IOMethodMatrix.all)
    func areLogged(method: TestedMethod) throws {
        let system = try makeSystem(method.choice, log: log)
        let file = try TestFile(system)
        let session = try system.makeSession()
        try session.wait(for: fail(session, file, .dropped))
        #expect(log.count(containing: "an IO in the background failed") == 1)
        // A report that its owner still has is the owner's affair, as is that of callbacks.
        let report = IOReturn()
        try session.wait(for: fail(session, file, .kept(report)))
        try session.wait(for: fail(session, file, .none))
        #expect(report.result.status == .error)
        #expect(log.messages.count == 1)
    }

    @Test(arguments: IOMethodMatrix.all)
    func areLoggedWhenTheirScopeHasEnded(method: TestedMethod) throws {
        let system = try makeSystem(method.choice, log: log)
        let file = try TestFile(system)
        let session = try system.makeSession()
        let report = IOReturn()
        try session.withResourceOwner { owner in
            try session.enterBatch()
            _ = try fail(session, file, .kept(report), owner: owner)
            owner.release(onError: true)
            try session.exitBatch()
        }
        session.close()
        // Where the start executes the IO, its scope has the outcome at once.
        let isLeft = method.isAsynchronous
        #expect(report.result.status == (isLeft ? .unknown : .error))
        #expect(
            log.count(containing: "an IO in the background failed") == (isLeft ? 1 : 0))
    }
}
