internal import Synchronization

/// A request to end a load or a scan early. Any thread may make it; it cannot be withdrawn.
///
/// A ``FileSource`` that was given it notices the request while waiting for a pipe; other sources
/// only once they yield bytes.
public final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Makes one without a request.
    public init() {}

    /// Requests that the operations given this object end soon. Safe to call at any time, more than
    /// once.
    public func cancel() { flag.store(true, ordering: .relaxed) }

    /// Whether ``cancel()`` was called. One relaxed load, which orders nothing else.
    public var isCancelled: Bool { flag.load(ordering: .relaxed) }
}
