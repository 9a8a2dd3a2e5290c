/// How much a seed may do.
public struct SimulationLimits: Sendable, Hashable {
    /// Approximate number of steps of all sessions between two crashes.
    public var steps = 60
    /// The greatest number of times the store is reopened.
    public var lives = 4

    /// Makes the default limits.
    public init() {}
}

/// How seeds are simulated.
public struct SimulationOptions: Sendable {
    /// How much a seed may do.
    public var limits = SimulationLimits()
    /// Called with what happens, line by line; nil for no trace.
    public var trace: (@Sendable (String) -> Void)?

    /// The bug planted in the store, to show that the simulator finds it.
    package var planted: PlantedMistake?

    /// Makes the default settings.
    public init() {}
}

/// Bugs that can be planted in a store, to show that the simulator finds them.
package enum PlantedMistake: String, CaseIterable, Sendable {
    /// Of the files to sync together, the first is skipped.
    case skippedSync = "skipped-sync"
    /// Loads are published before their pages are durable.
    case earlyPublication = "early-publication"
    /// Pages are overwritten without having been written to the journal.
    case skippedJournal = "skipped-journal"
    /// The catalog keeps a relation's row count when its pages are changed.
    case keptRowCount = "kept-row-count"
    /// The store stays marked as closed while it is written to.
    case keptMark = "kept-mark"
    /// Sealed pages are written without their seals.
    case skippedSeal = "skipped-seal"
}
