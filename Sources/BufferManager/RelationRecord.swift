internal import AsyncIO
internal import PageFormat
internal import StorageManager
internal import Synchronization
internal import Threads

/// The buffer manager's data about one relation: its storage, for writing its pages; the locks
/// under which its forks are extended; its count of damaged pages.
///
/// The ``RelationTable`` and the buffers that hold the relation's pages keep it alive, so that a
/// page can be written long after the last reader of its relation has gone. The buffers' share is a
/// count in front of one reference: a run of buffers costs one atomic operation.
final class RelationRecord: Sendable {
    let locator: RelationLocator
    fileprivate let pageKind: PageKind
    /// Replaced when the relation was closed and opened again.
    private let current: Lock<OpenRelation>
    /// Pages that failed their checksum when they were read. Counted by completing threads.
    let checksumFailures = Atomic<UInt64>(0)

    /// The main fork's blocks from here on need no journal, since a crash removes them completely.
    let unprotectedStart = Atomic<UInt32>(.max)

    /// The main fork's blocks below this are on disk as their loads left them, and the voucher
    /// vouches for that; 0 if there is none. Released before readers see the blocks, so that a
    /// thread that writes a changed one sees it too.
    let vouchedEnd = Atomic<UInt32>(0)
    /// The main fork's blocks below this have contents. One that is all zeroes has lost them.
    let filledEnd = Atomic<UInt32>(0)

    /// By fork, the first block that was cut off and may still be in the pool, as somebody had it
    /// pinned. It is not written: the file may have ended before it.
    private let cutEnds = InlineArray<4, Atomic<UInt32>> { _ in Atomic(.max) }

    func setCut(_ fork: Fork, from block: UInt32?) {
        cutEnds[Int(fork.rawValue)].store(block ?? .max, ordering: .releasing)
    }

    /// Whether a page was cut off.
    func isCut(_ tag: PageTag) -> Bool {
        tag.block.rawValue >= cutEnds[Int(tag.forkWord)].load(ordering: .acquiring)
    }

    /// The log positions of pages in the pool whose bytes have none: raw ones, and those of zeroes.
    private let positions = Lock<[UInt64: LSN]>([:], rank: .pagePositions)
    private let hasPositions = Atomic<Bool>(false)

    /// The log position of a page whose bytes have none; zero if none was given.
    func position(_ tag: PageTag) -> LSN {
        if !hasPositions.load(ordering: .acquiring) { return .zero }
        return positions.withLock { $0[tag.page] ?? .zero }
    }

    /// Raises the log position of such a page.
    func raise(_ tag: PageTag, to lsn: LSN) {
        hasPositions.store(true, ordering: .releasing)
        positions.withLock { $0[tag.page] = max(lsn, $0[tag.page] ?? .zero) }
    }

    /// Forgets the log position of a page that leaves the pool. Under the lock of its partition,
    /// so that nobody has read the page into another buffer yet.
    func didEvict(_ tag: PageTag) {
        if !hasPositions.load(ordering: .acquiring) { return }
        positions.withLock { _ = $0.removeValue(forKey: tag.page) }
    }

    /// The main fork's blocks that scans have read into a ring.
    private let scanned = Lock(SeenBlocks(), rank: .seenBlocks)
    func wasScanned(_ block: BlockNumber) -> Bool { scanned.withLock { $0.contains(block) } }
    func noteScan(_ first: BlockNumber, _ count: Int) {
        scanned.withLock { $0.insert(first, count: count) }
    }

    private let mainExtension = ParkingLock(rank: .relationExtension)
    private let freeSpaceExtension = ParkingLock(rank: .relationExtension)
    private let visibilityExtension = ParkingLock(rank: .relationExtension)
    private let initializationExtension = ParkingLock(rank: .relationExtension)

    /// The manager's table, kept for tasks that wait for one of the relation's pages.
    let waits: WaitTable

    /// The manager's, to be set when a page of the relation is changed.
    let changes: ChangeMark

    init(_ relation: OpenRelation, _ waits: WaitTable, _ changes: ChangeMark) {
        locator = relation.locator
        pageKind = relation.pageKind
        self.waits = waits
        self.changes = changes
        current = Lock(relation, rank: .relationCurrent)
    }

