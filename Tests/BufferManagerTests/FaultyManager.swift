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
final class FaultyManager: ForwardingStorageManager {
    let base: any StorageManager
    private let faults: WriteFaults

    init(_ base: any StorageManager, _ faults: WriteFaults) {
        self.base = base
        self.faults = faults
    }

    var name: String { "faulty" }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        FaultyRelation(try base.open(locator, target: target), faults)
    }
}

private final class FaultyRelation: ForwardingRelationStorage {
    let base: any RelationStorage
    private let faults: WriteFaults

    init(_ base: any RelationStorage, _ faults: WriteFaults) {
        self.base = base
        self.faults = faults
    }

    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        if faults.failsExtensions.load(ordering: .relaxed) {
            throw StorageError(.extendFailed, "the test wants no extension")
        }
        try base.zeroExtend(fork, from: block, count: count, sync: sync)
    }

    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        faults.prefetched.add(count, ordering: .relaxed)
        return try base.prefetch(fork, block: block, count: count)
    }

    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try faults.noteWrite(pages)
        try base.write(fork, block: block, from: pages, sync: sync)
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
        try base.startWrite(handle, fork, block: block, from: pages, sync: sync)
    }

    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {
        faults.hinted.add(count, ordering: .relaxed)
        try base.writeback(fork, block: block, count: count)
    }
}
