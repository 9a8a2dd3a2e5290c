internal import CPlatform

/// Waits without sleeping, for what is expected sooner than sleeping and waking would take.
package enum Spin {
    /// About what sleeping and being woken costs.
    package static let limitNanoseconds: UInt64 = 50_000

    /// Waits until the condition holds or the limit has passed. Returns whether the condition
    /// holds. On a single core it returns at once, since no other thread could make the condition
    /// true meanwhile.
    package static func wait(_ condition: () -> Bool) -> Bool {
        if condition() { return true }
        if isAlone { return false }
        let end = Clock.monotonicNanoseconds &+ limitNanoseconds
        while Clock.monotonicNanoseconds < end {
            for _ in 0..<16 {
                if condition() { return true }
                strata_pause()
            }
            // The thread that makes the condition true may be waiting for this core.
            sched_yield()
        }
        return condition()
    }

    private static let isAlone = Processor.coreCount == 1
}
