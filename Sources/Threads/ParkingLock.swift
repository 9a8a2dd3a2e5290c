internal import CPlatform
package import Synchronization

/// A lock of one word: free, held, or held with sleepers. All zeroes is a free lock.
///
/// Used instead of the library's `Mutex`, whose inside the thread sanitizer cannot see and which
/// costs three times as much uncontended. A thread must not wait for one while holding staged IO,
/// unless the lock's holders never wait for IO.
/// holders never wait for IO.
package struct ParkingLock: ~Copyable {
    /// 0 free, 1 held, 2 held while a thread may sleep. Taken with acquiring and released with
    /// releasing order; each is the other's partner.
    private let word = Atomic<UInt32>(0)

    package init() {}

    package func lock() {
        if word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
        lockSlowly()
    }

    private func lockSlowly() {
        for _ in 0..<32 {
            if word.load(ordering: .relaxed) == 0,
                word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
            {
                return
            }
        }
        while word.exchange(2, ordering: .acquiring) != 0 { park(word, expected: 2) }
    }

    /// Takes the lock if it is free.
    package func tryLock() -> Bool {
        word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
    }

    package func unlock() {
        if word.exchange(0, ordering: .releasing) == 2 { wake(word, count: 1) }
    }

    package func withLock<Result: ~Copyable, Failure>(_ body: () throws(Failure) -> Result)
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
