internal import AsyncIO
internal import StorageManager

/// A write that was started and has to be ended by its issuer.
struct StartedWrite {
    let relation: OpenRelation
    /// The first page.
    let tag: PageTag
    let count: Int
    let reference: WaitReference
    let report: IOReturn
    /// The batch of the journal that it belongs to.
    let batch: OpenBatch?

    /// How many of the pages were written. Once it is over.
    var written: Int {
        let result = report.result
        guard result.status == .ok || result.status == .partial else { return 0 }
        return min(Int(result.value), count)
    }
}

/// A batch of the journal, some of whose pages are still to be written in place or being so.
final class OpenBatch {
    private let journal: any PageJournal
    private let batch: JournalBatch
    private var remaining = 1

    /// Open until ``end()`` was called once more than ``begin()``.
    init(_ journal: any PageJournal, _ batch: JournalBatch) {
        self.journal = journal
        self.batch = batch
    }

    func makeDurable(_ session: Session) throws(StorageError) {
        try journal.makeDurable(batch, session: session)
    }

    /// A write in place begins.
    func begin() { remaining += 1 }

    /// Before ``end()``: so many pages from that one on were not written in place as they should.
    func writeDidFail(_ locator: RelationLocator, _ tag: PageTag, count: Int) {
        journal.writeDidFail(batch, locator, tag.fork, block: tag.block, count: count)
    }

    func end() {
        remaining -= 1
        if remaining == 0 { journal.finish(batch) }
    }
}

/// Writes whose copies the journal is making durable.
struct RecordedWrites {
    let batch: OpenBatch
    /// Prepared ones that were journalled; others among them have been started.
    let writes: [PreparedWrite]
    let buffers: [UInt64]
    /// Whether nobody has anything else to do meanwhile.
    let executes: Bool
}

/// What a session keeps for its writes of one pool's pages: those under way, oldest first, and the
/// room to define others. Kept by the pool from the first write of a session with that number on,
/// so that writing allocates nothing. Used by the session's thread alone.
final class WriterState {
    enum Purpose { case request, eviction, background, checkpoint }

    /// What is written for, which is counted.
    var purpose = Purpose.request
    /// How many writes may be under way that are not journalled.
    let limit: Int
    /// How many pages make a batch for the journal.
    let batchPages: Int
    /// The first error of those that were ended.
    var failure: StorageError?
    var hint = WritebackHint()
    /// Writes that are ready to be started, and the buffers of all of them.
    private(set) var prepared: [PreparedWrite] = []
    var buffers: [UInt64] = []
    /// The batch before the prepared ones.
    private var recorded: RecordedWrites?
    /// Where the write that is being started has its copies.
    private(set) var pages: [PageAddress] = []
    /// What the last prepared write has taken along, which need not be looked at again.
    var covered: (relation: UInt64, end: UInt64) = (0, 0)
    /// Neighbours before the page that is to be written, the nearest first.
    var taken: [Int] = []
    /// Pages for the journal, in the order of the prepared writes.
    var journalled: [JournalledPage] = []
    /// Memory of which writes of a batch use one part after the other, and how much they have used.
    private(set) var open: (copies: ScratchPool.Copies, used: Int)?

    private var started: [StartedWrite] = []
    private var first = 0
    /// Where the writes begin of which the hint knows nothing yet.
    private var firstUnhinted = 0
    /// Pages that are prepared, recorded or being written.
    private(set) var pageCount = 0
    private var reports: [IOReturn] = []

    /// As much as one session gets into the queue of a device; more only takes memory.
    private static let greatestLimit = 32
    /// The part of the pool that one session's writes may pin: others need victims meanwhile.
    private static let pinnedShare = 4

    init(_ pool: BufferPool, _ system: IOSystem) {
        let unpinned = pool.count / Self.pinnedShare / pool.combineLimit
        limit = max(
            1,
            min(system.handlesPerSession, pool.scratch.limit, unpinned, Self.greatestLimit))
        batchPages = pool.batchPages
        reports.reserveCapacity(limit + 1)
        prepared.reserveCapacity(limit)
        buffers.reserveCapacity(pool.combineLimit)
        pages.reserveCapacity(pool.combineLimit)
    }

