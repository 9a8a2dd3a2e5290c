internal import Threads

/// What to scan of a table.
public struct TableScanOptions: Sendable {
    /// The columns, in this order; nil for all.
    public var columns: [String]?
    /// Whether to omit rows of partitions and inheriting tables.
    public var onlyOwnRows = false
    /// Whether to include row versions that a new transaction does not see. Columns `xmin`, `xmax`
    /// and `state` then follow the others.
    public var includesDead = false
    /// Whether to show what is left of dropped columns, in hexadecimal, after the others.
    public var includesDropped = false
    /// Whether to show values of types without a text form in hexadecimal, instead of throwing.
    public var unknownTypesAsHexadecimal = false
    /// The most rows to write; nil for all.
    public var limit: Int?
    /// How many threads produce text; nil for one per core.
    public var threads: Int?

    /// How many blocks a thread takes at a time: 2 MiB. Tests use fewer.
    package var chunkBlocks: UInt32 = 256

    /// Whether values whose type other stores keep in the same form are shown as they are stored.
    var keepsStoredValues = false

    /// Makes options for all visible rows.
    public init() {}
}

/// The text that rows are written as.
public enum RowTextFormat: Sendable, Hashable {
    /// As `COPY … TO STDOUT (FORMAT csv, HEADER)` writes it.
    case csv(null: String, header: Bool)
    /// One JSON object per line, with numbers and booleans as such and everything else as strings.
    case json
    /// Nothing: rows are decoded and discarded.
    case none
}

extension TableScanOptions {
    /// How many threads a scan has.
    var threadCount: Int {
        max(1, threads ?? min(Int(sysconf(CInt(_SC_NPROCESSORS_ONLN))), 16))
    }
}
