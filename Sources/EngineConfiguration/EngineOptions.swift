public import AsyncIO
package import BufferManager
public import Checkpointing
public import CompressedDisk
public import FileAccess
public import Journaling
public import Logging
public import MemoryDisk
public import StorageManager
internal import StoreFormat
internal import Threads

/// The settings of an `Engine`; they do not change while it is open.
public struct EngineOptions: Sendable {
    /// What happens if there is no store in the directory.
    public enum Creation: Sendable, Hashable {
        /// A store is created in a directory that is missing or empty.
        case ifMissing
        /// Opening fails.
        case never
        /// A store is created. Opening fails if there is one already.
        case always
    }

    /// Whether an engine may change its store.
    public enum Access: Sendable, Hashable {
        /// Reading and writing.
        case readWrite
        /// Reading only. No byte below the store's directory changes, and nothing there is created,
        /// removed, renamed or synced. So a store can be read from a read-only file system, and by
        /// a user without write permission. Any number of engines may read at a time; none writes
        /// meanwhile. A store that was not closed is shown as it will be after recovery, and
        /// `Engine.recovery` lists the steps. Everything that recovery would change is then kept
        /// in memory, and `io_uring` is replaced by `worker`.
        case readOnly
    }

    /// How IO is executed: `.automatic`, `.synchronous`, `.worker`, `.uring` or a method of your
    /// own.
    public var ioMethod = IOMethodChoice.automatic
    /// Bytes of memory for cached pages, at least 128 KiB; rounded down to whole pages.
    public var poolBytes = 128 << 20
    /// Whether reads and writes bypass the kernel's page cache.
    public var usesDirectIO = false
    /// How many sessions can be open at a time, from 1 to 4000.
    public var maximumSessions = 64
    /// How many neighbouring blocks one IO may join, from 1 to 128.
    public var combineLimit = 32
    /// How many IOs a session can have in flight. By default the pool's pages divided by the
    /// sessions, at most 128. Pages are needed in order while a device finishes in any order, so
    /// keeping it busy takes more IOs than it executes at a time.
    public var concurrency = IOConcurrency.automatic
    /// A device whose delays every IO of pages gets; nil for no added delay.
    public var deviceModel: DeviceModel?
    /// How many files are kept open at a time, at least 1; lowered to what the process may have.
    public var maximumOpenFiles = FileAccessConfiguration.defaultMaximumOpenFiles
    /// How files grow by zeroes.
    public var zeroExtension = ZeroExtension.fallocate
    /// Whether pages are verified against their checksums on reading, if the store has checksums.
    public var verifiesChecksums = true
    /// Whether the engine may change the store.
    public var access = Access.readWrite
    /// What happens if there is no store in the directory.
    public var creation = Creation.ifMissing
    /// For a new store: whether its pages carry checksums.
    public var createsPageChecksums = true
    /// For a new store: blocks per segment file, from 1 to 1,073,741,824. PostgreSQL's files have
    /// 131,072, which is 1 GiB.
    public var createdSegmentBlocks = 131_072
    /// How pages being written during a power failure are kept intact.
    public var tornPageProtection = TornPageProtection.doubleWrite
    /// How many bytes of pages the journal of `TornPageProtection.doubleWrite` keeps before the
    /// data is synced to make room, at least 64 KiB; nil: twice the pool, clamped to 16 MiB…1 GiB.
    /// It takes up to twice that on disk if other threads continue writing meanwhile.
    public var journalBytes: Int?
    /// The default settings of relations of the storage manager `compressed`.
    public var compressedDisk = CompressedDiskConfiguration()
    /// The limits of relations of the storage manager `memory`.
    public var memoryDisk = MemoryDiskConfiguration()
    /// How dirty pages are written ahead of need, on a thread of the engine; nil for not at all.
    /// Over a simulated ``fileSystem`` no thread is started: step a `BackgroundWriter` instead.
    public var backgroundWriter: BackgroundWriterOptions? = BackgroundWriterOptions()
    /// When checkpoints are made automatically, on a thread of the engine; nil for never. Over a
    /// simulated ``fileSystem`` none are made. One that pauses does not retain an engine that is
    /// dropped without `Engine.close()`, and is then given up.
    public var automaticCheckpoints: AutomaticCheckpoints? = AutomaticCheckpoints()
    /// The program's own log, which is made durable before the pages that it describes are written;
    /// nil without one.
    public var writeAheadLog: (any WriteAheadLog)?
    /// Storage managers besides the built-in ones.
    public var storageManagers: [StorageManagerPlugin] = []
    /// Knows how to make storage managers that the catalog or a load names, and that are not
    /// registered; returns nil for unknown names. If making one fails while the store is opened,
    /// its relations alone are refused.
    public var storageManagerFinder: (@Sendable (_ name: String) -> StorageManagerPlugin.Maker?)?
    /// The storage manager of new relations for which a load names none.
    public var defaultManagerName = Self.builtInManagerName
    /// What executes the system calls on the store's files: the kernel, or a simulation. A
    /// simulated store takes no lock.
    public var fileSystem: any FileSystem = KernelFileSystem()
    /// Executes IO on the descriptors of that simulation; nil for the kernel.
    public var ioExecutor: (any IOExecutor)?
    /// A deliberate bug for tests to find.
    package var journalFault: JournalFault?
    /// Where the engine and the layers below it log.
    public var logger = Logger(label: "strata")

