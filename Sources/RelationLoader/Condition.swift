internal import Threads

/// A lock, and a wait for another thread to change what it guards. Any thread.
@safe
final class Condition: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func lock() { unsafe pthread_mutex_lock(mutex) }
    func unlock() { unsafe pthread_mutex_unlock(mutex) }
    /// Wakes one waiting thread.
    func signal() { unsafe pthread_cond_signal(condition) }
    /// Releases the lock until woken, possibly spuriously. Callers must check their condition
    /// again.
    func wait() { unsafe pthread_cond_wait(condition, mutex) }
}
