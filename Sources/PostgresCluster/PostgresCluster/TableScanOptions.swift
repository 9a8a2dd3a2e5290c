internal import Threads

/// What of a table is scanned.
public struct TableScanOptions: Sendable {
    /// The columns, in this order; nil for all.
    public var columns: [String]?
    /// Whether rows of partitions and inheriting tables are left out.
    public var onlyOwnRows = false
    /// Whether row versions are among the rows that a new transaction does not see. Columns `xmin`,
    /// `xmax` and `state` follow the others then.
    public var includesDead = false
    /// Whether what is left of dropped columns is shown, in hexadecimal, behind the others.
    public var includesDropped = false
    /// Whether values of types without a text form are shown in hexadecimal instead of refused.
    public var unknownTypesAsHexadecimal = false
    /// At most so many rows; nil for all.
    public var limit: Int?
    /// How many threads write text at a time; nil for one a core.
    public var threads: Int?

    /// How many blocks a thread takes at a time: 2 MiB; fewer in tests.
    package var chunkBlocks: UInt32 = 256

    /// Makes options for all visible rows.
    public init() {}
}

/// The text that rows are written as.
public enum RowTextFormat: Sendable, Hashable {
    /// As `COPY … TO STDOUT (FORMAT csv, HEADER)` writes it.
    case csv(null: String, header: Bool)
    /// A JSON object a line, with numbers and booleans as such and all else as strings.
    case json
    /// Nothing: rows are decoded and dropped.
    case none
}

extension TableScan {
    /// How many threads a scan has if nothing else is said.
    static var coreCount: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }
}
