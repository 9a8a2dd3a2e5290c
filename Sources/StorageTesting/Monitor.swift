internal import Threads

/// State that threads change under a lock, and wait for by a condition.
@safe
final class Monitor<State>: @unchecked Sendable {
    /// Both live as long as this object.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    /// Accessed only while holding `mutex`.
    private var state: State

    init(_ state: State) {
        self.state = state
        unsafe mutex = .allocate(capacity: 1)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(changed, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Reads the state.
    func read<Result>(_ body: (State) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(state)
    }

    /// Changes the state and makes all sleepers check it again.
    @discardableResult
    func update<Result>(_ body: (inout State) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        unsafe pthread_cond_broadcast(changed)
        return body(&state)
    }

    /// Sleeps until `body` returns a value. Calls it once at first and after each change.
    func wait<Result>(_ body: (inout State) -> Result?) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            unsafe pthread_cond_wait(changed, mutex)
        }
    }

    /// Sleeps until `body` returns a value. Returns nil after `seconds`.
    func wait<Result>(seconds: Double, _ body: (inout State) -> Result?) -> Result? {
        var limit = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &limit)
        let nanoseconds = limit.tv_nsec + Int(seconds * 1_000_000_000)
        limit.tv_sec += nanoseconds / 1_000_000_000
        limit.tv_nsec = nanoseconds % 1_000_000_000

        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            if unsafe pthread_cond_timedwait(changed, mutex, &limit) != 0 { return body(&state) }
        }
    }
}
