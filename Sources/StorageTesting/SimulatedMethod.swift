public import AsyncIO
internal import Threads

/// An `IOMethod` for tests. It really executes the IO, but later, in an order drawn from a seed,
/// on any thread, and with faults that the seed or the test chooses.
///
/// Submitting executes nothing; IOs wait in a pool from which completers draw. A test that needs a
/// certain situation stops IOs with ``hold(where:)`` and releases them when it is ready. The memory
/// of reads that fail or end early is overwritten with garbage, so that old contents cannot pass
/// for what was read.
///
/// ``choice(seed:faults:)`` gives it to a system; ``of(_:)`` finds it there. Safe to use from any
/// thread.
public final class SimulatedMethod: IOMethod, CustomStringConvertible {
    /// The seed that repeats this method's choices.
    public let seed: UInt64
    /// Its treatment of IOs.
    public let faults: SimulatedFaults

    let pool: Monitor<SimulatedPool>

    /// Makes a method and, if the settings ask for one, its thread.
    public init(seed: UInt64, faults: SimulatedFaults = .harmless) {
        self.seed = seed
        self.faults = faults
        pool = Monitor(SimulatedPool(seed: seed, schedule: faults.schedule))
        guard faults.completion != .waiters else { return }
        pool.update { $0.hasThread = true }
        TestThreads.start { [pool] in Self.completeUntilStopped(pool) }
    }

    /// A choice for an `IOConfiguration`. Every system started with it has its own method.
    public static func choice(seed: UInt64, faults: SimulatedFaults = .harmless) -> IOMethodChoice {
        .custom("simulated") { _ in SimulatedMethod(seed: seed, faults: faults) }
    }

    /// The method of a system, if it is a simulated one.
    public static func of(_ system: IOSystem) -> SimulatedMethod? {
        system.method as? SimulatedMethod
    }

    /// The name and the seed, such as `simulated(seed: 7)`.
    public var description: String { "simulated(seed: \(seed))" }

    /// Its counters so far.
    public var statistics: SimulatedStatistics { pool.read { $0.statistics } }

    /// The number of IOs that wait to be completed, held ones included.
    public var pendingCount: Int { pool.read { $0.pending.count } }

    /// Plans a fault for an IO submitted from now on; the first match is number 1.
    public func inject(_ fault: ScheduledFault) {
        pool.update { $0.schedule.append(SimulatedPool.Scheduled(fault)) }
    }

    /// Keeps matching IOs submitted from now on from being executed.
    ///
    /// - Parameter condition: whether to hold an IO. Must not use the method.
    /// - Returns: the hold. Destroying it releases the IOs.
    public func hold(
        where condition: @escaping @Sendable (StagedIO) -> Bool = { _ in true }
    ) -> SimulatedHold {
        SimulatedHold(pool, number: pool.update { $0.addHold(condition) })
    }

    // MARK: IOMethod

    /// `simulated`.
    public var name: String { "simulated" }

    /// True: IOs are executed on the descriptor long after their submission.
    public var waitsBeforeClosing: Bool { true }

    /// True unless only the method's thread completes IOs.
    public var canWait: Bool { faults.completion != .thread }

    /// Only the session's thread may touch session-local memory.
    public func needsSynchronousExecution(_ io: StagedIO) -> Bool {
        io.flags.contains(.referencesLocal)
    }

    /// Puts the IOs into the pool. Executes none of them.
    public func submit(_ ios: Span<StagedIO>, session: Int) {
        let holds = pool.read { $0.holds }
        for position in ios.indices {
            let io = ios[position]
            io.prepareSubmit()
            let hold = holds.first { $0.condition(io) }?.number
            let (number, scheduled) = pool.update { pool in
                pool.statistics.submitted += 1
                return (UInt64(pool.statistics.submitted), pool.scheduledFault(for: io))
            }
            var random = SplitMix64(seed: seed, stream: number)
            let drawn = faults.draw(for: io, from: &random)
            let entry = SimulatedPool.Entry(
                io, fault: scheduled ?? drawn, hold: hold,
                reopens: random.chance(faults.reopenProbability) && io.canReopen)
            pool.update { $0.append(entry) }
        }
    }

    /// Completes any IO that is not held, or a delayed one if there is no other, or sleeps.
    public func waitOne(_ io: StagedIO, generation: UInt64) {
        faults.whileWaiting?()
        let entry: SimulatedPool.Entry? = pool.wait { pool -> SimulatedPool.Entry?? in
            if io.wasRecycled(since: generation) || io.state != .submitted { return .some(nil) }
            return pool.take(hurries: true).map { .some($0) }
        }
        if let entry { entry.run(pool) }
    }

    /// Completes some IOs or none, of any session.
    public func poll(session: Int) {
        while let entry = pool.update({ $0.takeByChance() }) { entry.run(pool) }
    }

    /// Ends the method's thread.
    public func shutdown() {
        pool.update { $0.isStopped = true }
        pool.wait { $0.hasThread ? nil : () }
    }

    deinit { pool.update { $0.isStopped = true } }

    private static func completeUntilStopped(_ pool: Monitor<SimulatedPool>) {
        enum Step {
            case run(SimulatedPool.Entry)
            case pause
            case stop
        }
        while true {
            let step: Step = pool.wait { pool in
                if let entry = pool.take(hurries: false) { return .run(entry) }
                if pool.hasUnheld { return .pause }
                return pool.isStopped ? .stop : nil
            }
            switch step {
            case .run(let entry):
                entry.run(pool)
            case .pause:
                usleep(20)
            case .stop:
                pool.update { $0.hasThread = false }
                return
            }
        }
    }
}
