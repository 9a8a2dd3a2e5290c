public import AsyncIO
public import StorageManager
internal import Synchronization
internal import Threads

/// Forgetting pages whose blocks cease to exist. Nothing is written.
///
/// Call these before truncating or unlinking the storage, and keep others from using the blocks
/// meanwhile. They submit what the session has staged and wait for IO in flight on the pages,
/// of any session; the IO's own pins do not count. If a page is pinned otherwise, they throw
/// before any page is forgotten.
extension BufferManager {
    /// Forgets all pages and the record of a relation. Mirrors PostgreSQL's
    /// `DropRelationsAllBuffers`.
    ///
    /// The `PageJournal` may still keep copies of the pages. Callers must not give the locator to
    /// another relation, ever or until the journal has dropped them.
    ///
    /// - Throws: `pageInUse` if a page is pinned; nothing has been forgotten then.
    public func drop(_ relation: OpenRelation, session: Session) throws(StorageError) {
        try check(session, using: relation)
        try drop(relation, nil, from: BlockNumber(0), session)
        table.forget(relation.locator)
    }

    /// Forgets a fork's pages from a block on, in the journal too. Mirrors PostgreSQL's
    /// `DropRelationBuffers`.
    ///
    /// - Throws: `pageInUse` if one of them is pinned; nothing has been forgotten then. What the
    ///   `PageJournal` throws; the blocks must stay then.
    public func dropBlocks(
        of relation: OpenRelation, fork: Fork = .main, from block: BlockNumber, session: Session
    ) throws(StorageError) {
        try check(session, using: relation)
        try drop(relation, fork, from: block, session)
        // The blocks may come back with other contents.
        guard let journal = shared.journal, !relation.locator.isLocal else { return }
        try journal.forget(relation.locator, fork, from: block, session: session)
    }

    /// Writes out a relation's pages, removes them from the pool, and forgets the relation's
    /// record. Call this before closing the relation.
    ///
    /// - Throws: `pageInUse` if a page is pinned, or what the storage throws. The relation stays
    ///   usable then.
    public func close(_ relation: OpenRelation, session: Session) throws(StorageError) {
        try flush(relation, session: session)
        let count = try evict(relation, session: session)
        if count.skipped > 0 { throw Self.inUse(relation, .main, nil) }
        table.forget(relation.locator)
    }

    /// Forgets all pages of a session's local relations. Call this before closing the session.
    ///
    /// - Throws: `pageInUse` if a page is pinned; other relations' pages may be forgotten by then.
    public func dropLocal(session: Session) throws(StorageError) {
        try check(session)
        let local = localPools.withLock { $0[UInt32(session.index) + 1] }
        guard let pool = local?.pool else { return }
        for place in pool.places({ _, _ in true }) {
            guard pool.pin(place.index, tagged: place.tag) else { continue }
            let relation = pool.buffer(place.index).withRecord { $0.relation }
            pool.buffer(place.index).unpin()
            try drop(relation, session: session)
        }
    }

    private func drop(
        _ relation: OpenRelation, _ fork: Fork?, from block: BlockNumber, _ session: Session
    ) throws(StorageError) {
        let (pool, _) = try pool(for: relation.locator)
        let places = places(of: relation, fork, from: block, in: pool)
        for place in places {
            guard try pool.settle(place, session) else {
                throw Self.inUse(relation, place.tag.fork, place.tag.block)
            }
        }
        for place in places {
            guard try pool.discard(place, session) else {
                throw Self.inUse(relation, place.tag.fork, place.tag.block)
            }
        }
    }

    static func inUse(_ relation: OpenRelation, _ fork: Fork, _ block: BlockNumber?)
        -> StorageError
    {
        let name = "relation \"\(relation.locator)\(fork.suffix)\""
        return StorageError(
            .pageInUse,
            block.map { "block \($0) of \(name) is pinned" } ?? "pages of \(name) are pinned",
            remedy: "Release all pages of the relation first.",
            at: relation.location(fork, block: block))
    }
}

extension BufferPool {
    /// How often to look again at a pin that may be transient: at first by turns, then now and
    /// then, as the thread that has the pin may wait for a core.
    private static let patience = 2000
    private static let turns = 1000
    private static let pauseNanoseconds: UInt64 = 200_000

    /// Waits until the page is under no IO and unpinned. Returns false if it stays pinned.
    ///
    /// Pins of IO, of claimants of victims and of lookups that went astray end by themselves, so
    /// only a pin that stays counts.
    func settle(_ place: Place, _ session: Session) throws(StorageError) -> Bool {
        let buffer = buffer(place.index)
        for look in 0..<Self.patience {
            let state = buffer.state
            guard state.has(BufferState.tagValid), buffer.hasTag(place.tag) else { return true }
            if state.has(BufferState.ioInProgress) {
                try buffer.waitForIO(session)
            } else if state.pins == 0 {
                return true
            } else if look < Self.turns {
                sched_yield()
            } else {
                Clock.sleep(until: Clock.monotonicNanoseconds &+ Self.pauseNanoseconds)
            }
        }
        return false
    }

    /// Forgets a page, dirty or not. Returns false if it stays pinned.
    func discard(_ place: Place, _ session: Session) throws(StorageError) -> Bool {
        while try settle(place, session) {
            guard claim(place.index, tagged: place.tag) else {
                let buffer = buffer(place.index)
                if buffer.state.has(BufferState.tagValid), buffer.hasTag(place.tag) { continue }
                return true
            }
            if uninstall(place.index, discarding: true) {
                release(untagged: place.index)
                return true
            }
            unclaim(place.index)
        }
        return false
    }
}
