internal import PostgresReading
internal import PostgresTypes

/// A relation to salvage, and how to read it. Any thread may use it.
struct RescueSource: Sendable {
    let place: RelationPlace
    let shape: RescueShape
    let writer: ValueWriter
    let encoding: TextEncoding
    let isSequence: Bool
    /// Where a TOAST relation is, by the number that pointers name; nil if that is not known.
    let locateToast: @Sendable (UInt32) -> ToastPlace?
}

/// What to salvage: a table's relations, or a file. ``ClusterRescue`` makes it.
public struct RescueTarget: Sendable {
    /// What it is, for messages: a table's name or a file's path.
    public let name: String
    /// The columns of its rows.
    public let columns: [RescueColumn]
    /// What users should know about it, one sentence each.
    public let notes: [String]
    /// The first files of its relations, below the data directory.
    public let files: [String]
    let sources: [RescueSource]

    init(
        _ name: String, _ sources: [RescueSource], in directory: DataDirectory,
        notes: [String] = []
    ) {
        self.name = name
        self.sources = sources
        self.notes = notes
        columns = sources.first?.shape.columns ?? []
        files = sources.map { directory.path($0.place) }
    }
}
