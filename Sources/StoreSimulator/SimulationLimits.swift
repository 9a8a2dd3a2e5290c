/// How much a seed may do.
public struct SimulationLimits: Sendable, Hashable {
    /// Steps of all sessions between two crashes, about.
    public var steps = 60
    /// How often the store is opened anew, at most.
    public var lives = 4

    /// Makes the default limits.
    public init() {}
}

/// How seeds are simulated.
public struct SimulationOptions: Sendable {
    /// How much a seed may do.
    public var limits = SimulationLimits()
    /// Is told what happens, a line each; nil for nobody.
    public var trace: (@Sendable (String) -> Void)?

    /// The mistake that the store makes; only for showing that it is found.
    package var planted: PlantedMistake?

    /// Makes the default settings.
    public init() {}
}

/// Mistakes that a store can be told to make, so that it shows whether they are found.
package enum PlantedMistake: String, CaseIterable, Sendable {
    /// Of the files to be synced together, the first is not.
    case skippedSync = "skipped-sync"
    /// Loads are published before their pages are durable.
    case earlyPublication = "early-publication"
    /// Pages are overwritten without having been written to the journal.
    case skippedJournal = "skipped-journal"
    /// The catalog goes on saying how many rows a relation has when its pages are changed.
    case keptRowCount = "kept-row-count"
    /// The mark of a clean end stays while the store is written to.
    case keptMark = "kept-mark"
}
