internal import CPlatform
internal import Synchronization
internal import Threads

/// One worker thread, as the other threads see it.
@safe
final class Worker: @unchecked Sendable {
    /// One if it was woken and has not noticed yet. The kernel sleeps on its address.
    private let signal: UnsafeMutablePointer<Atomic<UInt32>>
    /// Set once, under the pool's lock, before any other thread knows the worker.
    private let thread = Lock<OSThread?>(nil, rank: .workerThread)
    /// Whether it is among the pool's idle workers. Guarded by the pool's lock.
    var isIdle = false
    /// The core time at the pool's last look. Guarded by the pool's lock.
    var seenCoreNanoseconds: UInt64 = 0

    init() {
        unsafe signal = .allocate(capacity: 1)
        unsafe signal.initialize(to: Atomic(0))
    }

    deinit { unsafe signal.deallocate() }

    /// Ends the worker's sleep, or its next one if it is awake.
    func wake() {
        unsafe signal.pointee.store(1, ordering: .releasing)
        unsafe strata_futex_wake(UnsafeRawPointer(signal), 1)
    }

    /// Sleeps until woken. Returns false if the time ran out first. On the worker's thread.
    func sleep(timeoutNanoseconds: UInt64) -> Bool {
        let limit = Int64(clamping: timeoutNanoseconds)
        let end = Clock.monotonicNanoseconds &+ UInt64(limit)
        while true {
            if unsafe signal.pointee.exchange(0, ordering: .acquiring) != 0 { return true }
            let now = Clock.monotonicNanoseconds
            if now >= end { return false }
            _ = unsafe strata_futex_wait(UnsafeRawPointer(signal), 0, Int64(end - now))
        }
    }

    func setThread(_ started: OSThread) { thread.withLock { $0 = started } }

    /// Takes the thread out. The caller must join or detach it.
    func takeThread() -> OSThread? {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
    }

    /// The time it has spent running on a core; nil if that is unknown.
    var coreNanoseconds: UInt64? { thread.withLock { $0?.coreNanoseconds } }
}
