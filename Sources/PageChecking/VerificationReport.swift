public import StorageManager

/// Something that verifying a store found to be wrong.
public struct VerificationFinding: Sendable, Hashable {
    /// What is wrong.
    public enum Kind: Sendable, Hashable {
        /// A page's checksum or header is wrong.
        case damagedPage
        /// A page could not be read.
        case unreadable
        /// What the storage manager keeps besides pages is damaged; the pages may be read all the
        /// same.
        case damagedStorage
        /// A file is missing, in the middle or at the end.
        case missingFile
        /// A file ends too early, or within a block.
        case wrongLength
        /// A page is all zeroes where loads left rows.
        case zeroedPage
        /// A line pointer, a tuple's header or a value cannot be so, while the page's checksum and
        /// header are right.
        case damagedRow
        /// The pages hold fewer rows than loads have brought in: some were overwritten with sound
        /// pages of another time, or with zeroes.
        case missingRows
        /// The pages hold more rows than loads have brought in.
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
    /// The block, counted across all segments; the first of those concerned.
    public let block: UInt32?
    /// The file, relative to the store; nil where the storage manager alone knows.
    public let path: String?
    /// What is wrong, in words that do not repeat where.
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

/// How far verifying has come.
public struct VerificationProgress: Sendable, Hashable {
    /// The relation that is being looked at.
    public let relation: String
    /// Pages checked so far.
    public let pagesChecked: UInt64
    /// Pages that the catalog says there are to check.
    public let pagesExpected: UInt64

    package init(relation: String, pagesChecked: UInt64, pagesExpected: UInt64) {
        self.relation = relation
        self.pagesChecked = pagesChecked
        self.pagesExpected = pagesExpected
    }
}

/// What verifying a store has done.
public struct VerificationReport: Sendable, Hashable {
    /// Relations looked at.
    public package(set) var relations = 0
    /// Pages read and checked.
    public package(set) var pagesChecked: UInt64 = 0
    /// Of those, pages that are all zeroes: in use by nothing yet, or overwritten. Where loads left
    /// rows, that is a finding.
    public package(set) var newPages: UInt64 = 0
    /// How many findings there were. Neighbouring pages of zeroes are one; more than a hundred of
    /// one fork are summed up.
    public package(set) var findings = 0

    package init() {}
}

/// What verifying a store reports while it goes on. Called on the verifying thread.
public struct VerificationObserver {
    /// Told of each finding.
    public var finding: (VerificationFinding) -> Void
    /// Told now and then how far it has come.
    public var progress: (VerificationProgress) -> Void

    /// Makes an observer; what is not given is ignored.
    public init(
        finding: @escaping (VerificationFinding) -> Void = { _ in },
        progress: @escaping (VerificationProgress) -> Void = { _ in }
    ) {
        self.finding = finding
        self.progress = progress
    }
}
