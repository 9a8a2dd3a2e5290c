/// A value that one thread at a time can access.
///
/// The lock is held for the length of a closure. The closure must be short, or do work that all
/// other threads have to wait for anyway.
///
/// Public and inlinable, because the closures of a generic type of the package are neither inlined
/// nor specialised in another module.
@safe @frozen
public struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline let lock: ParkingLock
    /// Only the lock's holder accesses it.
    @usableFromInline let value: UnsafeMutablePointer<Value>

    /// Guards an initial value.
    @inlinable
    public init(_ initial: consuming sending Value, rank: LockRank) {
        lock = ParkingLock(rank: rank)
        unsafe value = .allocate(capacity: 1)
        unsafe value.initialize(to: initial)
    }

    @inlinable
    deinit {
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
    }

    /// Waits for the lock and calls `body` with it held.
    @inlinable
    public func withLock<Result: ~Copyable, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock.lock()
        defer { lock.unlock() }
        return unsafe try body(&value.pointee)
    }

    /// Calls `body` with the lock held if the lock is free, and returns nil otherwise.
    @inlinable
    public func withLockIfAvailable<Result, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard lock.tryLock() else { return nil }
        defer { lock.unlock() }
        return unsafe try body(&value.pointee)
    }
}
