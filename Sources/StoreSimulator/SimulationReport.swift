public import StorageTesting

/// What became of one seed, or of many.
public struct SimulationReport: Sendable {
    /// Something that a store must never do.
    public struct Violation: Sendable, Hashable, CustomStringConvertible {
        /// The seed, which repeats it.
        public let seed: UInt64
        /// What was found.
        public let reason: String

        /// The seed and what was found.
        public var description: String { "seed \(seed): \(reason)" }
    }

    /// Seeds run.
    public var seeds = 0
    /// Steps that sessions made.
    public var steps = 0
    /// Power cuts.
    public var powerCuts = 0
    /// Times that the process died and the kernel did not.
    public var kills = 0
    /// Those of both that came while the store was being opened.
    public var crashesInRecovery = 0
    /// Times that a store was opened.
    public var openings = 0
    /// Checkpoints and commits that were acknowledged.
    public var acknowledgements = 0
    /// Pages read and compared to the last byte.
    public var pagesChecked = 0
    /// Relations whose rows were counted and compared with what the catalog says.
    public var countsChecked = 0
    /// Calls that failed because of a fault and said so.
    public var failures = 0
    /// Times that a store's damage was found and reported.
    public var damageReports = 0
    /// Faults of the disk, by kind.
    public var faults = SimulatedDiskCounts()
    /// What went wrong.
    public var violations: [Violation] = []
    /// A digest of everything that happened: equal for equal runs.
    public var digest: UInt64 = 0

    /// Nothing happened.
    public init() {}

    /// Power cuts and deaths of the process.
    public var crashes: Int { powerCuts + kills }

    /// Adds another's.
    public mutating func add(_ other: SimulationReport) {
        seeds += other.seeds
        steps += other.steps
        powerCuts += other.powerCuts
        kills += other.kills
        crashesInRecovery += other.crashesInRecovery
        openings += other.openings
        acknowledgements += other.acknowledgements
        pagesChecked += other.pagesChecked
        countsChecked += other.countsChecked
        failures += other.failures
        damageReports += other.damageReports
        faults.add(other.faults)
        violations += other.violations
        digest ^= other.digest
    }
}
