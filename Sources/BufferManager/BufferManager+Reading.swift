public import AsyncIO
public import StorageManager

extension BufferManager {
    /// Pins a page; reads it if it is not in the pool.
    ///
    /// O(1) for a page in the pool, without a lock or an allocation. Mirrors PostgreSQL's
    /// `ReadBufferExtended`.
    ///
    /// - Parameters:
    ///   - block: the page's block, which must exist.
    ///   - relation: the relation, opened through this engine.
    ///   - fork: one of the relation's forks.
    ///   - mode: how to treat a page that is not in the pool, or damaged; nil: as the configuration
    ///     says.
    ///   - strategy: the ring to take a buffer from; nil: the whole pool.
    ///   - session: the calling thread's session.
    /// - Throws: `misuse` if the session is another engine's, or the relation is local to another
    ///   session; `notFound` if the fork has no such block; `invalidPage` if the page is damaged;
    ///   what the storage throws if it cannot be read; `resourcesExhausted` if all buffers are
    ///   pinned.
    public func page(
        _ block: BlockNumber, of relation: OpenRelation, fork: Fork = .main,
        mode: ReadMode? = nil, strategy: AccessStrategy? = nil, session: Session
    ) throws(StorageError) -> PinnedPage {
        if mode?.makesPage != true, belong(session, relation),
            let page = pinIfResident(
                block, of: relation, fork: fork, ring: strategy?.isPassing ?? false,
                sessionIndex: session.index)
        {
            return page
        }
        return try missedPage(block, relation, fork, mode, strategy, session)
    }

    /// ``page(_:of:fork:mode:strategy:session:)`` for what a hit does not do.
    @inline(never)
    private func missedPage(
        _ block: BlockNumber, _ relation: OpenRelation, _ fork: Fork, _ mode: ReadMode?,
        _ strategy: AccessStrategy?, _ session: Session
    ) throws(StorageError) -> PinnedPage {
        var options: ReadOptions = .synchronously
        switch mode {
        case nil: break
        case .normal: options.insert(.refusesDamagedPages)
        case .zeroOnError: options.insert(.zeroesDamagedPages)
        case .zeroAndLock, .extendAndLock:
            let extends = mode == .extendAndLock
            return try zeroedPage(block, relation, fork, extends: extends, strategy, session)
        }
        let operation = try ReadOperation(
            self, relation, fork, session, options, strategy, capacity: 1)
        while let need = try advance(operation, reading: block) {
            try wait(for: need, of: operation)
        }
        guard let page = operation.takePage() else {
            preconditionFailure("a read that ended without an error has its page")
        }
        return page
    }

    /// Pins a page if it is in the pool and valid. Never reads, waits or throws.
    ///
    /// Returns nil for a session or local relation that does not belong here.
    ///
    /// O(1): two atomic operations, no lock, no allocation. For streams, which read missing pages
    /// with ``startRead(_:block:count:)``.
    public func pinIfResident(
        _ block: BlockNumber, of relation: OpenRelation, fork: Fork = .main,
        strategy: AccessStrategy? = nil, session: Session
    ) -> PinnedPage? {
        guard belong(session, relation) else { return nil }
        return pinIfResident(
            block, of: relation, fork: fork, ring: strategy?.isPassing ?? false,
            sessionIndex: session.index)
    }

    /// ``pinIfResident(_:of:fork:strategy:session:)`` for any thread.
    ///
    /// - Parameters:
    ///   - ring: whether the page is used in passing.
    ///   - sessionIndex: the session that counts the hit. Hits counted by several threads at once
    ///     may be lost.
    @inline(__always)
    package func pinIfResident(
        _ block: BlockNumber, of relation: OpenRelation, fork: Fork, ring: Bool, sessionIndex: Int
    ) -> PinnedPage? {
        let locator = relation.locator
        if locator.isLocal {
            return pinLocalIfResident(block, locator, fork, ring: ring, sessionIndex: sessionIndex)
        }
        return Self.pinIfResident(
            PageTag(locator, fork, block), in: sharedTables, ring: ring, sessionIndex: sessionIndex)
    }

    /// Apart from shared relations, whose hits are kept free of what only this needs.
    @inline(never)
    private func pinLocalIfResident(
        _ block: BlockNumber, _ locator: RelationLocator, _ fork: Fork, ring: Bool,
        sessionIndex: Int
    ) -> PinnedPage? {
        // The core's callbacks keep the pool alive.
        guard let local = try? pool(for: locator) else { return nil }
        return Self.pinIfResident(
            PageTag(locator, fork, block), in: local.0.tables, ring: ring,
            sessionIndex: sessionIndex)
    }

    @inline(__always)
    private static func pinIfResident(
        _ tag: PageTag, in tables: PoolTables, ring: Bool, sessionIndex: Int
    ) -> PinnedPage? {
        let lookup = tables.pinResident(tag, ring: ring)
        guard case .pinned(let index, let state) = lookup else { return nil }
        let buffer = tables.buffer(index)
        guard state.has(BufferState.valid) else {
            buffer.unpin()
            return nil
        }
        unsafe BufferCounters.count(tables.tally(sessionIndex).pointee.hits)
        return PinnedPage(buffer, tables.address(index))
    }

    /// Pins a page that the caller is about to make anew. Mirrors PostgreSQL's `ZeroAndLockBuffer`.
    private func zeroedPage(
        _ block: BlockNumber, _ relation: OpenRelation, _ fork: Fork, extends: Bool,
        _ strategy: AccessStrategy?, _ session: Session
    ) throws(StorageError) -> PinnedPage {
        try check(session, using: relation)
        if !isResident(block, of: relation, fork: fork) {
            // Written out, a page behind the end would make the fork grow.
            if extends {
                try grow(relation, fork, toHold: block, session)
            } else if let error = absence(of: block, relation, fork) {
                throw error
            }
        }
        let (pool, _) = try pool(for: relation.locator)
        let (index, _, _) = try pool.pinOrInstall(
            PageTag(relation.locator, fork, block), table.record(of: relation), strategy, session)
        let buffer = pool.buffer(index)
        while true {
            switch buffer.startInput() {
            case .started:
                unsafe pool.address(index).bytes.initializeMemory(as: UInt8.self, repeating: 0)
                // A page that was never valid cannot be locked. Others first see it locked.
                buffer.lockForPage()
                buffer.endInput(valid: true, droppingPin: false)
                return PinnedPage(buffer, pool.address(index), isLocked: true)
            case .needless:
                session.submitStaged()
                buffer.lockForPage()
                return PinnedPage(buffer, pool.address(index), isLocked: true)
            case .busy:
                do throws(StorageError) {
                    try buffer.waitForIO(session)
                } catch {
                    buffer.unpin()
                    throw error
                }
            }
        }
    }

    /// Asks the kernel to read blocks that are not in the pool ahead, if the storage supports it.
    /// Mirrors PostgreSQL's `PrefetchBuffer`.
    ///
    /// - Returns: whether the first block is in the pool.
    /// - Throws: what the storage throws.
    @discardableResult
    public func prefetch(
        _ block: BlockNumber, of relation: OpenRelation, fork: Fork = .main, count: Int = 1
    ) throws(StorageError) -> Bool {
        var first = 0
        while first < count,
            isResident(block.advanced(by: first), of: relation, fork: fork)
        {
            first += 1
        }
        if first < count, relation.capabilities.supportsPrefetch,
            !relation.capabilities.usesDirectIO
        {
            _ = try relation.storage.prefetch(
                fork, block: block.advanced(by: first), count: count - first)
        }
        return first > 0
    }
}
