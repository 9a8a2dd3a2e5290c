internal import AsyncIO
internal import StorageManager

/// A started write, which its issuer must end.
struct StartedWrite {
    let relation: OpenRelation
    /// The first page.
    let tag: PageTag
    let count: Int
    let reference: WaitReference
    let report: IOReturn
    /// Its batch of the journal.
    let batch: OpenBatch?

    /// How many of the pages were written. Valid once it is over.
    var written: Int {
        let result = report.result
        guard result.status == .ok || result.status == .partial else { return 0 }
        return min(Int(result.value), count)
    }
}

/// A batch of the journal, some of whose pages are not yet written in place.
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

    /// Records that a write in place begins.
    func begin() { remaining += 1 }

    /// Records, before ``end()``, that `count` pages from that one on were not written in place as
    /// intended.
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
    /// Prepared writes that were journalled; others among them have been started.
    let writes: [PreparedWrite]
    let buffers: [UInt64]
    /// Whether the thread has nothing else to do meanwhile.
    let executes: Bool
}

/// The writes of a session in flight, the oldest first.
struct StartedWrites {
    var hint = WritebackHint()
    private var writes: [StartedWrite] = []
    private var first = 0
    /// The index of the first write that the hint does not know yet.
    private var firstUnhinted = 0

    /// The number of writes.
    var count: Int { writes.count - first }

    mutating func append(_ write: StartedWrite) {
        // In a long run of writes there may always be one in flight.
        if first > writes.count / 2 {
            writes.removeFirst(first)
            firstUnhinted -= first
            first = 0
        }
        writes.append(write)
    }

    /// Records writes that are over, the oldest first, so that the disk can start on them.
    mutating func hint(while isDone: (StartedWrite) -> Bool) {
        while firstUnhinted < writes.count, isDone(writes[firstUnhinted]) {
            let write = writes[firstUnhinted]
            firstUnhinted += 1
            hint.note(write.relation, write.tag, write.written)
        }
    }

    mutating func removeOldest() -> (write: StartedWrite, isHinted: Bool)? {
        guard first < writes.count else { return nil }
        let (oldest, isHinted) = (writes[first], firstUnhinted > first)
        first += 1
        firstUnhinted = max(firstUnhinted, first)
        if first == writes.count {
            writes.removeAll(keepingCapacity: true)
            (first, firstUnhinted) = (0, 0)
        }
        return (oldest, isHinted)
    }
}

/// Neighbouring pages that were handed to the kernel, but not yet requested to go to the disk.
/// Requesting that early leaves little to do when the file is synced.
struct WritebackHint {
    private var relation: OpenRelation?
    private var tag = PageTag(relation: 0, page: 0)
    private var count = 0

    /// The number of pages per request to the kernel: 2 MiB.
    static let size = 256

    /// Records written pages.
    mutating func note(_ relation: OpenRelation, _ tag: PageTag, _ count: Int) {
        if self.relation !== relation || tag != self.tag.advanced(by: self.count) {
            give()
            (self.relation, self.tag) = (relation, tag)
        }
        self.count += count
        if self.count >= Self.size { give() }
    }

    /// Sends the request for the recorded pages. A failure is left to the sync, which will meet it.
    mutating func give() {
        if let relation, count > 0 {
            try? relation.storage.writeback(tag.fork, block: tag.block, count: count)
        }
        (relation, count) = (nil, 0)
    }
}
