public import BufferManager
public import StorageManager

/// What a stream may assume of its use. Mirrors PostgreSQL's `READ_STREAM_…` flags.
public struct ReadStreamFlags: OptionSet, Sendable, Hashable {
    /// One bit a flag.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The stream works for the whole store rather than for one user:
    /// ``ReadStreamOptions/maintenanceReads`` limits it.
    public static let maintenance = ReadStreamFlags(rawValue: 1)
    /// Blocks come in order, so that the kernel is not advised of them: it reads ahead by itself.
    public static let sequential = ReadStreamFlags(rawValue: 2)
    /// Everything is going to be taken, so that the first read is as large as reads get.
    public static let full = ReadStreamFlags(rawValue: 4)
    /// Reads that one look ahead starts are submitted together. For sources that never wait for
    /// another thread, not even for a lock held over an IO.
    public static let batching = ReadStreamFlags(rawValue: 8)
}

/// The settings of a ``ReadStream``.
public struct ReadStreamOptions {
    /// The fork to read.
    public var fork = Fork.main
    /// What the stream may assume.
    public var flags: ReadStreamFlags = []
    /// How damaged pages are treated.
    public var readOptions: ReadOptions = []
    /// The ring that buffers come from, if any.
    public var strategy: AccessStrategy?
    /// The most reads in flight; nil for as many as the session can have. A ceiling: the stream
    /// finds out by itself how many it needs. PostgreSQL's `effective_io_concurrency`.
    public var maximumReads: Int?
    /// The same for streams with ``ReadStreamFlags/maintenance``. PostgreSQL's
    /// `maintenance_io_concurrency`.
    public var maintenanceReads: Int?
    /// The most pages that the stream keeps pinned ahead of its user; nil for its fair share of the
    /// pool. At least 1 in any case.
    public var maximumPins: Int?

    /// Makes the default settings.
    public init() {}

    /// Makes settings with these flags.
    public init(_ flags: ReadStreamFlags, strategy: AccessStrategy? = nil, fork: Fork = .main) {
        self.flags = flags
        self.strategy = strategy
        self.fork = fork
    }

    var wantedReads: Int? { flags.contains(.maintenance) ? maintenanceReads : maximumReads }
}

/// What a ``ReadStream`` has done since it was made.
public struct ReadStreamStatistics: Sendable, Hashable {
    /// Pages taken.
    public var pages: UInt64 = 0
    /// Pages found in the pool.
    public var hits: UInt64 = 0
    /// Reads started, of one or more blocks each, and waits for reads of others.
    public var reads: UInt64 = 0
    /// Blocks they covered.
    public var blocksRead: UInt64 = 0
    /// Reads whose pages were wanted, so that the stream had to see them completed.
    public var waits: UInt64 = 0
    /// Those of them that were not complete by then.
    public var blockedWaits: UInt64 = 0
    /// How long the thread stood still for them. Under the synchronous method, how long it read.
    public var blockedNanoseconds: UInt64 = 0
    /// How many blocks ahead the stream would look now.
    public var distance = 1
    /// The most that it has looked ahead.
    public var maximumDistance = 1
    /// The most that it may look ahead: its pin limit.
    public var distanceCapacity = 1
    /// The most reads that were in flight at a time.
    public var maximumReadsInFlight = 0
    /// How many pages had been taken when so many reads were in flight for the first time.
    public var pagesBeforeMaximumReads: UInt64 = 0

    var distanceSum: UInt64 = 0

    /// How many blocks ahead it looked on average, over the pages taken.
    public var averageDistance: Double {
        pages == 0 ? Double(distance) : Double(distanceSum) / Double(pages)
    }
    /// How many blocks a read covered on average.
    public var blocksPerRead: Double {
        reads == 0 ? 0 : Double(blocksRead) / Double(reads)
    }
}
