import AsyncIO
import StorageManager
import Synchronization
import Threads

/// Which calls a ``FaultyManager`` makes fail, and its counters.
final class WriteFaults: Sendable {
    let failsWrites = Atomic<Bool>(false)
    let failsExtensions = Atomic<Bool>(false)
    /// How many pages reached the storage, and in how many writes.
    let writtenPages = Atomic<Int>(0)
    let writes = Atomic<Int>(0)
    let prefetched = Atomic<Int>(0)
    /// How many blocks the kernel was asked to write to the disk.
    let hinted = Atomic<Int>(0)
    /// The log that no page may precede.
    let log = Lock<RecordedLog?>(nil, rank: .observer)
    /// The journal that must have a copy of each page first.
    let journal = Lock<RecordedJournal?>(nil, rank: .observer)

    fileprivate func noteWrite(_ pages: Span<PageAddress>) throws(StorageError) {
        if failsWrites.load(ordering: .relaxed) {
            throw StorageError(.writeFailed, "the test wants no write", errorNumber: 28)
        }
        writes.add(1, ordering: .relaxed)
        writtenPages.add(pages.count, ordering: .relaxed)
        log.withLock { $0 }?.expectDurable(pages)
        journal.withLock { $0 }?.expectDurable(pages)
    }
}

/// A storage manager on top of another. It fails when told to.
final class FaultyManager: StorageManager {
    private let inner: any StorageManager
    private let faults: WriteFaults

    init(_ inner: any StorageManager, _ faults: WriteFaults) {
        self.inner = inner
        self.faults = faults
    }

    var name: String { "faulty" }
    var capabilities: StorageManagerCapabilities { inner.capabilities }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        FaultyRelation(try inner.open(locator, target: target), faults)
    }

    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        try inner.unlink(locator, fork: fork)
    }

    func syncPending(_ session: Session) throws(StorageError) { try inner.syncPending(session) }
    func shutdown() { inner.shutdown() }
}

private final class FaultyRelation: RelationStorage {
    private let inner: any RelationStorage
    private let faults: WriteFaults

    init(_ inner: any RelationStorage, _ faults: WriteFaults) {
        self.inner = inner
        self.faults = faults
    }

    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        try inner.create(fork, ifMissing: ifMissing)
    }
    func exists(_ fork: Fork) throws(StorageError) -> Bool { try inner.exists(fork) }
    func close(_ fork: Fork, session: Session) { inner.close(fork, session: session) }

    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)
    {
        try inner.extend(fork, at: block, with: page, sync: sync)
    }

    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        if faults.failsExtensions.load(ordering: .relaxed) {
            throw StorageError(.extendFailed, "the test wants no extension")
        }
        try inner.zeroExtend(fork, from: block, count: count, sync: sync)
    }

    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        faults.prefetched.add(count, ordering: .relaxed)
        return try inner.prefetch(fork, block: block, count: count)
    }

    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int {
        inner.maximumCombine(fork, block: block)
    }

    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    { try inner.read(fork, block: block, into: pages) }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) { try inner.startRead(handle, fork, block: block, into: pages) }

    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try faults.noteWrite(pages)
        try inner.write(fork, block: block, from: pages, sync: sync)
    }

    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        do throws(StorageError) {
            try faults.noteWrite(pages)
        } catch {
            handle.release()
            throw error
        }
        try inner.startWrite(handle, fork, block: block, from: pages, sync: sync)
    }

    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {
        faults.hinted.add(count, ordering: .relaxed)
        try inner.writeback(fork, block: block, count: count)
    }
    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 { try inner.blockCount(fork) }
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        try inner.truncate(fork, to: count, session: session)
    }
    func immediateSync(_ fork: Fork) throws(StorageError) { try inner.immediateSync(fork) }
    func registerSync(_ fork: Fork) throws(StorageError) { try inner.registerSync(fork) }
    func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt {
        inner.descriptor(fork, block: block, for: io)
    }
}
