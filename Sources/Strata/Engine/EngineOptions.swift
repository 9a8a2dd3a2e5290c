public import CompressedDisk
public import FileAccess
public import Logging
public import MemoryDisk

/// The settings of an ``Engine``; they do not change while it is open.
public struct EngineOptions: Sendable {
    /// What happens when there is no store in the directory.
    public enum Creation: Sendable, Hashable {
        /// A store is created in a directory that is missing or empty.
        case ifMissing
        /// Opening fails.
        case never
        /// A store is created; opening fails if there is one already.
        case always
    }

    /// What an engine may do to its store.
    public enum Access: Sendable, Hashable {
        /// All that it offers.
        case readWrite
        /// Nothing: no byte below the store's directory changes, and nothing is created, removed,
        /// renamed or synced there, so that a store can be read from a file system mounted for
        /// reading only and by a user who may not write to it. Any number of engines may look at a
        /// time, and none writes meanwhile. A store that was not closed is shown as
        /// it will be once it has been recovered, and ``Engine/recovery`` says by what; for that
        /// all that recovery would change is kept in memory, and `io_uring` is replaced by
        /// `worker`.
        case readOnly
    }

    /// How IO is executed: `.automatic`, `.synchronous`, `.worker`, `.uring` or one's own.
    public var ioMethod = IOMethodChoice.automatic
    /// Bytes of memory for cached pages, at least 128 KiB; rounded down to whole pages.
    public var poolBytes = 128 << 20
    /// Whether files are read and written past the kernel's page cache.
    public var usesDirectIO = false
    /// How many sessions can be open at a time, from 1 to 4000.
    public var maximumSessions = 64
    /// How many neighbouring blocks one IO may join, from 1 to 128.
    public var combineLimit = 32
    /// How many IOs a session can have in flight: the pool's pages divided by the sessions, at most
    /// 128, unless said otherwise. Pages are wanted in order while a device finishes in any, so
    /// that to keep it busy takes more than it executes at a time.
    public var concurrency = IOConcurrency.automatic
    /// A device that every IO of pages is delayed like; nil for the real one alone.
    public var deviceModel: DeviceModel?
    /// How many files are kept open at a time, at least 1; lowered to what the process may have.
    public var maximumOpenFiles = FileAccessConfiguration.defaultMaximumOpenFiles
    /// How files grow by zeroes.
    public var zeroExtension = ZeroExtension.fallocate
    /// Whether pages that are read are checked against their checksums, in a store that has them.
    public var verifiesChecksums = true
    /// What the engine may do to the store.
    public var access = Access.readWrite
    /// What happens when there is no store in the directory.
    public var creation = Creation.ifMissing
    /// For a store that is created: whether its pages shall carry checksums.
    public var createsPageChecksums = true
    /// For a store that is created: blocks in a segment file, from 1 to 1,073,741,824. PostgreSQL's
    /// files have 131,072, which is 1 GiB.
    public var createdSegmentBlocks = 131_072
    /// How pages are kept whole that are being written when the power fails.
    public var tornPageProtection = TornPageProtection.doubleWrite
    /// How many bytes of pages the journal of ``TornPageProtection/doubleWrite`` keeps before it
    /// has the data synced to make room, at least 64 KiB; nil for twice the pool, from 16 MiB to 1
    /// GiB. It takes up to twice that on disk, when others go on writing meanwhile.
    public var journalBytes: Int?
    /// How relations of the storage manager `compressed` are kept.
    public var compressedDisk = CompressedDiskConfiguration()
    /// What relations of the storage manager `memory` may take.
    public var memoryDisk = MemoryDiskConfiguration()
    /// How dirty pages are written out ahead of need, on a thread of the engine's own; nil for not
    /// at all. Over a simulated ``fileSystem`` no thread is started: step a `BackgroundWriter`.
    public var backgroundWriter: BackgroundWriterOptions? = BackgroundWriterOptions()
    /// When checkpoints are made without being asked for, on a thread of the engine's own; nil, the
    /// default, for never. Over a simulated ``fileSystem`` none are made. One that is under way
    /// keeps an engine that is dropped without ``Engine/close()``.
    public var automaticCheckpoints: AutomaticCheckpoints?
    /// A log of one's own that is made durable before the pages that it tells of are written; nil
    /// without one.
    public var writeAheadLog: (any WriteAheadLog)?
    /// Storage managers beside the built-in ones.
    public var storageManagers: [StorageManagerPlugin] = []
    /// Where the system calls on the store's files go: to the kernel, or to a simulation. A
    /// simulated store takes no lock.
    public var fileSystem: any FileSystem = KernelFileSystem()
    /// What executes IO on the descriptors of that simulation; nil for the kernel.
    public var ioExecutor: (any IOExecutor)?
    /// A mistake for tests to find.
    package var journalFault: JournalFault?
    /// Where the engine and the layers below it log.
    public var logger = Logger(label: "strata")

    /// A mistake for tests to find: loads are published before their pages are durable.
    package var publishesEarly = false
    /// A mistake for tests to find: of the files to be synced together, the first is not.
    package var skipsFirstSync = false
    /// A mistake for tests to find: the catalog goes on saying how many rows a relation has when
    /// its pages are changed.
    package var keepsRowCounts = false
    /// A mistake for tests to find: the mark of a clean end is not taken back, and so believed
    /// after any end.
    package var keepsCleanMark = false

