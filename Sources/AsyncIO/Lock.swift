internal import CPlatform
internal import Synchronization

/// A value that one thread at a time may touch.
///
/// Used as `Mutex` of the standard library is. That one's hand-over is invisible to the thread
/// sanitizer on Linux, which then reports every use; this one is made of an atomic word. Locking a
/// free one costs one atomic exchange; a thread that finds it held sleeps in the kernel. Nobody
/// holds one while it waits for IO.
@safe
public struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    /// 0 free, 1 held, 2 held while somebody may sleep. Acquired with acquiring, given back with
    /// releasing order: each is the other's partner. The kernel is given its address.
    private let word: UnsafeMutablePointer<Atomic<UInt32>>
    /// Valid as long as the lock; touched only by whoever holds it.
    private let value: UnsafeMutablePointer<Value>

    /// Makes a free lock around a value.
    public init(_ initial: consuming sending Value) {
        unsafe word = .allocate(capacity: 1)
        unsafe word.initialize(to: Atomic(0))
        unsafe value = .allocate(capacity: 1)
        unsafe value.initialize(to: initial)
    }

    deinit {
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
        unsafe word.deinitialize(count: 1)
        unsafe word.deallocate()
    }

    /// Calls `body` with the value, waiting until no other thread has it. Not reentrant.
    public borrowing func withLock<Result: ~Copyable, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        if !tryLock() { lockSlowly() }
        defer { unlock() }
        return try unsafe body(&value.pointee)
    }

    /// Calls `body` with the value unless another thread has it. Never waits.
    ///
    /// - Returns: nil when another thread has it.
    public borrowing func withLockIfAvailable<Result: ~Copyable, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard tryLock() else { return nil }
        defer { unlock() }
        return try unsafe body(&value.pointee)
    }

    private borrowing func tryLock() -> Bool {
        unsafe word.pointee.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
    }

    private borrowing func lockSlowly() {
        for _ in 0..<32 {
            if unsafe word.pointee.load(ordering: .relaxed) == 0, tryLock() { return }
        }
        while unsafe word.pointee.exchange(2, ordering: .acquiring) != 0 {
            _ = unsafe strata_futex_wait(UnsafeRawPointer(word), 2, -1)
        }
    }

    private borrowing func unlock() {
        if unsafe word.pointee.exchange(0, ordering: .releasing) == 2 {
            unsafe strata_futex_wake(UnsafeRawPointer(word), 1)
        }
    }
}
