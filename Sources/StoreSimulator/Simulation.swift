internal import StorageTesting

/// A whole store, driven by one seed on one thread: the workload, the interleaving of sessions, the
/// disk's faults and the crashes, judged by a model of what was acknowledged.
///
/// See <doc:StoreSimulator> for what it does and what it expects.
public enum Simulation {
    /// Runs a seed. Any thread; takes milliseconds and a few megabytes.
    ///
    /// The same seed, limits and program give the same run, and the same digest.
    public static func run(seed: UInt64, options: SimulationOptions = SimulationOptions())
        -> SimulationReport
    {
        let world = World(seed: seed, options: options)
        do throws(Violation) {
            try world.run()
        } catch {
            world.note("violation: \(error.reason)")
            world.report.violations.append(
                SimulationReport.Violation(seed: seed, reason: error.reason))
            world.tearDown()
        }
        world.finish()
        return world.report
    }
}

/// Ends a seed: the store did something forbidden.
struct Violation: Error {
    let reason: String
}
