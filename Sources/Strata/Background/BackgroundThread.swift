internal import AsyncIO
internal import Synchronization
internal import Threads

/// A thread of an engine's own that works now and then until it is stopped.
///
/// Any thread may stop it. It must not keep the engine, whose end stops it.
final class BackgroundThread: Sendable {
    private let thread = Lock<OSThread?>(nil)
    private let signal = Atomic<UInt32>(0)
    private let ends = Atomic<Bool>(false)

    /// Starts it. Where the system has no room for a thread, nothing is done in the background.
    ///
    /// - Returns: nil then.
    static func start(_ body: @escaping @Sendable (BackgroundThread) -> Void) -> BackgroundThread? {
        let background = BackgroundThread()
        guard let thread = OSThread.start({ body(background) }) else { return nil }
        background.thread.withLock { $0 = thread }
        return background
    }

    private init() {}

    /// Whether it has been told to end.
    var isEnding: Bool { ends.load(ordering: .sequentiallyConsistent) }

    /// Sleeps; returns early when it is to end. On the thread itself.
    func sleep(_ duration: Duration) {
        let seen = signal.load(ordering: .acquiring)
        if !isEnding { park(signal, expected: seen, atMost: duration) }
    }

    /// Tells it to end and waits until it has, unless it is the thread itself that asks.
    ///
    /// - Parameter wakeUp: wakes it where it sleeps otherwise.
    func stop(_ wakeUp: () -> Void = {}) {
        ends.store(true, ordering: .sequentiallyConsistent)
        signal.wrappingAdd(1, ordering: .releasing)
        wake(signal, count: .max)
        wakeUp()
        guard let thread = thread.withLock({ $0.take() }) else { return }
        if thread.isCurrent { thread.detach() } else { thread.join() }
    }
}
