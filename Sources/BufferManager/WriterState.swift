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
}

/// What a session keeps for its writes of one pool's pages: those under way, oldest first, and the
/// room to define others. Kept by the pool from the first write of a session with that number on,
/// so that writing allocates nothing. Used by the session's thread alone.
final class WriterState {
    enum Purpose { case request, eviction, background, checkpoint }

    /// What is written for, which is counted.
    var purpose = Purpose.request
    /// How many writes may be under way.
    let limit: Int
    /// The first error of those that were ended.
    var failure: StorageError?
    var hint = WritebackHint()
    /// Writes that are ready to be started, and the buffers of all of them.
    private(set) var prepared: [PreparedWrite] = []
    var buffers: [UInt64] = []
    /// Where the write that is being started has its copies.
    private(set) var pages: [PageAddress] = []
    /// What the last prepared write has taken along, which need not be looked at again.
    var covered: (relation: UInt64, end: UInt64) = (0, 0)
    /// Neighbours before the page that is to be written, the nearest first.
    var taken: [Int] = []

    private var ring: [StartedWrite?]
    private var first = 0
    private(set) var count = 0
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
        ring = Array(repeating: nil, count: limit)
        reports.reserveCapacity(limit + 1)
        prepared.reserveCapacity(limit)
        buffers.reserveCapacity(pool.combineLimit)
        pages.reserveCapacity(pool.combineLimit)
    }

    /// Whether nothing is prepared or under way.
    var isIdle: Bool { count == 0 && prepared.isEmpty }

    func add(_ write: PreparedWrite) {
        prepared.append(write)
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

    /// Notes where the copies of a write are.
    func setPages(of write: PreparedWrite) {
        pages.removeAll(keepingCapacity: true)
        for position in 0..<write.count {
            unsafe pages.append(PageAddress(write.copies.start.pointer + position * blockSize))
        }
    }

    func append(_ write: StartedWrite) {
        precondition(count < limit, "the oldest write is ended before there are too many")
        ring[(first + count) % limit] = write
        count += 1
    }

    func removeOldest() -> StartedWrite? {
        guard count > 0 else { return nil }
        defer {
            ring[first] = nil
            first = (first + 1) % limit
            count -= 1
        }
        return ring[first]
    }

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
