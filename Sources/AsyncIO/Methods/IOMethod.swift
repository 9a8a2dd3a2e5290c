public import Logging

/// A way to execute staged IO.
///
/// One object serves all sessions of an ``IOSystem``. Calls that carry a session's number come from
/// that session's thread, unless said otherwise. A method may keep the ``StagedIO`` values that
/// ``submit(_:session:)`` gave it until it completes them. Mirrors PostgreSQL's `IoMethodOps`.
public protocol IOMethod: AnyObject, Sendable {
    /// The name under which users choose it, such as `io_uring`.
    var name: String { get }

    /// Whether a descriptor must not be closed while submitted IO uses it.
    var waitsBeforeClosing: Bool { get }

    /// Whether completions are found by asking: ``waitOne(_:generation:)`` and ``poll(session:)``
    /// work. If not, every IO completes by itself on some other thread.
    var canWait: Bool { get }

    /// Whether every IO is over when its start returns, so that starting early gains nothing.
    var executesInSubmitter: Bool { get }

    /// Prepares what a session needs; its number may have served another session before.
    func openSession(_ session: Int) throws(StorageError)

    /// A session ended; all its IO has completed.
    func closeSession(_ session: Int)

    /// Whether the submitter has to execute the IO itself.
    func needsSynchronousExecution(_ io: StagedIO) -> Bool

    /// Takes all of `ios`, calling ``StagedIO/prepareSubmit()`` on each before anyone can complete
    /// it. Must not fail: what cannot be handed on is executed here or completed with an error.
    func submit(_ ios: Span<StagedIO>, session: Int)

    /// Sleeps until the IO has completed, or returns earlier after any progress. Any thread.
    func waitOne(_ io: StagedIO, generation: UInt64)

    /// Makes use of a thread that would otherwise sleep until `io` has completed: executes that IO
    /// or another that nobody has begun with, or looks for its completion a little. False if the
    /// thread had better sleep; else the caller looks again. Any thread that has nothing staged.
    func assist(_ io: StagedIO, generation: UInt64) -> Bool

    /// Completes what has been executed of a session's IO, without sleeping. Any thread.
    func poll(session: Int)

    /// A descriptor that is readable while ``poll(session:)`` would complete IO of that session,
    /// for loops that watch many descriptors; nil where there is none. It lives as long as the
    /// method. Any thread.
    func completionDescriptor(session: Int) -> CInt?

    /// Has the kernel write to an event descriptor whenever IO of that session is to be completed
    /// by asking; whether it will. On the session's thread.
    func signalCompletions(of session: Int, to descriptor: CInt) -> Bool

    /// As ``poll(session:)`` for the session of `io`, but may end once that IO has completed: what
    /// is left is some work, and others may do it. Any thread.
    func poll(for io: StagedIO, generation: UInt64)

    /// Ends the method; all sessions are closed.
    func shutdown()

    /// Adds what the method knows of itself to the counters. Any thread.
    func addStatistics(to statistics: inout IOStatistics)
}

extension IOMethod {
    /// Descriptors may be closed at any time unless a method says otherwise.
    public var waitsBeforeClosing: Bool { false }
    /// Methods complete by themselves unless they say otherwise.
    public var canWait: Bool { false }
    /// IO goes on beside its submitter unless a method says otherwise.
    public var executesInSubmitter: Bool { false }
    /// Needs nothing.
    public func openSession(_ session: Int) throws(StorageError) {}
    /// Keeps nothing.
    public func closeSession(_ session: Int) {}
    /// Never.
    public func needsSynchronousExecution(_ io: StagedIO) -> Bool { false }
    /// Nothing to wait for.
    public func waitOne(_ io: StagedIO, generation: UInt64) {}
    /// Nothing to help with.
    public func assist(_ io: StagedIO, generation: UInt64) -> Bool { false }
    /// Nothing to find.
    public func poll(session: Int) {}
    /// Nothing to watch.
    public func completionDescriptor(session: Int) -> CInt? { nil }
    /// Nothing to signal.
    public func signalCompletions(of session: Int, to descriptor: CInt) -> Bool { false }
    /// Looks for all.
    public func poll(for io: StagedIO, generation: UInt64) { poll(session: io.sessionIndex) }
    /// Nothing to end.
    public func shutdown() {}
    /// Counts nothing of its own.
    public func addStatistics(to statistics: inout IOStatistics) {}
}

/// What a method is told when an ``IOSystem`` makes it.
public struct IOMethodContext: Sendable {
    /// How many sessions can be open at a time; they are numbered from zero.
    public let maximumSessions: Int
    /// How many IOs each session can have in flight.
    public let handlesPerSession: Int
    /// Where to log.
    public let logger: Logger
    /// What delays every IO, for methods that do not execute it with ``StagedIO/execute()``.
    let device: SimulatedDevice?
    /// Whether the kernel is not to execute any IO.
    let hasExecutor: Bool
}

/// The choice of a method in an ``IOConfiguration``.
public struct IOMethodChoice: Sendable {
    /// The name by which users choose it.
    public let name: String
    let make: @Sendable (IOMethodContext) throws(StorageError) -> any IOMethod

    /// The submitter executes every IO itself, before its start returns.
    public static let synchronous = IOMethodChoice("sync") { _ in SynchronousMethod() }

    /// A method of one's own.
    ///
    /// - Parameters:
    ///   - name: by which logs and errors call it.
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
