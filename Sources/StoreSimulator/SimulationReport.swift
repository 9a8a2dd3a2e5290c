public import StorageTesting

/// The outcome of one seed, or the sum of many.
public struct SimulationReport: Sendable {
    /// Something that a store must never do.
    public struct Violation: Sendable, Hashable, CustomStringConvertible {
        /// The seed; running it again reproduces the violation.
        public let seed: UInt64
        /// What was found.
        public let reason: String

        /// The seed and what was found.
        public var description: String { "seed \(seed): \(reason)" }
    }

    /// Number of seeds run.
    public var seeds = 0
    /// Number of steps made by sessions.
    public var steps = 0
    /// Number of power cuts.
    public var powerCuts = 0
    /// Number of times the process died while the kernel survived.
    public var kills = 0
    /// Number of crashes of either kind while the store was being opened.
    public var crashesInRecovery = 0
    /// Number of times a store was opened.
    public var openings = 0
    /// Number of acknowledged checkpoints and commits.
    public var acknowledgements = 0
    /// Number of commits that filled up the last page of a relation.
    public var fills = 0
    /// Number of relations renamed, forks cut, further forks extended, and pages with room found.
    public var operations = 0
    /// Number of pages read and compared to the last byte.
    public var pagesChecked = 0
    /// Number of relations whose rows were counted and compared with the catalog.
    public var countsChecked = 0
    /// Number of calls that failed because of a fault and reported it.
    public var failures = 0
    /// Number of times a store's damage was found and reported.
    public var damageReports = 0
    /// Faults of the disk, by kind.
    public var faults = SimulatedDiskCounts()
    /// The violations found.
    public var violations: [Violation] = []
    /// A digest of everything that happened. Equal runs have equal digests.
    public var digest: UInt64 = 0

    /// Makes an empty report.
    public init() {}

    /// Power cuts plus deaths of the process.
    public var crashes: Int { powerCuts + kills }

    /// Adds another report to this one.
    public mutating func add(_ other: SimulationReport) {
        seeds += other.seeds
        steps += other.steps
        powerCuts += other.powerCuts
        kills += other.kills
        crashesInRecovery += other.crashesInRecovery
        openings += other.openings
        acknowledgements += other.acknowledgements
        fills += other.fills
        operations += other.operations
        pagesChecked += other.pagesChecked
        countsChecked += other.countsChecked
        failures += other.failures
        damageReports += other.damageReports
        faults.add(other.faults)
        violations += other.violations
        digest ^= other.digest
    }
}
