internal import CPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Waiting without sleeping, for what is expected sooner than sleeping and waking would take.
enum Spin {
    /// About what it costs to sleep and to be woken.
    static let limitNanoseconds: UInt64 = 50_000

    /// Waits until the condition holds, at most for the limit; whether it holds. On a single core
    /// it is not waited for: nobody could bring it about meanwhile.
    static func wait(_ condition: () -> Bool) -> Bool {
        if condition() { return true }
        if isAlone { return false }
        let end = Clock.monotonicNanoseconds &+ limitNanoseconds
        while Clock.monotonicNanoseconds < end {
            for _ in 0..<16 {
                if condition() { return true }
                strata_pause()
            }
            // Whoever could bring it about may wait for this core.
            sched_yield()
        }
        return condition()
    }

    private static let isAlone = Clock.coreCount == 1
}
