internal import CPlatform

/// Checks in debug builds that every thread takes its locks downwards by ``LockRank``.
///
/// Two threads that take two locks in different orders can each wait for the other for ever, but
/// rarely do so in a test. A fixed order excludes that, and one run on one thread is enough to see
/// it broken. A release build neither records nor checks anything.
///
/// All calls are for the thread that takes or gives back the lock. They cost a few nanoseconds.
public enum LockOrder {
    /// Whether this build checks.
    public static var isChecked: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }

    /// Stops the process if the thread holds a lock that must not be held while waiting for one of
    /// that rank.
    @inlinable @inline(__always)
    public static func willWait(for rank: LockRank) {
        #if DEBUG
            check(rank)
        #endif
    }

    /// Records that the thread has taken a lock.
    @inlinable @inline(__always)
    public static func didTake(_ rank: LockRank) {
        #if DEBUG
            record(rank)
        #endif
    }

    /// Records that the thread gives the lock back.
    @inlinable @inline(__always)
    public static func willGiveBack(_ rank: LockRank) {
        #if DEBUG
            forget(rank)
        #endif
    }

    @usableFromInline static func check(_ rank: LockRank) {
        guard let held = LockRank(rawValue: Int(strata_ranks_greatest())) else { return }
        if held < rank || held == rank && rank.nests { return }
        fatalError(
            """
            the lock "\(rank)" is taken while the thread holds "\(held)": locks are taken \
            downwards only, in the order of LockRank
            """)
    }

    @usableFromInline static func record(_ rank: LockRank) {
        strata_ranks_push(UInt8(rank.rawValue))
    }

    @usableFromInline static func forget(_ rank: LockRank) {
        strata_ranks_pop(UInt8(rank.rawValue))
    }
}
