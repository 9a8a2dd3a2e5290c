/// How a data directory is to be checked.
public struct ClusterVerificationOptions: Sendable {
    /// Whether files are compared with the catalogs: which must exist, of which access method their
    /// pages are.
    public var usesCatalogs = true
    /// Whether line pointers, tuples, values stored out of line and links between B-trees' pages
    /// are checked too.
    public var isDeep = false
    /// The most bytes to read per second, by all threads together; nil for no limit.
    public var bytesPerSecond: Int?
    /// On how many threads pages are checked, at least 1; nil for one for each core, at most 16.
    /// Each has a session. If there are fewer sessions (`PostgresOptions`), there
    /// are fewer threads. The result is the same.
    public var threads: Int?

    /// Makes the default options.
    public init() {}
}

/// The result of checking a data directory.
public struct ClusterReport: Sendable, Hashable {
    /// What the report comes to.
    public enum Outcome: Sendable, Hashable {
        /// Everything was checked, and nothing is wrong.
        case clean
        /// There are findings.
        case damaged
        /// Nothing is wrong in what was checked, but something could not be.
        case incomplete
    }

    /// Whether files were compared with the catalogs.
    public enum CatalogUse: Sendable, Hashable {
        /// With those of that many databases.
        case compared(databases: Int)
        /// No, as the options asked.
        case leftOut
        /// No catalog could be read.
        case unreadable
    }

    /// Number of relations with files.
    public package(set) var relations = 0
    /// Number of files checked.
    public package(set) var files = 0
    /// Number of pages read and checked.
    public package(set) var pages: UInt64 = 0
    /// How many of those are all zeroes.
    public package(set) var zeroPages: UInt64 = 0
    /// Number of findings.
    public package(set) var findings: UInt64 = 0
    /// Number of files and folders with findings.
    public package(set) var damagedFiles = 0
    /// Number of things that could not be checked.
    public package(set) var doubts = 0
    /// Number of names that are no relation's, database's or tablespace's.
    public package(set) var otherNames = 0
    /// Number of databases without a folder that allow no connections, such as `template0`. They
    /// can hold no user's data, so they are no findings.
    public package(set) var absentTemplates = 0
    /// Number of files that a running server removed during the check.
    public package(set) var vanishedFiles = 0
    /// Number of pages that a running server cut off during the check.
    public package(set) var cutOffPages: UInt64 = 0
    /// Whether files were compared with the catalogs.
    public package(set) var catalogs = CatalogUse.leftOut

    /// Whether the control file could not be read, so that the usual lengths of segments were
    /// assumed, and of checksums what most catalogs' pages have.
    public package(set) var assumesControl = false

    package init() {}

    /// What the report comes to. A missing thing is damage.
    public var outcome: Outcome {
        if findings > 0 { return .damaged }
        return doubts > 0 ? .incomplete : .clean
    }
}

/// The progress of a check.
public struct ClusterProgress: Sendable, Hashable {
    /// The file being checked.
    public let path: String
    /// Bytes checked so far.
    public let bytes: UInt64
    /// Bytes that the files had when the check began.
    public let totalBytes: UInt64
    /// Nanoseconds since the check began.
    public let elapsedNanoseconds: UInt64

    /// Nanoseconds until the end at the present rate; nil while there is none.
    public var remainingNanoseconds: UInt64? {
        guard bytes > 0, totalBytes >= bytes else { return nil }
        let rate = Double(elapsedNanoseconds) / Double(bytes)
        return UInt64(rate * Double(totalBytes - bytes))
    }
}

/// What a check reports while it runs. Called on the checking thread.
public struct ClusterObserver {
    /// Receives each finding. There may be one for every line pointer of the cluster.
    public var finding: (ClusterFinding) -> Void
    /// Receives the verdict about each file with findings or pages of zeroes, once.
    public var file: (FileVerdict) -> Void
    /// Receives what could not be checked.
    public var doubt: (ClusterDoubt) -> Void
    /// Receives the progress a few times a second.
    public var progress: (ClusterProgress) -> Void

    /// Makes an observer that ignores what is not given.
    public init(
        finding: @escaping (ClusterFinding) -> Void = { _ in },
        file: @escaping (FileVerdict) -> Void = { _ in },
        doubt: @escaping (ClusterDoubt) -> Void = { _ in },
        progress: @escaping (ClusterProgress) -> Void = { _ in }
    ) {
        self.finding = finding
        self.file = file
        self.doubt = doubt
        self.progress = progress
    }
}
