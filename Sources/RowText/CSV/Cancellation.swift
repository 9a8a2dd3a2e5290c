internal import Synchronization

/// A wish to end a load or a scan early. Any thread may make it; it cannot be taken back.
///
/// A load that waits for its source to yield bytes notices only when it has got some.
public final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Makes one that nobody wishes yet.
    public init() {}

    /// Ends what was given this object, soon. Safe to call at any time, more than once.
    public func cancel() { flag.store(true, ordering: .relaxed) }

    /// Whether ``cancel()`` was called. One relaxed load: nothing else is handed over by it.
    public var isCancelled: Bool { flag.load(ordering: .relaxed) }
}
