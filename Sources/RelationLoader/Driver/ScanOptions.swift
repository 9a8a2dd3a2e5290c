public import RowText

/// How a scan writes what it reads.
public struct ScanOptions: Sendable {
    /// What rows are written as.
    public enum Format: Sendable, Hashable {
        /// Comma-separated values, with a header.
        case csv
        /// One JSON object a line.
        case jsonLines
        /// Nothing is written; rows are decoded and counted all the same.
        case none
    }

    /// The names of the columns, in the order they are written; nil for all.
    public var columns: [String]?
    /// The most rows; nil for all.
    public var limit: UInt64?
    /// What rows are written as.
    public var format = Format.csv
    /// Delimiter, NULL and header of ``Format/csv``.
    public var csv = CSVOptions()
    /// How to end the scan early.
    public var cancellation = Cancellation()

    /// All columns and rows as CSV.
    public init() {}
}

/// What a scan has done.
public struct ScanSummary: Sendable {
    /// Rows that were read.
    public var rowCount: UInt64
    /// Pages that were read.
    public var pageCount: Int
    /// Bytes that were written.
    public var byteCount: Int
    /// Time from the call to the end.
    public var elapsedNanoseconds: UInt64
    /// The IO method that was used.
    public var methodName: String
}
