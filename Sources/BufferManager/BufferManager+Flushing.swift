public import AsyncIO
public import StorageManager
internal import Synchronization
internal import Threads

/// Writing pages before their buffers are needed.
///
/// All calls block the thread until the writes are over. Changing a page never waits for the disk;
/// a page changed while it is written stays dirty. Calling these while holding a page's exclusive
/// content lock throws `misuse`; holding it shared can deadlock with a waiting writer. Writes
/// become durable with the storage manager's `syncPending`. A session of another engine, or a
/// relation local to another session, throws `misuse`.
extension BufferManager {
    /// Writes a page if it is dirty, and dirty neighbours with it.
    ///
    /// Waits for a thread that is changing the page, so callers must not hold its content lock.
    /// Mirrors PostgreSQL's `FlushOneBuffer`.
    ///
    /// - Precondition: the page did not come with its lock, or has released it.
    /// - Throws: what the storage throws; the page stays dirty.
    public func flush(_ page: borrowing PinnedPage, session: Session) throws(StorageError) {
        insist(!page.isLocked, "a page must not be flushed while holding its content lock")
        try check(session, using: page.relation)
        let (pool, _) = try pool(for: page.relation.locator)
        try pool.writer(session).write(pool.index(of: page.buffer), page.buffer.tag)
    }

    /// Writes all pages of a relation that are dirty now, in block order, neighbours together and
    /// several writes at a time. Mirrors PostgreSQL's `FlushRelationBuffers`.
    ///
    /// - Returns: how many pages were dirty.
    /// - Throws: the first error of the storage, after trying all pages; those that could not be
    ///   written stay dirty.
    @discardableResult
    public func flush(_ relation: OpenRelation, session: Session) throws(StorageError) -> Int {
        try flush(relation, nil, blocks: 0..<UInt32.max, session: session)
    }

    /// The same for some blocks of one fork; of all forks if it is nil.
    @discardableResult
    package func flush(
        _ relation: OpenRelation, _ fork: Fork?, blocks: Range<UInt32>, session: Session
    ) throws(StorageError) -> Int {
        try check(session, using: relation)
        let (pool, _) = try pool(for: relation.locator)
        let first = BlockNumber(blocks.lowerBound)
        let dirty = places(of: relation, fork, from: first, in: pool) { $0.has(BufferState.dirty) }
            .filter { $0.tag.block.rawValue < blocks.upperBound }
        try pool.writer(session).write(pool.sorted(dirty))
        return dirty.count
    }

    /// Writes all pages of shared relations that are dirty now, sorted by relation, fork and block,
    /// neighbours together and several writes at a time. Mirrors PostgreSQL's `BufferSync`.
    ///
    /// - Returns: how many pages were dirty.
    /// - Throws: the first error of a storage, after trying all pages; those that could not be
    ///   written stay dirty.
    @discardableResult
    public func flushAll(session: Session) throws(StorageError) -> Int {
        try check(session)
        let dirty = shared.sorted(shared.places { state, _ in state.has(BufferState.dirty) })
        try shared.writer(session).write(dirty)
        return dirty.count
    }

    /// Whether a page of a shared relation has been changed since it was last written. Pages of
    /// dropped relations do not count, nor do blocks that were cut off. Any thread; O(pool).
    public var hasDirtyPages: Bool {
        shared.places { state, _ in state.has(BufferState.dirty) }.contains { place in
            let buffer = shared.buffer(place.index)
            // Otherwise it has just been written.
            guard shared.pin(place.index, tagged: place.tag) else { return false }
            defer { buffer.unpin() }
            return buffer.withRecord { !$0.relation.isDropped && !$0.isCut(place.tag) }
        }
    }

    /// Keeps blocks of a fork, from one on, from being written, because they are being cut off; nil
    /// ends that, once none is in the pool. The fork's growth ends it, too. Any thread.
    package func setCut(_ relation: OpenRelation, _ fork: Fork, from block: BlockNumber?) {
        table.record(of: relation).setCut(fork, from: block?.rawValue)
    }

    /// Lets blocks of a relation's main fork, from one on, be written without the `PageJournal`,
    /// because a crash removes them entirely; nil ends that.
    ///
    /// For pages that count only once all of them are durable, such as those of a load. Callers
    /// must ensure that none of them is in the journal, that none is written during this call, and
    /// that all writes are durable before the pages count. Has no effect on relations whose storage
    /// keeps several blocks together. Safe to call from any thread.
    public func setUnprotected(_ relation: OpenRelation, from block: BlockNumber?) {
        table.record(of: relation).unprotectedStart.store(
            block?.rawValue ?? .max, ordering: .releasing)
    }
}

extension BufferPool {
    /// Writes the dirty pages of buffers that the caller has claimed, several writes at a time, and
    /// neighbours if that needs no waiting for others. Mirrors PostgreSQL's `FlushBuffer`, which
    /// writes one page.
    ///
    /// - Throws: the first error of a storage; the pages concerned stay dirty.
    func writeOut(_ victims: Span<UInt32>, _ session: Session) throws(StorageError) {
        try writer(session).writeVictims(victims)
    }

    /// Pins a buffer if it still has that page. Does not count as a use.
    func pin(_ index: Int, tagged tag: PageTag) -> Bool {
        let buffer = buffer(index)
        var old = buffer.state
        while old.has(BufferState.tagValid), old.pins < BufferState.pinMask, buffer.hasTag(tag) {
            if buffer.exchange(&old, BufferState(old.bits &+ BufferState.onePin)) {
                if buffer.hasTag(tag) { return true }
                buffer.unpin()
                return false
            }
        }
        return false
    }
}
