internal import AsyncIO
public import Logging
public import StorageManager

/// The settings of a ``BufferManager``. They do not change while it runs.
public struct BufferConfiguration: Sendable {
    /// The number of pages in the shared pool, at least 16. PostgreSQL's `shared_buffers`.
    public var bufferCount = 16384
    /// The number of pages in the private pool of a session with local relations, at least 16.
    /// PostgreSQL's `temp_buffers`.
    public var localBufferCount = 1024
    /// The most neighbouring blocks that one IO may join: 1 to 128, and at most
    /// `IOConfiguration.maximumVectors`. PostgreSQL's `io_combine_limit`.
    public var combineLimit = 16
    /// Whether PostgreSQL's pages carry checksums, which are computed when they are written.
    public var hasChecksums = true
    /// Whether checksums of PostgreSQL's pages, if they have them, are compared when they are read.
    public var verifiesChecksums = true
    /// Whether reads that do not say otherwise replace damaged pages by zeroes in the pool, with a
    /// warning. PostgreSQL's `zero_damaged_pages`.
    public var zeroesDamagedPages = false
    /// Whether to accept pages with a wrong checksum and a plausible header, with a warning.
    /// PostgreSQL's `ignore_checksum_failure`.
    public var ignoresChecksumFailures = false
    /// The log that must be durable before the pages it describes are written; nil without one.
    public var writeAheadLog: (any WriteAheadLog)?
    /// Where copies of pages are kept until the pages are intact in place; nil if that is not
    /// needed. See `PageJournal`.
    public var pageJournal: (any PageJournal)?
    /// Vouches for what pages hold on disk; nil if nothing is vouched for. See `PageVoucher`.
    public var pageVoucher: (any PageVoucher)?
    /// A deliberate bug for tests to find: sealed pages are written without their seals.
    package var skipsSeals = false
    /// Where the manager logs.
    public var logger = Logger(label: "strata.buffers")

    /// Makes the default settings.
    public init() {}

    static let bufferLimits = 16...(1 << 30)
    static let combineLimits = 1...128

    func validate(_ system: IOSystem) throws(StorageError) {
        try Self.check(bufferCount, "number of buffers", Self.bufferLimits)
        try Self.check(localBufferCount, "number of local buffers", Self.bufferLimits)
        let vectors = system.configuration.maximumVectors
        try Self.check(combineLimit, "combine limit", Self.combineLimits)
        guard combineLimit <= vectors else {
            throw StorageError(
                .invalidConfiguration,
                "\(combineLimit) is not a valid combine limit where an IO has \(vectors) vectors",
                remedy: "Lower it, or raise IOConfiguration.maximumVectors.")
        }
    }

    private static func check(_ value: Int, _ name: String, _ limits: ClosedRange<Int>)
        throws(StorageError)
    {
        guard limits.contains(value) else {
            throw StorageError(
                .invalidConfiguration, "\(value) is not a valid \(name)",
                remedy: "Choose a value from \(limits.lowerBound) to \(limits.upperBound).")
        }
    }
}
