/// How sure a rescued row is.
public enum RescueConfidence: String, Sendable, Hashable, CaseIterable {
    /// Its page is whole, and so is every page that its values come from.
    case whole
    /// A page is damaged, though the row on it is possible; or the files do not tell whether the
    /// row was committed.
    case plausible
    /// Some of its values are lost. They are shown as null.
    case incomplete
}

/// What became of a row version.
public enum RescuedState: String, Sendable, Hashable, CaseIterable {
    /// A new transaction sees it.
    case visible
    /// The inserting transaction never committed.
    case insertAborted = "insert aborted"
    /// It was deleted or replaced.
    case deleted
    /// The files do not tell. It is treated as visible.
    case unknown
}

/// A row found by a salvage.
public struct RescuedRow: Sendable {
    /// The text of each column, in UTF-8; nil for null, and for a value that is lost.
    public let fields: [[UInt8]?]
    /// The file that it was found in, below the data directory, or the image.
    public let file: String
    /// The block, counted across all segments; in an image, the block that the row says it was in.
    public let block: UInt32
    /// The line pointer; zero if it is not known.
    public let linePointer: UInt16
    /// How sure it is.
    public let confidence: RescueConfidence
    /// What became of it.
    public let state: RescuedState
    /// The inserting transaction.
    public let insertedBy: UInt32
    /// The deleting or locking transaction; zero if there is none.
    public let deletedBy: UInt32
    /// The indexes of the columns whose values are lost.
    public let lostColumns: [Int]
}

/// Something that a salvage could not have, or does not trust.
public struct SalvageFinding: Sendable, Hashable {
    /// What it is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A file is missing, ends early, or cannot be opened, and all blocks in it are lost.
        case lostFile = "lost file"
        /// A block cannot be read, or nothing on it is a row of the table.
        case lostBlock = "lost block"
        /// A page is damaged; the rows that were found on it are only plausible.
        case damagedPage = "damaged page"
        /// A line pointer leads to no row.
        case lostRow = "lost row"
        /// A value of a row is lost.
        case lostValue = "lost value"
    }

    /// What it is.
    public let kind: Kind
    /// The file, below the data directory, or the image.
    public let path: String
    /// The block, counted across all segments; nil for a file.
    public let block: UInt32?
    /// The line pointer; nil if it is not about one.
    public let linePointer: UInt16?
    /// The column; nil if it is not about a value.
    public let column: String?
    /// What is wrong, in words that do not repeat its place.
    public let reason: String

    init(
        _ kind: Kind, _ path: String, block: UInt32? = nil, linePointer: UInt16? = nil,
        column: String? = nil, _ reason: String
    ) {
        self.kind = kind
        self.path = path
        self.block = block
        self.linePointer = linePointer
        self.column = column
        self.reason = reason
    }
}

extension SalvageFinding: CustomStringConvertible {
    /// Such as `lost value: file "base/5/16384", block 7, line pointer 3, column "body": …`.
    public var description: String {
        var place = ["file \"\(path)\""]
        if let block { place.append("block \(block)") }
        if let linePointer { place.append("line pointer \(linePointer)") }
        if let column { place.append("column \"\(column)\"") }
        return "\(kind.rawValue): \(place.joined(separator: ", ")): \(reason)"
    }
}

/// The numbers of a salvage.
public struct SalvageReport: Sendable, Hashable {
    /// Rows found, by how sure they are.
    public internal(set) var rows: [RescueConfidence: Int] = [:]
    /// Pages read.
    public internal(set) var pages: UInt64 = 0
    /// Pages of zeroes: never used, or overwritten.
    public internal(set) var zeroPages: UInt64 = 0
    /// Findings by their kind.
    public internal(set) var findings: [SalvageFinding.Kind: Int] = [:]

    /// All rows found.
    public var rowCount: Int { rows.values.reduce(0, +) }
    /// Whether every page was whole and every row complete.
    public var isWhole: Bool { findings.isEmpty && rows.keys.allSatisfy { $0 == .whole } }

    /// Makes a report of nothing.
    public init() {}

    /// Adds another report's numbers.
    public mutating func add(_ other: SalvageReport) {
        rows.merge(other.rows, uniquingKeysWith: +)
        pages += other.pages
        zeroPages += other.zeroPages
        findings.merge(other.findings, uniquingKeysWith: +)
    }
}
