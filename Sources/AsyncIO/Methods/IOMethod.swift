public import Logging

/// A way to execute staged IO.
///
/// One object serves all sessions of an ``IOSystem``. Calls that carry a session's number come from
/// that session's thread unless stated otherwise. A method may keep the ``StagedIO`` values that
/// ``submit(_:session:)`` gave it until it completes them. Mirrors PostgreSQL's `IoMethodOps`.
public protocol IOMethod: AnyObject, Sendable {
    /// The name by which users choose it, such as `io_uring`.
    var name: String { get }

    /// Whether a descriptor must not be closed while submitted IO uses it.
    var waitsBeforeClosing: Bool { get }

    /// Whether completions are found by polling: ``waitOne(_:generation:)`` and ``poll(session:)``
    /// work. If false, every IO completes by itself on another thread.
    var canWait: Bool { get }

    /// Whether every IO is over when its start returns, so that starting early gains nothing.
    var executesInSubmitter: Bool { get }

    /// Prepares what a session needs; its number may have served another session before.
    func openSession(_ session: Int) throws(StorageError)

    /// Ends a session, all of whose IO has completed.
    func closeSession(_ session: Int)

    /// Whether the submitter has to execute the IO itself.
    func needsSynchronousExecution(_ io: StagedIO) -> Bool

    /// Takes all of `ios` and calls ``StagedIO/prepareSubmit()`` on each before any thread can
    /// complete it. Must not fail: what cannot be passed on is executed here or completed with an
    /// error.
    func submit(_ ios: Span<StagedIO>, session: Int)

    /// Sleeps until the IO has completed, or returns earlier after any progress. Any thread.
    func waitOne(_ io: StagedIO, generation: UInt64)

    /// Uses a thread that would otherwise sleep until `io` has completed: executes that IO or
    /// another queued one, or polls for its completion briefly. Returns false if the caller should
    /// sleep, and true if it should look again. Any thread that has nothing staged.
    func assist(_ io: StagedIO, generation: UInt64) -> Bool

    /// Completes what has been executed of a session's IO, without sleeping. Any thread.
    func poll(session: Int)

    /// A descriptor that is readable while ``poll(session:)`` would complete IO of that session,
    /// for loops that watch many descriptors; nil if the method has none. It lives as long as the
    /// method. Any thread.
    func completionDescriptor(session: Int) -> CInt?

    /// Makes the kernel write to an event descriptor whenever IO of that session is ready to be
    /// completed by polling. Returns whether it will. Called on the session's thread.
    func signalCompletions(of session: Int, to descriptor: CInt) -> Bool

    /// Polls like ``poll(session:)`` for the session of `io`, but may return once that IO has
    /// completed: completing the rest is work that other threads may share. Any thread.
    func poll(for io: StagedIO, generation: UInt64)

    /// Changes how many threads execute IO, while the method runs. Any thread.
    ///
    /// - Throws: as ``IOSystem/setWorkers(minimum:maximum:)``.
    func setWorkers(minimum: Int, maximum: Int) throws(StorageError)

    /// Ends the method; all sessions are closed.
    func shutdown()

    /// Adds the method's own counters. Any thread.
    func addStatistics(to statistics: inout IOStatistics)
}

extension IOMethod {
    /// Descriptors may be closed at any time by default.
    public var waitsBeforeClosing: Bool { false }
    /// IO completes by itself by default.
    public var canWait: Bool { false }
    /// IO continues beside its submitter by default.
    public var executesInSubmitter: Bool { false }
    /// Needs no preparation.
    public func openSession(_ session: Int) throws(StorageError) {}
    /// Keeps nothing to release.
    public func closeSession(_ session: Int) {}
    /// The method can always execute the IO.
    public func needsSynchronousExecution(_ io: StagedIO) -> Bool { false }
    /// There is nothing to wait for.
    public func waitOne(_ io: StagedIO, generation: UInt64) {}
    /// There is nothing to help with.
    public func assist(_ io: StagedIO, generation: UInt64) -> Bool { false }
    /// There is nothing to find.
    public func poll(session: Int) {}
    /// There is no descriptor to watch.
    public func completionDescriptor(session: Int) -> CInt? { nil }
    /// There is nothing to signal.
    public func signalCompletions(of session: Int, to descriptor: CInt) -> Bool { false }
    /// Polls for all IO of the session.
    public func poll(for io: StagedIO, generation: UInt64) { poll(session: io.sessionIndex) }
    /// Throws `misuse`: the method has no workers.
    public func setWorkers(minimum: Int, maximum: Int) throws(StorageError) {
        throw StorageError(
            .misuse, "the IO method \"\(name)\" has no workers to change the number of",
            remedy: "Start the IO system with the method \"worker\".")
    }
    /// There is nothing to end.
    public func shutdown() {}
    /// The method has no counters of its own.
    public func addStatistics(to statistics: inout IOStatistics) {}
}

/// What an ``IOSystem`` tells the method that it makes.
public struct IOMethodContext: Sendable {
    /// How many sessions can be open at a time; they are numbered from zero.
    public let maximumSessions: Int
    /// How many IOs each session can have in flight.
    public let handlesPerSession: Int
    /// Where to log.
    public let logger: Logger
    /// Delays every IO; for methods that do not execute it with ``StagedIO/execute()``.
    let device: SimulatedDevice?
    /// Whether an executor replaces the kernel.
    let hasExecutor: Bool
}

/// The choice of a method in an ``IOConfiguration``.
public struct IOMethodChoice: Sendable {
    /// The name by which users choose it.
    public let name: String
    private let make: @Sendable (IOMethodContext) throws(StorageError) -> any IOMethod

    /// Makes the method, for a ``custom(_:make:)`` one that wraps another, a built-in one included.
    ///
    /// The wrapper forwards every call of ``IOMethod`` to it, and may complete some of the IO
    /// itself (``StagedIO/leaveMethod()``).
    ///
    /// - Parameter context: as given to the wrapper. The method belongs to one system.
    /// - Throws: `methodUnavailable` if it cannot run here; `invalidConfiguration`.
    public func makeMethod(_ context: IOMethodContext) throws(StorageError) -> any IOMethod {
        try make(context)
    }

    /// The submitter executes every IO itself, before its start returns.
    public static let synchronous = IOMethodChoice("sync") { _ in SynchronousMethod() }

    /// A method that is not built in.
    ///
    /// - Parameters:
    ///   - name: the name that logs and errors use.
    ///   - make: makes the method when the system starts.
    public static func custom(
        _ name: String,
        make: @escaping @Sendable (IOMethodContext) throws(StorageError) -> any IOMethod
    ) -> IOMethodChoice {
        IOMethodChoice(name, make: make)
    }

    init(
        _ name: String,
        make: @escaping @Sendable (IOMethodContext) throws(StorageError) -> any IOMethod
    ) {
        self.name = name
        self.make = make
    }
}
