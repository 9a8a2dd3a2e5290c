internal import AsyncIO
public import BufferManager
public import StorageManager

/// What a stream may assume about its use. Mirrors PostgreSQL's `READ_STREAM_…` flags.
public struct ReadStreamFlags: OptionSet, Sendable, Hashable {
    /// The flags, one bit each.
    public let rawValue: UInt8
    /// Makes a set from raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The stream works for the whole store rather than for one user.
    /// ``ReadStreamOptions/maintenanceReads`` limits it.
    public static let maintenance = ReadStreamFlags(rawValue: 1)
    /// Blocks come in order. The stream does not advise the kernel, which reads ahead by itself.
    public static let sequential = ReadStreamFlags(rawValue: 2)
    /// Everything will be taken. The first read is as large as reads get.
    public static let full = ReadStreamFlags(rawValue: 4)
    /// Submits the reads that one look-ahead starts together. For sources that never wait for
    /// another thread, not even for a lock held over an IO.
    public static let batching = ReadStreamFlags(rawValue: 8)
}

/// The settings of a ``ReadStream``.
public struct ReadStreamOptions {
    /// The fork to read.
    public var fork = Fork.main
    /// The stream's flags.
    public var flags: ReadStreamFlags = []
    /// How to treat damaged pages.
    public var readOptions: ReadOptions = []
    /// The ring to take buffers from, if any.
    public var strategy: AccessStrategy?
    /// The most reads in flight; nil: as many as the session can have. A ceiling: the stream finds
    /// out how many it needs. PostgreSQL's `effective_io_concurrency`.
    public var maximumReads: Int?
    /// ``maximumReads`` for streams with ``ReadStreamFlags/maintenance``. PostgreSQL's
    /// `maintenance_io_concurrency`.
    public var maintenanceReads: Int?
    /// The most pages that the stream pins ahead of its user, at least 1; nil: its fair share of
    /// the pool.
    public var maximumPins: Int?

    /// Makes the default settings.
    public init() {}

    /// Makes settings with flags, a ring and a fork.
    public init(_ flags: ReadStreamFlags, strategy: AccessStrategy? = nil, fork: Fork = .main) {
        self.flags = flags
        self.strategy = strategy
        self.fork = fork
    }

    /// The settings for reading neighbouring blocks once, in order: the one policy for scans.
    ///
    /// A scan of more than a quarter of the pool uses a ring, so that it leaves the pool to other
    /// readers. Mirrors PostgreSQL's `initscan`. The pages of a smaller scan stay in the pool for
    /// the next one.
    ///
    /// While the pool has memory that was never used, a block of a scan of more than 32 MiB goes
    /// through a ring when it is read for the first time. Memory that the kernel must provide first
    /// costs more than the rest of reading, and most scans of that size come once. The second scan
    /// fills the pool, and those after it find the pages there.
    ///
    /// - Parameters:
    ///   - blockCount: how many blocks the scan reads.
    ///   - manager: the pool that it reads into.
    public static func scan(of blockCount: Int, in manager: BufferManager) -> ReadStreamOptions {
        var options = ReadStreamOptions([.sequential, .full, .batching])
        let configuration = manager.configuration
        let isLarge = blockCount > configuration.bufferCount / 4
        if isLarge || blockCount > keptBlocks {
            let readAhead =
                configuration.combineLimit * min(scanReads, manager.system.handlesPerSession)
            options.strategy = AccessStrategy(
                isLarge ? .bulkRead : .scan, for: manager, readAhead: readAhead)
        }
        return options
    }

    /// The most blocks of a scan whose pages stay in the pool at once, whatever it has used so far.
    private static let keptBlocks = (32 << 20) / blockSize

    /// The most reads in flight that a scan's ring has room for.
    private static let scanReads = 32

    var wantedReads: Int? { flags.contains(.maintenance) ? maintenanceReads : maximumReads }
}

/// A ``ReadStream``'s counters since it was made.
public struct ReadStreamStatistics: Sendable, Hashable {
    /// Pages taken.
    public var pages: UInt64 = 0
    /// Pages found in the pool.
    public var hits: UInt64 = 0
    /// Reads started, of one or more blocks each, and waits for other sessions' reads.
    public var reads: UInt64 = 0
    /// Blocks that these reads covered.
    public var blocksRead: UInt64 = 0
    /// Reads whose completion the stream had to see because their pages were wanted.
    public var waits: UInt64 = 0
    /// Waits for reads that were not complete by then.
    public var blockedWaits: UInt64 = 0
    /// How long the thread stood still in them. Under the synchronous method, how long it read.
    /// Streams for tasks do not measure it.
    public var blockedNanoseconds: UInt64 = 0
    /// How many blocks ahead the stream would look now.
    public var distance = 1
    /// The furthest that it has looked ahead.
    public var maximumDistance = 1
    /// The furthest that it may look ahead: its pin limit.
    public var distanceCapacity = 1
    /// The most reads in flight at a time.
    public var maximumReadsInFlight = 0
    /// Pages taken before ``maximumReadsInFlight`` was first reached.
    public var pagesBeforeMaximumReads: UInt64 = 0

    var distanceSum: UInt64 = 0

    /// The average distance, over the pages taken.
    public var averageDistance: Double {
        pages == 0 ? Double(distance) : Double(distanceSum) / Double(pages)
    }
    /// The average number of blocks per read.
    public var blocksPerRead: Double {
        reads == 0 ? 0 : Double(blocksRead) / Double(reads)
    }
}
