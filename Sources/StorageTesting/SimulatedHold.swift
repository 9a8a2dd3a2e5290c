/// A hold on IOs of a ``SimulatedMethod``: they are not executed until a test releases them.
///
/// While it exists, matching IOs are held. Safe to use from any thread.
public final class SimulatedHold: Sendable {
    private let pool: Monitor<SimulatedPool>
    private let number: Int

    init(_ pool: Monitor<SimulatedPool>, number: Int) {
        self.pool = pool
        self.number = number
    }

    deinit { release() }

    /// The number of IOs it holds now.
    public var count: Int {
        pool.read { pool in pool.pending.count { $0.hold == number } }
    }

    /// Sleeps until it holds at least `count` IOs.
    ///
    /// - Throws: a ``WatchdogError`` after `seconds`.
    public func waitUntilHolding(_ count: Int, seconds: Double = TestThreads.defaultSeconds)
        throws(WatchdogError)
    {
        let reached: Void? = pool.wait(seconds: seconds) { pool in
            pool.pending.count { $0.hold == self.number } >= count ? () : nil
        }
        guard reached != nil else {
            throw WatchdogError(
                description: "after \(seconds) s \(self.count) IOs are held, not \(count)")
        }
    }

    /// Releases all held IOs and ends the hold.
    ///
    /// - Parameter fault: the fault of each of them, instead of the one decided before.
    public func release(with fault: SimulatedFault? = nil) {
        pool.update { $0.release(number, with: fault, ends: true) }
    }

    /// Releases the IOs held now. Later ones are still held.
    public func releaseHeld(with fault: SimulatedFault? = nil) {
        pool.update { $0.release(number, with: fault, ends: false) }
    }
}
