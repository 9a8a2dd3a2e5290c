public import RowSchema
public import RowText
public import Strata
public import SystemPackage

/// What a load is to do, ``RelationLoader/load(_:into:of:options:progress:)``.
public struct LoadOptions: Sendable {
    /// What becomes of a relation that exists.
    public var mode = LoadTarget.Mode.create
    /// The columns. Nil takes those of the relation that is appended to, and else infers them.
    public var schema: Schema?
    /// The storage manager of a new relation; nil for that of the relation that is replaced, or the
    /// default.
    public var managerName: String?
    /// How that storage manager shall keep a new relation, in its own terms: values by name. What
    /// is not said is as with the relation that is replaced, if that storage manager keeps it.
    public var managerOptions: [String: String] = [:]
    /// How the text is written.
    public var csv = CSVOptions()
    /// How a schema is inferred.
    public var inference = SchemaInference.Limits()
    /// What becomes of the load when a record cannot be taken.
    public var onError = BadRecordPolicy.stop
    /// The file for records that were skipped; nil forgets them. Only with ``BadRecordPolicy/skip``. A file
    /// that has contents is refused, and so is one in the store's directory.
    public var rejectsPath: FilePath?
    /// How to end the load early.
    public var cancellation = Cancellation()
    /// The least time between two calls of the progress closure.
    public var progressIntervalNanoseconds: UInt64 = 100_000_000

    /// A new relation, its columns inferred, from comma-separated values with a header; the first
    /// bad record ends the load.
    public init() {}
}

/// How far a load has come.
public struct LoadProgress: Sendable {
    /// What a load does.
    public enum Phase: Sendable, Hashable {
        /// Records are read and put on pages.
        case reading
        /// All were read; pages are made durable.
        case committing
    }

    /// What it does now.
    public var phase: Phase
    /// Rows that have got a place on a page.
    public var rowCount: UInt64
    /// Bytes of the source that were used.
    public var byteCount: Int
    /// Bytes of the source, where it knows.
    public var totalByteCount: Int?
    /// Time since the load began.
    public var elapsedNanoseconds: UInt64
}

/// What a load has brought about.
public struct LoadSummary: Sendable {
    /// The columns of the relation.
    public var schema: Schema
    /// How many records the columns were inferred from; nil where they were given.
    public var inferredFromRecordCount: Int?
    /// Rows that were added.
    public var rowCount: UInt64
    /// Records that were left out.
    public var rejectedCount: UInt64
    /// Pages that were added.
    public var pageCount: Int
    /// Bytes of the source.
    public var byteCount: Int
    /// Time from the call until the rows were durable.
    public var elapsedNanoseconds: UInt64
    /// The IO method that was used.
    public var methodName: String
}
