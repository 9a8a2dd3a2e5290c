internal import AsyncIO
public import Logging

/// The settings of a ``BufferManager``; they do not change while it runs.
public struct BufferConfiguration: Sendable {
    /// How many pages the shared pool holds, at least 16. PostgreSQL's `shared_buffers`.
    public var bufferCount = 16384
    /// How many pages the private pool of a session with local relations holds, at least 16.
    /// PostgreSQL's `temp_buffers`.
    public var localBufferCount = 1024
    /// How many neighbouring blocks one IO may join, from 1 to 128 and not above
    /// ``IOConfiguration/maximumVectors``. PostgreSQL's `io_combine_limit`.
    public var combineLimit = 16
    /// Whether pages carry checksums: computed when they are written, compared when read.
    public var verifiesChecksums = true
    /// Damaged pages are replaced by zeroes in the pool, with a warning, wherever a read does not
    /// say otherwise. PostgreSQL's `zero_damaged_pages`.
    public var zeroesDamagedPages = false
    /// Pages with a wrong checksum and a plausible header are accepted, with a warning.
    /// PostgreSQL's `ignore_checksum_failure`.
    public var ignoresChecksumFailures = false
    /// The log that is made durable before pages that it tells of are written; nil without one.
    public var writeAheadLog: (any WriteAheadLog)?
    /// Where pages are kept until they are whole in place; nil where they need not be. See
    /// ``PageJournal``.
    public var pageJournal: (any PageJournal)?
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
                "\(combineLimit) is not a possible combine limit where an IO has \(vectors) vectors",
                remedy: "Lower it, or raise IOConfiguration.maximumVectors.")
        }
    }

    private static func check(_ value: Int, _ name: String, _ limits: ClosedRange<Int>)
        throws(StorageError)
    {
        guard limits.contains(value) else {
            throw StorageError(
                .invalidConfiguration, "\(value) is not a possible \(name)",
                remedy: "Give a value from \(limits.lowerBound) to \(limits.upperBound).")
        }
    }
}
