internal import CPlatform
public import Synchronization

/// A lock of one word: free, held, or held with sleepers.
///
/// Used instead of the library's `Mutex`, whose inside the thread sanitizer cannot see, and which
/// costs three times as much uncontended. A thread must not wait for one while holding staged IO,
/// unless the lock's holders never wait for IO.
@frozen
public struct ParkingLock: ~Copyable {
    /// 0 free, 1 held, 2 held while a thread may sleep. Taken with acquiring and released with
    /// releasing order; each is the other's partner.
    @usableFromInline let word = Atomic<UInt32>(0)
    #if DEBUG
        @usableFromInline let rank: LockRank
    #endif

    /// Makes a free lock.
    @inlinable
    public init(rank: LockRank) {
        #if DEBUG
            self.rank = rank
        #endif
    }

    /// Waits for the lock and takes it.
    @inlinable
    public func lock() {
        #if DEBUG
            LockOrder.willWait(for: rank)
        #endif
        if !word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
            lockSlowly()
        }
        #if DEBUG
            LockOrder.didTake(rank)
        #endif
    }

    @usableFromInline
    func lockSlowly() {
        for _ in 0..<32 {
            if word.load(ordering: .relaxed) == 0,
                word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
            {
                return
            }
        }
        while word.exchange(2, ordering: .acquiring) != 0 { park(word, expected: 2) }
    }

    /// Takes the lock if it is free. It may be of any rank, since nobody waits.
    @inlinable
    public func tryLock() -> Bool {
        let isTaken = word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
        #if DEBUG
            if isTaken { LockOrder.didTake(rank) }
        #endif
        return isTaken
    }

    /// Gives the lock back, on the thread that took it.
    @inlinable
    public func unlock() {
        #if DEBUG
            LockOrder.willGiveBack(rank)
        #endif
        if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
    }

    @usableFromInline
    func wakeOne() { wake(word, count: 1) }

    /// Waits for the lock and calls `body` with it held.
    @inlinable
    public func withLock<Result: ~Copyable, Failure>(_ body: () throws(Failure) -> Result)
        throws(Failure) -> Result
    {
        lock()
        defer { unlock() }
        return try body()
    }
}

/// Sleeps while the word is `expected`; may return early.
package func park(_ word: borrowing Atomic<UInt32>, expected: UInt32) {
    unsafe withUnsafePointer(to: word) { address in
        _ = unsafe strata_futex_wait(UnsafeRawPointer(address), expected, -1)
    }
}

/// Sleeps while the word has that value, up to a time limit; may return early.
package func park(
    _ word: borrowing Atomic<UInt32>, expected: UInt32, atMost duration: Duration
) {
    let (seconds, attoseconds) = duration.components
    let nanoseconds = min(max(seconds, 0), 1 << 30) * 1_000_000_000 + attoseconds / 1_000_000_000
    unsafe withUnsafePointer(to: word) { address in
        _ = unsafe strata_futex_wait(UnsafeRawPointer(address), expected, max(0, nanoseconds))
    }
}

/// Wakes at most `count` of the threads that sleep on the word.
package func wake(_ word: borrowing Atomic<UInt32>, count: Int32) {
    unsafe withUnsafePointer(to: word) { address in
        unsafe strata_futex_wake(UnsafeRawPointer(address), count)
    }
}