    /// Makes the default settings.
    public init() {}

    private static let greatestConcurrency = 128
    private static let ownSessions = 5
    static let minimumPoolBytes = 16 * blockSize
    static let maximumPoolBytes = (1 << 30) * blockSize
    static let sessionLimits = 1...4000
    static let combineLimits = 1...128
    static let journalLimits = (64 << 10)...(1 << 40)

    /// How many pages the pool has.
    var bufferCount: Int { poolBytes / blockSize }

    func validate() throws(StorageError) {
        try Self.check(
            poolBytes, "pool size in bytes", "poolBytes",
            Self.minimumPoolBytes...Self.maximumPoolBytes)
        try MachineMemory.check(poolBytes: poolBytes)
        try Self.check(
            maximumSessions, "number of sessions", "maximumSessions", Self.sessionLimits)
        try Self.check(combineLimit, "combine limit", "combineLimit", Self.combineLimits)
        try Self.check(
            maximumOpenFiles, "number of open files", "maximumOpenFiles", 1...Int(Int32.max))
        try Self.check(
            createdSegmentBlocks, "number of blocks in a segment", "createdSegmentBlocks",
            StoreControl.segmentLimits)
        try backgroundWriter?.validate()
        try automaticCheckpoints?.validate()
        if tornPageProtection == .atomicWrites, !usesDirectIO {
            throw StorageError(
                .invalidConfiguration, "atomic writes are made past the page cache only",
                remedy: "Set EngineOptions.usesDirectIO too.")
        }
        if let journalBytes {
            try Self.check(journalBytes, "journal size", "journalBytes", Self.journalLimits)
        }
        if case .fixed(let count) = concurrency {
            try Self.check(count, "IO concurrency", "concurrency", 1...1024)
        }
    }

    private static func check(
        _ value: Int, _ name: String, _ setting: String, _ limits: ClosedRange<Int>
    ) throws(StorageError) {
        guard limits.contains(value) else {
            throw StorageError(
                .invalidConfiguration, "\(value) is not a possible \(name)",
                remedy: "Set EngineOptions.\(setting) to a value from \(limits.lowerBound) to"
                    + " \(limits.upperBound).")
        }
    }

    /// The settings of the IO core. The engine has some sessions more than users may have: for
    /// closing, for what asynchronous sessions need done, and for their checkpoints.
    var ioConfiguration: IOConfiguration {
        var configuration = IOConfiguration()
        configuration.method = ioMethod
        configuration.maximumSessions = maximumSessions + Self.ownSessions
        configuration.concurrency = concurrency
        if concurrency == .automatic {
            let share = bufferCount / configuration.maximumSessions
            configuration.concurrency = .fixed(min(max(share, 1), Self.greatestConcurrency))
        }
        configuration.deviceModel = deviceModel
        configuration.executor = ioExecutor
        configuration.maximumVectors = max(configuration.maximumVectors, combineLimit)
        configuration.logger = logger
        return configuration
    }

    /// The settings of the file layer.
    var fileConfiguration: FileAccessConfiguration {
        var configuration = FileAccessConfiguration()
        configuration.maximumOpenFiles = maximumOpenFiles
        configuration.usesDirectIO = usesDirectIO
        configuration.zeroExtension = zeroExtension
        configuration.fileSystem = fileSystem
        configuration.opensReadOnly = access == .readOnly && !(fileSystem is ShadowFileSystem)
        configuration.skipsFirstSync = skipsFirstSync
        configuration.logger = logger
        return configuration
    }
}

extension EngineOptions {
    /// Whether the store is in the kernel's file system, where it can be locked and created.
    var isOnRealFiles: Bool { fileSystem is KernelFileSystem }

    /// Bytes of pages that the journal keeps.
    var journalLimit: Int { journalBytes ?? min(max(2 * poolBytes, 16 << 20), 1 << 30) }

    /// The settings of the pool.
    func bufferConfiguration(
        checksums: Bool, journal: (any PageJournal)? = nil, voucher: (any PageVoucher)? = nil
    ) -> BufferConfiguration {
        var configuration = BufferConfiguration()
        configuration.pageVoucher = voucher
        configuration.pageJournal = journal
        configuration.bufferCount = bufferCount
        configuration.combineLimit = combineLimit
        configuration.writeAheadLog = writeAheadLog
        configuration.verifiesChecksums = checksums && verifiesChecksums
        configuration.logger = logger
        return configuration
    }
}

/// How pages are kept whole that are being written when the power fails.
///
/// A disk promises to write a sector or nothing, of 512 or 4096 bytes; a page has 8192. One that
/// was overwritten at that moment may be left half old and half new, and its checksum shows that
/// without bringing anything back. Concerns relations in plain files; those of storage managers
/// that never overwrite a page, such as `compressed`, need nothing.
public enum TornPageProtection: Sendable, Hashable {
    /// Pages are written to a journal first, by many at a time, and then in place; opening the
    /// store after a crash restores what was torn. Costs about as much writing again.
    case doubleWrite
    /// Each page is written by one operation that the disk does whole or not at all, past the page
    /// cache. Opening a store fails where kernel, file system and disk do not say that they can.
    case atomicWrites
    /// Nothing is done: for stores that can be made anew, and for those whose `WriteAheadLog`
    /// holds the image of each page that changes for the first time after a checkpoint.
    case none
}
