public import AsyncIO
public import StorageManager
internal import Synchronization

/// The outcome of evicting pages.
public struct EvictionCount: Sendable, Hashable {
    /// Pages that left the pool.
    public var evicted = 0
    /// Pages written for that, neighbours included.
    public var written = 0
    /// Pages that stayed because they were pinned, being read, or being changed.
    public var skipped = 0

    /// Makes a count of zeroes.
    public init() {}
}

/// Removing unpinned pages from the pool. Dirty ones are written first. Blocks the thread. Mirrors
/// PostgreSQL's `EvictUnpinnedBuffer` and its relatives.
extension BufferManager {
    /// Removes one page from the pool.
    ///
    /// - Throws: what the storage throws; the page then stays, dirty.
    public func evict(
        _ block: BlockNumber, of relation: OpenRelation, fork: Fork = .main, session: Session
    ) throws(StorageError) -> EvictionCount {
        try check(session, using: relation)
        let (pool, _) = try pool(for: relation.locator)
        let tag = PageTag(relation.locator, fork, block)
        var count = EvictionCount()
        if let index = pool.likelyIndex(tag) { try evict(index, tag, pool, session, &count) }
        return count
    }

    /// Removes a relation's pages from the pool.
    ///
    /// - Throws: the first error of the storage; pages not reached by then stay.
    public func evict(_ relation: OpenRelation, session: Session) throws(StorageError)
        -> EvictionCount
    {
        try check(session, using: relation)
        let (pool, _) = try pool(for: relation.locator)
        return try evict(places(of: relation, in: pool), pool, session)
    }

    /// Removes all shared relations' pages from the pool.
    ///
    /// - Throws: the first error of a storage; pages not reached by then stay.
    public func evictAll(session: Session) throws(StorageError) -> EvictionCount {
        try check(session)
        return try evict(shared.places { _, _ in true }, shared, session)
    }

    private func evict(_ places: [BufferPool.Place], _ pool: BufferPool, _ session: Session)
        throws(StorageError) -> EvictionCount
    {
        var count = EvictionCount()
        // In order, so that dirty neighbours are written together.
        for place in pool.sorted(places) {
            try evict(place.index, place.tag, pool, session, &count)
        }
        return count
    }

    private func evict(
        _ index: Int, _ tag: PageTag, _ pool: BufferPool, _ session: Session,
        _ count: inout EvictionCount
    ) throws(StorageError) {
        guard pool.claim(index, tagged: tag) else {
            count.skipped += pool.buffer(index).hasTag(tag) ? 1 : 0
            return
        }
        if pool.buffer(index).state.has(BufferState.dirty) {
            let before = unsafe pool.tally(session).pointee.writes.load(ordering: .relaxed)
            do throws(StorageError) {
                let victim: InlineArray = [UInt32(index)]
                try pool.writeOut(victim.span, session)
            } catch {
                pool.unclaim(index)
                throw error
            }
            let after = unsafe pool.tally(session).pointee.writes.load(ordering: .relaxed)
            count.written += Int(after &- before)
        }
        guard pool.uninstall(index) else {
            pool.unclaim(index)
            count.skipped += 1
            return
        }
        pool.release(untagged: index)
        count.evicted += 1
        unsafe BufferCounters.count(pool.tally(session).pointee.evictions)
    }
}
