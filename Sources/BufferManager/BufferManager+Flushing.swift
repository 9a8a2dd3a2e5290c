public import AsyncIO
public import StorageManager
internal import Synchronization

/// Writing pages out before their buffers are needed. All calls block the thread until the writes
/// are over. Nobody who changes a page waits for the disk; what is changed while it is written stays
/// dirty. Whoever calls while he has the content lock of a page to be written, exclusively, gets
/// `misuse`; while he shares it he may wait for ever, for a writer that waits for him. Durable is what was written only after the storage manager's `syncPending`.
extension BufferManager {
    /// Writes a page out if it is dirty, and neighbours with it.
    ///
    /// Waits for whoever is changing it, so the caller must not hold its content lock. Mirrors
    /// PostgreSQL's `FlushOneBuffer`.
    ///
    /// - Precondition: the page did not come with its lock, or that was given back.
    /// - Throws: what the storage throws; the page stays dirty.
    public func flush(_ page: borrowing PinnedPage, session: Session) throws(StorageError) {
        precondition(!page.isLocked, "a page is flushed by who does not hold its content lock")
        let (pool, _) = try pool(for: page.relation.locator)
        let writer = PageWriter(pool, session)
        try writer.write(pool.index(of: page.buffer), page.buffer.tag)
    }

    /// Writes out all pages of a relation that are dirty now, in block order, neighbours together
    /// and several writes at a time. Mirrors PostgreSQL's `FlushRelationBuffers`.
    ///
    /// - Returns: how many pages were found dirty.
    /// - Throws: the first error of the storage, after all pages were tried; those that could not
    ///   be written stay dirty.
    @discardableResult
    public func flush(_ relation: OpenRelation, session: Session) throws(StorageError) -> Int {
        let (pool, _) = try pool(for: relation.locator)
        let word = PageTag.relationWord(relation.locator)
        return try flush(pool, session) { $0.relation == word }
    }

    /// Writes out all pages of shared relations that are dirty now, sorted by relation, fork and
    /// block, neighbours together and several writes at a time. Mirrors PostgreSQL's `BufferSync`.
    ///
    /// - Returns: how many pages were found dirty.
    /// - Throws: the first error of a storage, after all pages were tried; those that could not be
    ///   written stay dirty.
    @discardableResult
    public func flushAll(session: Session) throws(StorageError) -> Int {
        try flush(shared, session) { _ in true }
    }

    /// Has blocks of a relation's main fork be written without the ``PageJournal`` from one on, as a
    /// crash takes them away whole; nil ends that.
    ///
    /// For pages of which nothing counts until all of them are durable, such as those of a load. The
    /// caller sees to it that none of them is in the journal, that none is written while this
    /// changes, and that what was written is durable before they count. Of no effect for relations
    /// whose storage keeps several blocks together. Any thread.
    public func setUnprotected(_ relation: OpenRelation, from block: BlockNumber?) {
        table.record(of: relation).unprotectedStart.store(
            block?.rawValue ?? .max, ordering: .releasing)
    }

    private func flush(_ pool: BufferPool, _ session: Session, _ matches: (PageTag) -> Bool)
        throws(StorageError) -> Int
    {
        let dirty = pool.dirtyPages(matches)
        try PageWriter(pool, session).write(dirty)
        return dirty.count
    }
}

extension BufferPool {
    /// A page and the buffer it was seen in.
    struct Place {
        let tag: PageTag
        let index: Int
    }

    /// The dirty pages that match, in order of relation, fork and block. O(pool).
    func dirtyPages(_ matches: (PageTag) -> Bool) -> [Place] {
        sorted(places { state, tag in state.has(BufferState.dirty) && matches(tag) })
    }

    /// The buffers that match when they are looked at, which takes no pin. O(pool).
    func places(_ matches: (BufferState, PageTag) -> Bool) -> [Place] {
        var places: [Place] = []
        for index in 0..<count {
            let buffer = buffer(index)
            let state = buffer.state
            guard state.has(BufferState.tagValid) else { continue }
            let tag = buffer.tag
            if matches(state, tag) { places.append(Place(tag: tag, index: index)) }
        }
        return places
    }

    /// Writes the dirty pages of buffers that the caller has claimed, several writes at a time, and
    /// neighbours with them, as far as that needs no waiting for others. Mirrors PostgreSQL's
    /// `FlushBuffer`, which writes one page.
    ///
    /// - Throws: the first error of a storage; the pages that it concerns stay dirty.
    func writeOut(_ victims: Span<UInt32>, _ session: Session) throws(StorageError) {
        try PageWriter(self, session).writeVictims(victims)
    }

    /// Pins a buffer if it still has that page, without counting as a use.
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