    /// How many writes are under way.
    var count: Int { started.count - first }

    /// How many pages are prepared.
    var preparedPages: Int { buffers.count }

    /// Whether no write is under way or waits for the journal.
    var isQuiet: Bool { count == 0 && recorded == nil }

    /// Whether nothing is prepared or under way.
    var isIdle: Bool { isQuiet && prepared.isEmpty }

    func add(_ write: PreparedWrite) {
        prepared.append(write)
        pageCount += write.count
        covered = (write.tag.relation, write.tag.page + UInt64(write.count))
    }

    /// Whether the page was taken along, if pages are looked at in order.
    func covers(_ tag: PageTag) -> Bool {
        tag.relation == covered.relation && tag.page < covered.end
    }

    func clearPrepared() {
        prepared.removeAll(keepingCapacity: true)
        buffers.removeAll(keepingCapacity: true)
    }

    /// Has what is prepared wait for the journal.
    func setRecorded(_ batch: OpenBatch, executes: Bool) {
        precondition(recorded == nil, "one batch waits for the journal at a time")
        recorded = RecordedWrites(
            batch: batch, writes: prepared, buffers: buffers, executes: executes)
        (prepared, buffers) = ([], [])
    }

    func takeRecorded() -> RecordedWrites? { recorded.take() }

    /// Notes where the copies of a write are.
    func setPages(of write: PreparedWrite) {
        pages.removeAll(keepingCapacity: true)
        for position in 0..<write.count {
            pages.append(write.page(position))
        }
    }

    func append(_ write: StartedWrite) {
        // In a long run of writes there may always be one under way.
        if first > started.count / 2 {
            started.removeFirst(first)
            firstUnhinted -= first
            first = 0
        }
        started.append(write)
    }

    /// Takes note of writes that are over, the oldest first, so that the disk can begin with them.
    func hint(while isDone: (StartedWrite) -> Bool) {
        while firstUnhinted < started.count, isDone(started[firstUnhinted]) {
            let write = started[firstUnhinted]
            firstUnhinted += 1
            hint.note(write.relation, write.tag, write.written)
        }
    }

    func removeOldest() -> (write: StartedWrite, isHinted: Bool)? {
        guard first < started.count else { return nil }
        let (oldest, isHinted) = (started[first], firstUnhinted > first)
        first += 1
        firstUnhinted = max(firstUnhinted, first)
        if first == started.count {
            started.removeAll(keepingCapacity: true)
            (first, firstUnhinted) = (0, 0)
        }
        pageCount -= oldest.count
        return (oldest, isHinted)
    }

    /// A prepared write will not be made.
    func drop(_ write: PreparedWrite) { pageCount -= write.count }

    var hasOpen: Bool { open != nil }

    /// Has the next writes of a batch use what is left of that memory.
    func setOpen(_ copies: ScratchPool.Copies, used: Int) { open = (copies, used) }

    /// The memory that is open; it is not any more.
    func takeOpen() -> (copies: ScratchPool.Copies, used: Int)? { open.take() }

    func takeReport() -> IOReturn { reports.popLast() ?? IOReturn() }

    func giveBack(_ report: IOReturn) { reports.append(report) }
}

/// Neighbouring pages that were handed to the kernel and that it has not been asked to write to the
/// disk yet. Asked early, it has little left to do when the file is synced.
struct WritebackHint {
    private var relation: OpenRelation?
    private var tag = PageTag(relation: 0, page: 0)
    private var count = 0

    /// One request of the kernel for so many pages: 2 MiB.
    static let size = 256

    /// Takes note of pages that were written.
    mutating func note(_ relation: OpenRelation, _ tag: PageTag, _ count: Int) {
        if self.relation !== relation || tag != self.tag.advanced(by: self.count) {
            give()
            (self.relation, self.tag) = (relation, tag)
        }
        self.count += count
        if self.count >= Self.size { give() }
    }

    /// Asks for what was noted. A failure is left to the sync, which is sure to meet it.
    mutating func give() {
        if let relation, count > 0 {
            try? relation.storage.writeback(tag.fork, block: tag.block, count: count)
        }
        (relation, count) = (nil, 0)
    }
}
