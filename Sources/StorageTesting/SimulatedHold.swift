/// IOs that a ``SimulatedMethod`` keeps from being executed until a test lets them go.
///
/// While it exists, IOs that fit are held. Any thread.
public final class SimulatedHold: Sendable {
    private let pool: Monitor<SimulatedPool>
    private let number: Int

    init(_ pool: Monitor<SimulatedPool>, number: Int) {
        self.pool = pool
        self.number = number
    }

    deinit { release() }

    /// How many IOs it holds now.
    public var count: Int {
        pool.read { pool in pool.pending.count { $0.hold == number } }
    }

    /// Sleeps until it holds as many IOs or more.
    ///
    /// - Throws: a ``WatchdogError`` after `seconds`.
    public func waitUntilHolding(_ count: Int, seconds: Double = Threads.defaultSeconds)
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

    /// Lets go of all IOs it holds, and holds no more.
    ///
    /// - Parameter fault: what goes wrong with each of them, instead of what was decided before.
    public func release(with fault: SimulatedFault? = nil) {
        pool.update { $0.release(number, with: fault, ends: true) }
    }

    /// Lets go of the IOs it holds now; those submitted later are held.
    public func releaseHeld(with fault: SimulatedFault? = nil) {
        pool.update { $0.release(number, with: fault, ends: false) }
    }
}