    /// A deliberate bug for tests to find: loads are published before their pages are durable.
    package var publishesEarly = false
    /// `FileAccessConfiguration/filesSyncedTogether`, if it is to differ.
    package var filesSyncedTogether: Int?
    /// A deliberate bug for tests to find: of the files to sync together, the first is skipped.
    package var skipsFirstSync = false
    /// A deliberate bug for tests to find: the catalog keeps a relation's row count when its pages
    /// are changed.
    package var keepsRowCounts = false
    /// A deliberate bug for tests to find: sealed pages are written without their seals.
    package var skipsSeals = false
    /// A deliberate bug for tests to find: a store stays marked as closed while it is open, and so
    /// counts as closed after any end.
    package var keepsClosedMark = false

    /// The name of the storage manager that keeps relations in plain files.
    package static let builtInManagerName = "magnetic"

    /// Makes the default settings.
    public init() {}

    private static let greatestConcurrency = 128
    private static let ownSessions = 5
    package static let minimumPoolBytes = 16 * blockSize
    package static let maximumPoolBytes = (1 << 30) * blockSize
    package static let sessionLimits = 1...4000
    package static let combineLimits = 1...128
    package static let journalLimits = (64 << 10)...(1 << 40)

    /// How many pages the pool has.
    package var bufferCount: Int { poolBytes / blockSize }

    package func validate() throws(StorageError) {
        try Self.check(
            poolBytes, "pool size in bytes", "poolBytes",
            Self.minimumPoolBytes...Self.maximumPoolBytes)
        // Traversing the descriptors of more than the machine could ever fill would take minutes. A
        // pool takes no memory before it is used.
        let most = max(64 << 30, min(Memory.byteCount, .max / 4) * 4)
        if poolBytes > most {
            throw StorageError(
                .invalidConfiguration,
                "a pool of \(poolBytes) bytes is more than a machine with"
                    + " \(Memory.byteCount) can fill",
                remedy: "Set EngineOptions.poolBytes to a value from"
                    + " \(Self.minimumPoolBytes) to \(most).")
        }
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
                .invalidConfiguration, "atomic writes need direct IO",
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

    /// The settings of the IO core. The engine has a few more sessions than users may have: for
    /// closing, for the work of asynchronous sessions, and for their checkpoints.
    package var ioConfiguration: IOConfiguration {
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
    package var fileConfiguration: FileAccessConfiguration {
        var configuration = FileAccessConfiguration()
        configuration.maximumOpenFiles = maximumOpenFiles
        configuration.usesDirectIO = usesDirectIO
        configuration.zeroExtension = zeroExtension
        configuration.fileSystem = fileSystem
        configuration.opensReadOnly = access == .readOnly && !(fileSystem is ShadowFileSystem)
        configuration.skipsFirstSync = skipsFirstSync
        if let filesSyncedTogether { configuration.filesSyncedTogether = filesSyncedTogether }
        configuration.logger = logger
        return configuration
    }
}

extension EngineOptions {
    /// Whether the store is in the kernel's file system, where it can be locked and created.
    package var isOnRealFiles: Bool { fileSystem is KernelFileSystem }

    /// How many bytes of pages the journal keeps.
    package var journalLimit: Int { journalBytes ?? min(max(2 * poolBytes, 16 << 20), 1 << 30) }

    /// The settings of the pool.
    package func bufferConfiguration(
        checksums: Bool, journal: (any PageJournal)? = nil, voucher: (any PageVoucher)? = nil
    ) -> BufferConfiguration {
        var configuration = BufferConfiguration()
        configuration.pageVoucher = voucher
        configuration.pageJournal = journal
        configuration.bufferCount = bufferCount
        configuration.combineLimit = combineLimit
        configuration.writeAheadLog = writeAheadLog
        configuration.hasChecksums = checksums
        configuration.skipsSeals = skipsSeals
        configuration.verifiesChecksums = verifiesChecksums
        configuration.logger = logger
        return configuration
    }
}
