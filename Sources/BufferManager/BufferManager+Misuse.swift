package import AsyncIO
package import StorageManager

/// Refusing calls that would mix engines or sessions.
extension BufferManager {
    /// Whether session and relation belong to this pool's core, and a local relation to the
    /// session. Completions of another core's IO would reach the wrong buffers: a damaged page
    /// could pass as good.
    @inline(__always)
    func belong(_ session: Session, _ relation: OpenRelation) -> Bool {
        session.system === system && relation.core == ObjectIdentifier(system)
            && (!relation.locator.isLocal
                || Int(relation.locator.localSession) == session.index &+ 1)
    }

    /// Throws `misuse` unless session and relation belong here.
    func check(_ session: Session, using relation: OpenRelation) throws(StorageError) {
        if belong(session, relation) { return }
        try check(session)
        throw StorageError(
            .misuse,
            relation.locator.isLocal
                ? "relation \"\(relation.locator)\" is local to another session"
                : "relation \"\(relation.locator)\" belongs to another engine",
            remedy: relation.locator.isLocal
                ? "Use it with the session that it is local to."
                : "Use it with the engine that opened it.",
            at: StorageError.Location(relation: relation.locator.description))
    }

    /// Throws `misuse` if the session is another core's.
    func check(_ session: Session) throws(StorageError) {
        if session.system === system { return }
        throw StorageError(
            .misuse, "the session belongs to another engine",
            remedy: "Use a session that this engine's makeSession() gave.")
    }

    /// Throws `pageInUse` if a page of these blocks is pinned, after waiting for pins of IO, which
    /// end by themselves.
    package func checkUnpinned(
        _ relation: OpenRelation, fork: Fork, blocks: Range<UInt32>, session: Session
    ) throws(StorageError) {
        let (pool, _) = try pool(for: relation.locator)
        // What a small load costs must not depend on the pool's size.
        if blocks.count < pool.count / 8 {
            for block in blocks {
                let tag = PageTag(relation.locator, fork, BlockNumber(block))
                guard let index = pool.likelyIndex(tag) else { continue }
                try check(BufferPool.Place(tag: tag, index: index), in: pool, relation, session)
            }
            return
        }
        let word = PageTag.relationWord(relation.locator)
        let places = pool.places { state, tag in
            state.pins > 0 && tag.relation == word && tag.forkWord == UInt64(fork.rawValue)
                && blocks.contains(tag.block.rawValue)
        }
        for place in places { try check(place, in: pool, relation, session) }
    }

    private func check(
        _ place: BufferPool.Place, in pool: BufferPool, _ relation: OpenRelation,
        _ session: Session
    ) throws(StorageError) {
        if try pool.settle(place, session) { return }
        throw Self.inUse(relation, place.tag.fork, place.tag.block)
    }

    /// The error for a block that the fork does not have; nil if it has it, or nobody knows.
    ///
    /// - Parameter cause: why reading it failed.
    func absence(
        of block: BlockNumber, _ relation: OpenRelation, _ fork: Fork, cause: StorageError? = nil
    ) -> StorageError? {
        guard let count = try? relation.storage.blockCount(fork), block.rawValue >= count else {
            return nil
        }
        return StorageError(
            .notFound,
            "block \(block) of relation \"\(relation.locator)\(fork.suffix)\" does not exist: the"
                + " fork has \(count) blocks",
            remedy: cause == nil
                ? "Extend the fork, or ask with extendAndLock for a block behind its end."
                : "Ask for blocks below the end. If there must be more, the file has been cut"
                    + " short: restore it from a backup.",
            at: relation.location(fork, block: block), underlying: cause)
    }

    /// Throws `misuse` unless at least one page is asked for.
    func check(count: Int, _ action: String, _ relation: OpenRelation, _ fork: Fork)
        throws(StorageError)
    {
        if count >= 1 { return }
        throw StorageError(
            .misuse,
            "\(action) of \(count) pages of relation \"\(relation.locator)\(fork.suffix)\"",
            remedy: "Ask for at least one page.", at: relation.location(fork))
    }
}
