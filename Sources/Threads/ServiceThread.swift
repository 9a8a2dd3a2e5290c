internal import Synchronization

/// A thread of an engine's own that works until it is told to end: it sleeps while there is nothing
/// to do, and others wake it.
///
/// Its loop reads ``rings`` before it looks for work and sleeps on that value. So it misses nothing
/// that is rung for after the look:
///
/// ```
/// while true {
///     let seen = thread.rings
///     if let work = takeWork() { do it }
///     else if thread.isEnding { return }
///     else { thread.sleep(since: seen) }
/// }
/// ```
///
/// ``rings``, ``sleep(since:)`` and ``sleep(_:)`` are for the thread itself, the rest for any
/// thread. Its owner must end it: the thread keeps what its body keeps until then. The body must
/// not keep the object whose `deinit` ends the thread.
package final class ServiceThread: Sendable {
    private let thread = Lock<OSThread?>(nil, rank: .serviceThread)
    /// Counts the calls of ``ring()``.
    private let signal = Atomic<UInt32>(0)
    /// Whether the thread may be asleep. It is set before the signal is looked at for the last
    /// time; a ringer looks at it after it has changed the signal.
    private let isAsleep = Atomic<Bool>(false)
    private let ends = Atomic<Bool>(false)

    private init() {}

    /// Starts a thread.
    ///
    /// - Parameter body: runs on the thread, which ends with it.
    /// - Returns: nil if the system has no room for another thread.
    package static func start(_ body: @escaping @Sendable (ServiceThread) -> Void)
        -> ServiceThread?
    {
        let service = ServiceThread()
        // Under the lock, so that also the thread itself finds itself when it ends itself.
        let isStarted = service.thread.withLock { thread in
            thread = OSThread.start { body(service) }
            return thread != nil
        }
        return isStarted ? service : nil
    }

    /// Whether the thread has been told to end.
    package var isEnding: Bool { ends.load(ordering: .sequentiallyConsistent) }

    /// How often it was rung for.
    package var rings: UInt32 { signal.load(ordering: .sequentiallyConsistent) }

    /// Sleeps until it is rung for or told to end. Returns at once if that has happened since
    /// `seen` was read; may return early.
    package func sleep(since seen: UInt32) {
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        if rings == seen { park(signal, expected: seen) }
        isAsleep.store(false, ordering: .sequentiallyConsistent)
    }

    /// Sleeps at most so long; returns early if it is rung for or told to end.
    package func sleep(_ duration: Duration) {
        let seen = rings
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        if !isEnding { park(signal, expected: seen, atMost: duration) }
        isAsleep.store(false, ordering: .sequentiallyConsistent)
    }

    /// Says that there is something to do. Costs two atomic operations while the thread is awake.
    package func ring() {
        signal.wrappingAdd(1, ordering: .sequentiallyConsistent)
        if isAsleep.load(ordering: .sequentiallyConsistent) { wake(signal, count: 1) }
    }

    /// Tells the thread to end and waits until it has. Called on the thread itself, it does not
    /// wait. Calling it again does nothing.
    ///
    /// - Parameter wakeUp: wakes the thread where it sleeps in another way.
    package func end(_ wakeUp: () -> Void = {}) {
        ends.store(true, ordering: .sequentiallyConsistent)
        ring()
        wakeUp()
        guard let thread = thread.withLock({ $0.take() }) else { return }
        thread.join()
    }
}
