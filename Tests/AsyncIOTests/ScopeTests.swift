import AsyncIO
import StorageTesting
import Testing

/// What a scope's end does to IO that was left behind, under every method that stages.
@Suite struct ScopeTests {
    let log = RecordingLog()

    @Test(arguments: IOMethodMatrix.all) func openBatchIsSubmittedAndLogged(method: TestedMethod)
        throws
    {
        let system = try makeSystem(method.choice, log: log)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        var reference = WaitReference()
        try session.withResourceOwner { _ in
            try session.enterBatch()
            reference = try session.read(file, into: memory, at: 0)
        }
        #expect(!session.isInBatch && !session.hasStaged)
        #expect(log.messages == ["open AIO batch at end of scope"])
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
    }

    @Test(arguments: IOMethodMatrix.all) func errorSubmitsSilently(method: TestedMethod) throws {
        let system = try makeSystem(method.choice, log: log)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        var reference = WaitReference()
        #expect(throws: CancellationError.self) {
            try session.withResourceOwner { owner in
                try session.enterBatch()
                reference = try session.read(file, into: memory, at: 0, owner: owner)
                throw CancellationError()
            }
        }
        #expect(!session.isInBatch && !session.hasStaged)
        #expect(log.messages.isEmpty)
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
    }

    @Test(arguments: IOMethodMatrix.all) func unsubmittedHandleIsLogged(method: TestedMethod)
        throws
    {
        let system = try makeSystem(method.choice, log: log)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        let owner = ResourceOwner(session: session)
        try session.enterBatch()
        let reference = try session.read(file, into: memory, at: 0, owner: owner)
        owner.release(onError: false)
        #expect(!session.hasStaged)
        #expect(
            log.messages == (method.choice.name == "sync" ? [] : ["AIO handle was not submitted"]))
        try session.exitBatch()
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
    }

    @Test(arguments: IOMethodMatrix.all) func resultIsDetachedFromItsOwner(method: TestedMethod)
        throws
    {
        let system = try makeSystem(method.choice, log: log)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        let report = IOReturn()
        let owner = ResourceOwner(session: session)
        try session.enterBatch()
        let reference = try session.read(file, into: memory, at: 0, owner: owner, reporting: report)
        owner.release(onError: true)
        try session.exitBatch()
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
        if method.choice.name != "sync" { #expect(report.result.status == .unknown) }
    }

    @Test(arguments: IOMethodMatrix.all) func closingSubmitsWhatIsStaged(method: TestedMethod)
        throws
    {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        try session.enterBatch()
        let reference = try session.read(file, into: memory, at: 0)
        session.closing(descriptor: file.descriptor)
        #expect(!session.hasStaged)
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
        try session.exitBatch()
    }
}
