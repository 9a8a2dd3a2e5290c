/// The ranks of all locks: a thread that holds a lock takes only locks that stand below it here.
///
/// This is the one place where the order is written. ``LockOrder`` checks it in debug builds. A new
/// lock gets a case of its own, at the place where it is taken; the article `Architecture` of the
/// module `Strata` lists the cases in the same order, which a test compares.
public enum LockRank: Int, Comparable, CaseIterable, Sendable {
    // MARK: Held while IO is waited for

    /// A program's own, held while it calls an engine.
    case client
    /// One page's bytes, while a client changes them; a client may hold several.
    case pageContent
    /// The threads of an engine's asynchronous sessions.
    case asynchronousParts
    /// The background writer and the checkpointer.
    case backgroundThreads
    /// The cutting of relations to what readers see.
    case settling
    /// The replacement of the catalog's file.
    case catalogChange
    /// The store's lock file.
    case storeLock
    /// The end of one fork, while it grows.
    case relationExtension
    /// The change of the journal's active file.
    case journalRotation
    /// The end of the journal.
    case journalAppending
    /// The sync of all compressed forks.
    case compressedSync
    /// The compaction of one compressed fork.
    case forkCompaction
    /// The sync of one compressed fork; a sync of all holds several.
    case forkSync
    /// Neighbouring chunks of a compressed fork, while written; several in ascending order.
    case forkWriting
    /// The open files of a compressed fork.
    case forkFiles
    /// The end of a compressed fork's map file.
    case mapPosition
    /// The header of a fork in a Ceph cluster.
    case radosForkChange
    /// The pages of a PostgreSQL commit log that were read.
    case transactionLog
    /// The open segments of one fork.
    case segmentTable
    /// The completion queue of one ring.
    case ringCompletion

    // MARK: Held for moments; completing an IO takes no others

    /// The chunks of a parallel scan, and results that wait for their turn.
    case parallelScan
    /// The maker of the next checkpoint, and its waiters.
    case checkpointQueue
    /// The changes that wait for the catalog's file to be replaced.
    case catalogQueue
    /// The catalog in memory, and the relations in use.
    case engineState
    /// What is known of a relation: its name, the blocks that its row count covers, its forks'
    /// lengths.
    case countedExtent
    /// The toast relation of an open relation.
    case heldToast
    /// The engine that takes row counts back.
    case voucherEngine
    /// The open relations of an engine.
    case relationIndex
    /// The storage managers of an engine.
    case managerRegistry
    /// The pools of session-local relations.
    case localPools
    /// The buffer manager's relations.
    case relationRecords
    /// The open relation of a buffer manager's record.
    case relationCurrent
    /// The buckets of one of 128 parts of the page mapping.
    case poolPartition
    /// The log positions of a relation's pages whose bytes have none.
    case pagePositions
    /// The blocks of a relation that scans have read.
    case seenBlocks
    /// The rings that scans have left.
    case spareRings
    /// Pages that may be torn in place.
    case journalTorn
    /// The chunk map and the free space of a compressed fork.
    case forkState
    /// The compressed forks in use.
    case compressedForks
    /// The compressed forks to sync.
    case changedForks
    /// The chunk properties of relations not yet created.
    case chosenProperties
    /// Memory for compressed chunks in flight.
    case frameSlots
    /// Idle zstd contexts.
    case chunkEncoders
    /// The forks to compact.
    case compactorWork
    /// The writes in flight of a segment.
    case writeLedger
    /// The relations of `MemoryDisk`.
    case memoryRelations
    /// The pages of one fork of `MemoryDisk`.
    case memoryPages
    /// A slab of such pages.
    case memorySlab
    /// The relations in a Ceph cluster.
    case radosRelations
    /// The length of a fork in a cluster.
    case radosForkState
    /// The watch on a cluster's lock.
    case radosWatch
    /// Idle memory for operations of a cluster.
    case radosScratch
    /// The first failure of a group of operations.
    case radosFailure
    /// The open kernel descriptors, by last use.
    case descriptorTable
    /// The files of a file system that is only looked at.
    case shadowFiles
    /// The folders of a PostgreSQL tablespace.
    case tablespaceFolders
    /// The files of a store in a Ceph cluster, also while the cluster is asked.
    case radosHome
    /// One sync of a whole file system at a time.
    case togetherSync
    /// The files to sync at the next checkpoint.
    case syncQueue
    /// The paths of syncs in flight.
    case syncTable
    /// The failed syncs of files.
    case syncLedger

    // MARK: Held for moments, below all that storing needs

    /// The registered targets and callbacks.
    case callbackRegistry
    /// The open sessions.
    case sessionSlots
    /// The threads beside io_uring.
    case ringHelpers
    /// The worker method's queue and threads.
    case workerPool
    /// One worker's thread.
    case workerThread
    /// The slots of a modelled device.
    case deviceModel
    /// The memory for copies of pages to write.
    case scratchPieces
    /// Why no page is written any more.
    case writeFailure
    /// The thread that populates a pool's memory.
    case poolPopulator
    /// The tasks that wait for pages.
    case pageWaiters
    /// The calls to the helper of asynchronous sessions.
    case helperCalls
    /// The runs of pages that a load has filled.
    case loadedPages
    /// The pages of an awaited stream.
    case streamQueue
    /// What was posted to a session's loop.
    case postedWork
    /// The jobs of an executor.
    case executorJobs
    /// The thread of a `ServiceThread`.
    case serviceThread
    /// The simulated disk and executor of the test kit.
    case testKit
    /// A test's or tool's own, taken in a callback.
    case observer

    public static func < (left: LockRank, right: LockRank) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Whether a thread may hold several locks of this rank.
    var nests: Bool {
        switch self {
        case .client, .pageContent, .forkSync, .forkWriting: true
        default: false
        }
    }
}