    /// How many buffers of all pools hold the relation's pages. While there are any, they keep the
    /// record alive.
    private let uses = Atomic<Int>(0)

    /// By fork, one more than the highest block that a buffer was ever given, even one that cannot
    /// exist.
    private let ends = InlineArray<4, Atomic<Int>> { _ in Atomic(0) }

    var relation: OpenRelation { current.withLock { $0 } }

    /// Records that buffers are given pages of the relation: one operation for a whole run. The
    /// caller has a reference of its own.
    func addUses(_ count: Int) {
        if uses.add(count, ordering: .relaxed).oldValue == 0 {
            _ = unsafe Unmanaged.passRetained(self)
        }
    }

    /// Records that buffers hold other pages, or none, from now on. May destroy the record.
    func dropUses(_ count: Int) {
        let old = uses.subtract(count, ordering: .acquiringAndReleasing).oldValue
        assert(old >= count, "uses are dropped at most as often as added")
        if old == count { unsafe Unmanaged.passUnretained(self).release() }
    }

    /// Records, before buffers can be found under their new tags, which blocks they are given. A
    /// thread that knows of a page in the pool therefore also sees its block below ``end(of:)``.
    func willHold(_ first: PageTag, count: Int) {
        let place = Int(first.forkWord)
        let end = Int(first.block.rawValue) + count
        if ends[place].load(ordering: .relaxed) < end {
            ends[place].max(end, ordering: .relaxed)
        }
    }

    /// One more than the highest block of a fork that a buffer was ever given.
    func end(of fork: Fork) -> Int { ends[Int(fork.rawValue)].load(ordering: .relaxed) }

    /// Whether no buffer holds a page of the relation.
    var isUnused: Bool { uses.load(ordering: .acquiring) == 0 }

    /// What a page of the relation looks like.
    func pageKind(_ tag: PageTag) -> PageKind { tag.fork.pageKind(in: pageKind) }

    func use(_ relation: OpenRelation) {
        current.withLock { if $0 !== relation { $0 = relation } }
    }

    /// Serialises extensions of one fork. The holder does blocking IO, so staged IO is submitted
    /// before waiting for the lock.
    func withExtensionLock<Result: ~Copyable>(
        _ fork: Fork, _ session: Session, _ body: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        session.submitStaged()
        switch fork {
        case .main: return try mainExtension.withLock(body)
        case .freeSpaceMap: return try freeSpaceExtension.withLock(body)
        case .visibilityMap: return try visibilityExtension.withLock(body)
        case .initialization: return try initializationExtension.withLock(body)
        }
    }
}

/// The records by relation. Safe to use from any thread. Needed for a miss, never for a hit.
final class RelationTable: Sendable {
    private let records = Lock<[RelationLocator: RelationRecord]>([:], rank: .relationRecords)
    let waits = WaitTable()
    let changes = ChangeMark()

    /// Returns the relation's record; makes it if there is none.
    func record(of relation: OpenRelation) -> RelationRecord {
        let record = records.withLock { records in
            // Without pages in the pool, it may be another relation of that number by now.
            if let record = records[relation.locator],
                record.pageKind == relation.pageKind || !record.isUnused
            {
                return record
            }
            let record = RelationRecord(relation, waits, changes)
            records[relation.locator] = record
            return record
        }
        record.use(relation)
        return record
    }

    func existing(_ locator: RelationLocator) -> RelationRecord? {
        records.withLock { $0[locator] }
    }

    /// Drops a record. Buffers that still have pages of the relation keep it alive.
    func forget(_ locator: RelationLocator) {
        _ = records.withLock { $0.removeValue(forKey: locator) }
    }
}

/// Tells whether pages may have been changed since a checkpoint last looked at all of them, so that
/// a checkpoint with nothing to do costs the same beside every pool.
///
/// A thread that makes a clean page dirty sets the mark after that. A checkpoint takes the mark
/// before it looks. So a page that it does not see dirty has its mark set afterwards.
final class ChangeMark: Sendable {
    private let isSet = Atomic<Bool>(false)

    /// Whether the next checkpoint looks.
    var isPending: Bool { isSet.load(ordering: .acquiring) }

    func set() { isSet.store(true, ordering: .releasing) }

    /// Takes the mark back. Returns whether it was set.
    func take() -> Bool { isSet.exchange(false, ordering: .acquiringAndReleasing) }
}
