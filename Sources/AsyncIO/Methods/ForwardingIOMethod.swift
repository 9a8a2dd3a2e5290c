/// A method on top of another: calls that it does not define are forwarded.
///
/// For methods that fail, delay, record or refuse some IO in front of a built-in one, which
/// ``IOMethodChoice/makeMethod(_:)`` makes. A conforming type has ``base`` and usually defines
/// ``IOMethod/submit(_:session:)``. IO that it completes itself, it takes away from the base with
/// ``StagedIO/leaveMethod()``, then prepares and completes it like any method.
///
/// A method is given what is submitted: not the IO for which
/// ``IOMethod/needsSynchronousExecution(_:)`` is true, nor that with ``IOFlags/synchronous``, which
/// the issuer executes. An ``IOExecutor`` sees all.
public protocol ForwardingIOMethod: IOMethod {
    /// The method below.
    var base: any IOMethod { get }
}

/// Each call goes through to ``base``.
extension ForwardingIOMethod {
    /// The base's name.
    public var name: String { base.name }
    /// The base's.
    public var waitsBeforeClosing: Bool { base.waitsBeforeClosing }
    /// The base's.
    public var canWait: Bool { base.canWait }
    /// The base's.
    public var executesInSubmitter: Bool { base.executesInSubmitter }
    /// Goes through.
    public func openSession(_ session: Int) throws(StorageError) { try base.openSession(session) }
    /// Goes through.
    public func closeSession(_ session: Int) { base.closeSession(session) }
    /// What the base says.
    public func needsSynchronousExecution(_ io: StagedIO) -> Bool {
        base.needsSynchronousExecution(io)
    }
    /// Goes through.
    public func submit(_ ios: Span<StagedIO>, session: Int) { base.submit(ios, session: session) }
    /// Goes through.
    public func waitOne(_ io: StagedIO, generation: UInt64) {
        base.waitOne(io, generation: generation)
    }
    /// Goes through.
    public func assist(_ io: StagedIO, generation: UInt64) -> Bool {
        base.assist(io, generation: generation)
    }
    /// Goes through.
    public func poll(session: Int) { base.poll(session: session) }
    /// The base's.
    public func completionDescriptor(session: Int) -> CInt? {
        base.completionDescriptor(session: session)
    }
    /// Goes through.
    public func signalCompletions(of session: Int, to descriptor: CInt) -> Bool {
        base.signalCompletions(of: session, to: descriptor)
    }
    /// Goes through.
    public func poll(for io: StagedIO, generation: UInt64) {
        base.poll(for: io, generation: generation)
    }
    /// Goes through.
    public func setWorkers(minimum: Int, maximum: Int) throws(StorageError) {
        try base.setWorkers(minimum: minimum, maximum: maximum)
    }
    /// Goes through.
    public func shutdown() { base.shutdown() }
    /// Goes through.
    public func addStatistics(to statistics: inout IOStatistics) {
        base.addStatistics(to: &statistics)
    }
}
