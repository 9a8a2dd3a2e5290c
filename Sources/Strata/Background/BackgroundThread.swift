internal import AsyncIO
internal import Synchronization
internal import Threads

/// A thread of an engine that works periodically until it is stopped.
///
/// Any thread may stop it. It must not retain the engine, whose end stops it.
final class BackgroundThread: Sendable {
    private let thread = Lock<OSThread?>(nil)
    private let signal = Atomic<UInt32>(0)
    private let ends = Atomic<Bool>(false)

    /// Starts it. If the system has no room for a thread, nothing is done in the background.
    ///
    /// - Returns: nil in that case.
    static func start(_ body: @escaping @Sendable (BackgroundThread) -> Void) -> BackgroundThread? {
        let background = BackgroundThread()
        guard let thread = OSThread.start({ body(background) }) else { return nil }
        background.thread.withLock { $0 = thread }
        return background
    }

    private init() {}

    /// Whether it must end.
    var isEnding: Bool { ends.load(ordering: .sequentiallyConsistent) }

    /// Sleeps, and returns early when it must end. Called on the thread itself.
    func sleep(_ duration: Duration) {
        let seen = signal.load(ordering: .acquiring)
        if !isEnding { park(signal, expected: seen, atMost: duration) }
    }

    /// Tells it to end and waits until it has, unless the thread itself calls this.
    ///
    /// - Parameter wakeUp: wakes it from any other sleep.
    func stop(_ wakeUp: () -> Void = {}) {
        ends.store(true, ordering: .sequentiallyConsistent)
        signal.wrappingAdd(1, ordering: .releasing)
        wake(signal, count: .max)
        wakeUp()
        guard let thread = thread.withLock({ $0.take() }) else { return }
        if thread.isCurrent { thread.detach() } else { thread.join() }
    }
}
