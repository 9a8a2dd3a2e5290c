internal import BufferManager
internal import Logging
internal import Threads

/// The lengths of forks, and shortening them.
extension Relation {
    /// How many blocks a fork has; 0 if it is missing. Of the main fork, those that readers see:
    /// ``blockCount``. Any thread.
    ///
    /// - Throws: what reading the length of a further fork throws.
    public func blockCount(of fork: Fork) throws(StorageError) -> UInt32 {
        try engine.blockCount(of: fork, record)
    }

    /// Cuts a fork to its first blocks, durably. After a crash it has the old length or the new
    /// one. Mirrors PostgreSQL's `RelationTruncate`.
    ///
    /// What is behind the first `count` blocks leaves the pool unwritten, and never comes back: the
    /// fork grows by pages of zeroes. A cut of the main fork makes the number of rows unknown, and
    /// the free-space map forgets the blocks. Values out of line stay. Readers that ask for a page
    /// later get `notFound`; scans that began before do too, once the files have become shorter.
    ///
    /// - Throws: with nothing changed: `misuse` if the fork has fewer blocks, or the relation holds
    ///   the values of another; `pageInUse` if one of the pages is held, by any thread or scan;
    ///   `relationBusy` while it is being loaded, extended, renamed or cut; `notFound` if it was
    ///   dropped or replaced; `relationDamaged` if blocks that would remain are lost;
    ///   `catalogOutdated`; what writing throws. Only after a failed sync is it unknown whether it
    ///   counts.
    public func truncate(_ fork: Fork = .main, to count: UInt32, session: Session)
        throws(StorageError)
    {
        try engine.checkUsable(session)
        session.submitStaged()
        let name = try engine.beginCutting(record, fork)
        defer { engine.endCutting(record, fork, name) }
        try engine.checkIsNoToast(name)
        try engine.checkCounted(locator)
        let end = try blockCount(of: fork)
        if count == end { return }
        guard count < end else {
            throw StorageError(
                .misuse, "relation \"\(name)\" has \(end) blocks, and cannot be cut to \(count)",
                remedy: "Extend it to make it longer.", at: open.location(fork))
        }
        try engine.buffers.checkUnpinned(
            open, fork: fork, blocks: count..<end, session: session)
        try engine.cut(record, fork, to: count, session)
    }
}

extension Engine {
    /// Keeps loads, drops, renames and extensions away from a relation. Returns its name.
    fileprivate func beginCutting(_ record: RelationState, _ fork: Fork) throws(StorageError)
        -> String
    {
        let locator = record.open.locator
        while true {
            let name = record.name
            try reserve(name)
            let (now, isFree) = state.withLock { state in
                let key = ForkKey(locator: locator, fork: fork)
                let now = state.description(at: locator)?.name
                let isFree = now == name && state.extending[key] == nil
                if isFree { state.cutting.insert(key) }
                return (now, isFree)
            }
            if isFree { return name }
            unreserve(name)
            if now == nil { throw notFound(name) }
            if now == name { throw .busy(name) }
        }
    }

    fileprivate func endCutting(_ record: RelationState, _ fork: Fork, _ name: String) {
        let key = ForkKey(locator: record.open.locator, fork: fork)
        _ = state.withLock { $0.cutting.remove(key) }
        unreserve(name)
    }

    /// Cuts a fork. The catalog decides: once it has the new length, what is behind is left over,
    /// like the pages of a load that did not commit. It is removed here, or before the fork grows,
    /// or when the store is opened.
    fileprivate func cut(
        _ record: RelationState, _ fork: Fork, to count: UInt32, _ session: Session
    ) throws(StorageError) {
        let open = record.open
        if try described(record).blockCount(of: fork) ?? 0 < count {
            // The catalog counts only what is durable. A page that would be refused and is cut off
            // is no reason to keep it.
            try buffers.flush(open, fork, blocks: 0..<count, session: session)
            try syncPending(session)
        } else if count > 0 {
            // A map gets empty blocks for those that it has lost.
            if fork == .freeSpaceMap { try settle(record, fork, session) }
            let found = try open.storage.exists(fork) ? open.storage.blockCount(fork) : 0
            if found < count {
                throw .shortRelation(try described(record), fork, blocks: found, found)
            }
        }
        try changeCatalog(session) { [self] (catalog) throws(StorageError) in
            catalog.cut(try described(record), fork, to: count)
        } publish: { [self] state in
            record.cut(fork, to: count)
            if fork == .main { state.records[open.locator]?.setCount(nil, buffers) }
        }
        do throws(StorageError) {
            try settle(record, fork, session)
            if fork == .main { try forget(from: count, record, session) }
        } catch {
            note(error)
            logger.warning(
                """
                relation \"\(record.name)\" was cut to \(count) blocks, and what is behind them \
                will be removed before it grows: \(error)
                """)
        }
    }
}
