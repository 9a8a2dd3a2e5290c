internal import CPlatform

/// Waiting without sleeping, for what is expected sooner than sleeping and waking would take.
package enum Spin {
    /// About what it costs to sleep and to be woken.
    package static let limitNanoseconds: UInt64 = 50_000

    /// Waits until the condition holds, at most for the limit; whether it holds. On a single core
    /// it is not waited for: nobody could bring it about meanwhile.
    package static func wait(_ condition: () -> Bool) -> Bool {
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

    private static let isAlone = Processor.coreCount == 1
}
