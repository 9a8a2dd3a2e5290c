/// A thread of the operating system, for code that blocks. It is never one of Swift's cooperative
/// pool, and it is joined or detached exactly once.
@safe
package struct OSThread: @unchecked Sendable {
    private let thread: pthread_t

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Bytes of a thread's stack: address space, of which little is used. The system's default may
    /// be many times larger, and there can be dozens of threads.
    private static let stackBytes = 2 << 20

    /// Starts a thread.
    ///
    /// - Returns: nil if the system has no room for another thread.
    package static func start(_ run: @escaping @Sendable () -> Void) -> OSThread? {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        // If the system refuses the size, its default applies.
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        let body = unsafe Unmanaged.passRetained(Body(run))
        #if canImport(Darwin)
            var thread: pthread_t?
            let result = unsafe pthread_create(
                &thread, &attributes,
                { context in
                    unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                    return nil
                }, body.toOpaque())
            if result == 0, let thread = unsafe thread { return unsafe OSThread(thread: thread) }
        #else
            var thread = pthread_t()
            let result = unsafe pthread_create(
                &thread, &attributes,
                { context in
                    unsafe Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                    return nil
                }, body.toOpaque())
            if result == 0 { return OSThread(thread: thread) }
        #endif
        unsafe body.release()
        return nil
    }

    /// Runs `body` on the calling thread and on `count` − 1 others, fewer if the system has no room
    /// for them. Returns when all have ended.
    package static func together(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        let others = (1..<max(1, count)).compactMap { _ in start(body) }
        body()
        for other in others { other.join() }
    }

    /// Waits for the thread to end. Called on that thread itself, which happens where it drops the
    /// last reference to what joins it, it lets the thread end by itself.
    package func join() {
        if isCurrent { detach() } else { _ = pthread_join(thread, nil) }
    }

    /// A number that identifies the calling thread as long as it lives.
    package static var currentNumber: UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }

    /// Whether this is the calling thread.
    private var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }

    /// Lets the thread end by itself, without being joined.
    package func detach() { _ = pthread_detach(thread) }

    /// The time that the thread has spent running on a core; nil if that is unknown.
    ///
    /// The thread must not have ended.
    package var coreNanoseconds: UInt64? {
        #if canImport(Glibc)
            var clock = clockid_t()
            guard unsafe pthread_getcpuclockid(thread, &clock) == 0 else { return nil }
            return Clock.nanoseconds(clock)
        #else
            return nil
        #endif
    }
}
