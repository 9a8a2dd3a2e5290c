public import RowText
public import Strata

/// How a scan writes what it reads.
public struct ScanOptions: Sendable {
    /// The output format of rows.
    public enum Format: Sendable, Hashable {
        /// Comma-separated values, with a header.
        case csv
        /// One JSON object per line.
        case jsonLines
        /// Nothing is written, but rows are decoded and counted.
        case none
    }

    /// The names of the columns to write, in order; nil for all.
    public var columns: [String]?
    /// The most rows; nil for all.
    public var limit: UInt64?
    /// The output format of rows.
    public var format = Format.csv
    /// What happens to the scan at damage.
    public var onDamage = DamagePolicy.stop
    /// Receives, on the calling thread and in order, each damage that the scan skips: which block
    /// or row is lost, and at the end how many rows are.
    public var onLoss: (@Sendable (StorageError) -> Void)?
    /// Delimiter, NULL and header of ``Format/csv``.
    public var csv = CSVOptions()
    /// How many threads turn rows into text; nil for one for each core. At most 16 are
    /// used. A scan with a limit, of a small relation or with a small pool uses the calling thread
    /// alone. Each other thread has a session; the scan does with fewer threads if there is no room
    /// for these.
    public var threadCount: Int?
    /// Ends the scan early on request.
    public var cancellation = Cancellation()

    /// Options for all columns and rows as CSV.
    public init() {}
}

/// What to do about a page or a row that cannot be read.
public enum DamagePolicy: Sendable, Hashable {
    /// The scan ends with the error, behind all rows before it.
    case stop
    /// The scan continues with the next row or page.
    case skip
}

/// The result of a scan.
public struct ScanSummary: Sendable {
    /// Rows that were read.
    public var rowCount: UInt64
    /// Pages that were read.
    public var pageCount: Int
    /// How often something was lost; zero unless the scan skips damage.
    public var lossCount: Int
    /// Bytes that were written.
    public var byteCount: Int
    /// Time from the call to the end.
    public var elapsedNanoseconds: UInt64
    /// The IO method that was used.
    public var methodName: String
}
