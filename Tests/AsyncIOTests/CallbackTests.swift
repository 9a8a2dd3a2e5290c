import AsyncIO
import StorageTesting
import Synchronization
import Testing
import Threads

/// Callbacks that record when they were called, and change the result as configured.
final class TracingCallbacks: IOCallbacks {
    struct Call: Equatable {
        var name: String
        var phase: String
        var data: UInt8
        var prior: IOResult?
    }

    final class Trace: Sendable {
        let calls = Lock<[Call]>([], rank: .observer)
        var names: [String] { calls.withLock { $0.map { "\($0.name) \($0.phase)" } } }
    }

    let name: String
    let phases: IOCallbackPhases
    let trace: Trace
    let change: @Sendable (IOResult, IOCallbackRegistration) -> IOResult

    init(
        _ name: String, _ trace: Trace,
        phases: IOCallbackPhases = [.stage, .completeShared, .completeLocal],
        change: @escaping @Sendable (IOResult, IOCallbackRegistration) -> IOResult = { prior, _ in
            prior
        }
    ) {
        self.name = name
        self.phases = phases
        self.trace = trace
        self.change = change
    }

    private func note(_ phase: String, _ registration: IOCallbackRegistration, _ prior: IOResult?) {
        let call = Call(name: name, phase: phase, data: registration.data, prior: prior)
        trace.calls.withLock { $0.append(call) }
    }

    func stage(_ io: borrowing IOView, registration: IOCallbackRegistration) {
        note("stage", registration, nil)
    }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        note("shared", registration, prior)
        return change(prior, registration)
    }

    func completeLocal(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        note("local", registration, prior)
        return prior
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        StorageError(.inputOutput, "\(name) says \(result.errorData) at \(targetData.word0)")
    }
}

@Suite struct CallbackTests {
    let trace = TracingCallbacks.Trace()
    let log = RecordingLog()

    @Test(arguments: IOMethodMatrix.all) func lastRegisteredRunsFirst(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let high = try system.register(callbacks: TracingCallbacks("high", trace))
        let low = try system.register(
            callbacks: TracingCallbacks("low", trace, phases: [.completeShared]) { prior, _ in
                IOResult(.partial, value: prior.value / 1024)
            })
        let report = IOReturn()
        let memory = IOMemory(4096)
        try session.wait(
            for: session.read(
                file, into: memory, at: 0, reporting: report, callbacks: [high, low]))
        #expect(trace.names == ["high stage", "low shared", "high shared", "high local"])
        let priors = trace.calls.withLock { $0.map(\.prior) }
        #expect(priors[1] == IOResult(.ok, value: 4096))
        #expect(priors[2] == IOResult(.partial, value: 4), "a result climbs from layer to layer")
        #expect(report.result == IOResult(.partial, value: 4))
        try system.check(report)
    }

    @Test(arguments: IOMethodMatrix.all) func onlyTheDefinerGetsTheError(method: TestedMethod)
        throws
    {
        let system = try makeSystem(method.choice, log: log)
        let session = try system.makeSession()
        let other = try system.makeSession()
        let file = try TestFile(system)
        let failing = try system.register(
            callbacks: TracingCallbacks("layer", trace) { _, registration in
                IOResult(.error, callbackID: registration.id, errorData: 42)
            })
        let report = IOReturn()
        let memory = IOMemory(4096)
        let reference = try session.read(
            file, into: memory, at: 512, reporting: report, callbacks: [failing])
        try other.wait(for: reference)
        try session.wait(for: reference)
        let error = #expect(throws: StorageError.self) { try system.check(report) }
        #expect(error?.message == "layer says 42 at 512")
        #expect(log.messages.isEmpty)
    }

    @Test func warningsAreLogged() throws {
        let system = try makeSystem(.synchronous, log: log)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let warning = try system.register(
            callbacks: TracingCallbacks("layer", trace) { prior, registration in
                IOResult(.warning, value: prior.value, callbackID: registration.id, errorData: 3)
            })
        let report = IOReturn()
        let memory = IOMemory(4096)
        _ = try session.read(file, into: memory, at: 0, reporting: report, callbacks: [warning])
        try system.check(report)
        #expect(log.messages == ["layer says 3 at 0"])
    }

    @Test func atMostFourAndOnlyRegisteredOnes() throws {
        let system = try makeSystem(.synchronous)
        let session = try system.makeSession()
        let id = try system.register(callbacks: TracingCallbacks("one", trace))
        let handle = try session.acquireHandle()
        expectError(.misuse) { try handle.registerCallbacks(IOCallbackID(rawValue: 9)) }
        expectError(.misuse) { try handle.registerCallbacks(.none) }
        for data in 1...4 { try handle.registerCallbacks(id, data: UInt8(data)) }
        expectError(.misuse) { try handle.registerCallbacks(id) }
        handle.release()
        #expect(trace.names.isEmpty)
    }

    @Test func eachRegistrationHasItsByte() throws {
        let system = try makeSystem(.synchronous)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let id = try system.register(
            callbacks: TracingCallbacks("x", trace, phases: [.completeShared]))
        let memory = IOMemory(512)
        let handle = try session.acquireHandle()
        try handle.setTarget(file.target, data: IOTargetData())
        for data in 1...4 { try handle.registerCallbacks(id, data: UInt8(data)) }
        try handle.appendVector(memory.bytes)
        handle.startRead(from: IODescriptor(file.descriptor), at: 0)
        #expect(trace.calls.withLock { $0.map(\.data) } == [4, 3, 2, 1])
    }

    @Test func registriesAreBounded() throws {
        let system = try makeSystem(.synchronous)
        for _ in 0..<255 {
            _ = try system.register(callbacks: TracingCallbacks("x", trace))
            _ = try system.register(target: PlainTarget())
        }
        expectError(.resourcesExhausted) {
            _ = try system.register(callbacks: TracingCallbacks("x", trace))
        }
        expectError(.resourcesExhausted) { _ = try system.register(target: PlainTarget()) }
    }
}
