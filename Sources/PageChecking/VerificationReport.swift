public import StorageManager

/// Something wrong that a verification has found.
public struct VerificationFinding: Sendable, Hashable {
    /// What is wrong.
    public enum Kind: Sendable, Hashable {
        /// A page's checksum or header is wrong.
        case damagedPage
        /// A page could not be read.
        case unreadable
        /// What the storage manager keeps besides pages is damaged. The pages may be readable
        /// nevertheless.
        case damagedStorage
        /// A file is missing, in the middle or at the end.
        case missingFile
        /// A file ends too early, or within a block.
        case wrongLength
        /// A page is all zeroes where loads have left rows.
        case zeroedPage
        /// A line pointer, a tuple's header or a value is impossible, although the page's checksum
        /// and header are right.
        case damagedRow
        /// The pages hold fewer rows than loads have added: some were overwritten with intact pages
        /// of another time, or with zeroes.
        case missingRows
        /// The pages hold more rows than loads have added.
        case surplusRows
        /// The control file or the catalog is damaged.
        case damagedStoreFile
    }

    /// What is wrong.
    public let kind: Kind
    /// The relation's name; nil for the store's own files.
    public let relation: String?
    /// The fork.
    public let fork: Fork?
    /// The first block concerned, counted across all segments.
    public let block: UInt32?
    /// The file, relative to the store; nil if only the storage manager knows it.
    public let path: String?
    /// What is wrong, in words that do not repeat its place.
    public let reason: String

    package init(
        kind: Kind, relation: String?, fork: Fork?, block: UInt32?, path: String?, reason: String
    ) {
        self.kind = kind
        self.relation = relation
        self.fork = fork
        self.block = block
        self.path = path
        self.reason = reason
    }
}

extension VerificationFinding: CustomStringConvertible {
    /// Such as `relation "t", fork main, block 7, file "base/1/16384": checksum 3 is stored …`.
    public var description: String {
        var place: [String] = []
        if let relation { place.append("relation \"\(relation)\"") }
        if let fork { place.append("fork \(fork.name)") }
        if let block { place.append("block \(block)") }
        if let path { place.append("file \"\(path)\"") }
        return "\(place.joined(separator: ", ")): \(reason)"
    }
}

/// The progress of a verification.
public struct VerificationProgress: Sendable, Hashable {
    /// The relation being checked.
    public let relation: String
    /// Pages checked so far.
    public let pagesChecked: UInt64
    /// How many pages there are to check, according to the catalog.
    public let pagesExpected: UInt64

    package init(relation: String, pagesChecked: UInt64, pagesExpected: UInt64) {
        self.relation = relation
        self.pagesChecked = pagesChecked
        self.pagesExpected = pagesExpected
    }
}

/// The result of a verification.
public struct VerificationReport: Sendable, Hashable {
    /// Number of relations checked.
    public package(set) var relations = 0
    /// Number of pages read and checked.
    public package(set) var pagesChecked: UInt64 = 0
    /// How many of those are all zeroes: not in use yet, or overwritten. Where loads have left
    /// rows, that is a finding.
    public package(set) var newPages: UInt64 = 0
    /// Number of findings. Adjacent pages of zeroes are one; more than a hundred findings of one
    /// fork are summed up.
    public package(set) var findings = 0

    package init() {}
}

/// What a verification reports while it runs. Called on the verifying thread.
public struct VerificationObserver {
    /// Receives each finding.
    public var finding: (VerificationFinding) -> Void
    /// Receives the progress now and then.
    public var progress: (VerificationProgress) -> Void

    /// Makes an observer that ignores what is not given.
    public init(
        finding: @escaping (VerificationFinding) -> Void = { _ in },
        progress: @escaping (VerificationProgress) -> Void = { _ in }
    ) {
        self.finding = finding
        self.progress = progress
    }
}
