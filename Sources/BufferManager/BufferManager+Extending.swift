public import AsyncIO
internal import PageFormat
public import StorageManager
internal import Synchronization

extension BufferManager {
    /// Adds pages of zeroes at a fork's end and pins them.
    ///
    /// Claims the buffers first, then grows the storage once under a lock of the relation's fork,
    /// so that extensions by many sessions do not collide. Blocks the thread; submits what the
    /// session has staged. Mirrors PostgreSQL's `ExtendBufferedRelBy`.
    ///
    /// - Parameters:
    ///   - relation: the relation, opened through this engine.
    ///   - fork: the fork that grows.
    ///   - count: how many pages are wanted. Fewer are added, but at least one, if there are fewer
    ///     unpinned buffers or if the session's share of the pool (``pinLimit``) is smaller.
    ///   - strategy: the ring to take buffers from.
    ///   - session: the calling thread's session.
    /// - Throws: `misuse` if `count` is below 1, or the session does not belong here;
    ///   `extendFailed` if the storage cannot grow or has the most blocks possible;
    ///   `resourcesExhausted` if all buffers are pinned. Nothing is pinned then.
    public func extend(
        _ relation: OpenRelation, fork: Fork = .main, by count: Int = 1,
        strategy: AccessStrategy? = nil, session: Session
    ) throws(StorageError) -> ExtendedPages {
        try check(session, using: relation)
        try check(count: count, "an extension", relation, fork)
        let (pool, _) = try pool(for: relation.locator)
        let record = table.record(of: relation)
        let limit = relation.locator.isLocal ? max(1, pool.count / 4) : pinLimit
        var growth = Growth(
            relation: relation, fork: fork, pool: pool, session: session,
            victims: try claimVictims(min(count, limit), pool, strategy, session))
        do throws(StorageError) {
            let first = try record.withExtensionLock(fork, session) { () throws(StorageError) in
                try grow(&growth, record)
            }
            for index in growth.installed {
                pool.buffer(index).endInput(valid: true, droppingPin: false)
            }
            unsafe BufferCounters.count(
                pool.tally(session).pointee.extends, growth.installed.count)
            return ExtendedPages(
                first: first, buffers: growth.installed.map { UInt32($0) }, pool: pool)
        } catch {
            for index in growth.victims { pool.release(untagged: index) }
            for index in growth.installed { pool.abandon(index) }
            throw error
        }
    }

    /// Adds pages of zeroes until the fork has a block.
    func grow(
        _ relation: OpenRelation, _ fork: Fork, toHold block: BlockNumber, _ session: Session
    ) throws(StorageError) {
        let storage = relation.storage
        let sync: SyncPolicy = relation.locator.isLocal ? .skip : .register
        let record = table.record(of: relation)
        try record.withExtensionLock(fork, session) { () throws(StorageError) in
            let end = try storage.blockCount(fork)
            guard block.rawValue >= end else { return }
            record.setCut(fork, from: nil)
            try storage.zeroExtend(
                fork, from: BlockNumber(end), count: Int(block.rawValue - end) + 1, sync: sync)
        }
    }

    /// An extension in progress: claimed buffers without a page, and buffers with a new page, which
    /// are under IO by this extension.
    private struct Growth {
        let relation: OpenRelation
        let fork: Fork
        let pool: BufferPool
        let session: Session
        var victims: [Int]
        var installed: [Int] = []
    }

    /// Assigns the buffers to the blocks behind the end and grows the storage. Under the extension
    /// lock.
    private func grow(_ growth: inout Growth, _ record: RelationRecord) throws(StorageError)
        -> BlockNumber
    {
        let storage = growth.relation.storage
        let end = try storage.blockCount(growth.fork)
        let room = Int(BlockNumber.maximumCount) - Int(end)
        guard room >= growth.victims.count else {
            throw StorageError(
                .extendFailed,
                "relation \"\(growth.relation.locator)\(growth.fork.suffix)\" cannot have "
                    + "more than \(BlockNumber.maximumCount) blocks",
                remedy: "Move rows to another relation.",
                at: growth.relation.location(growth.fork))
        }
        record.setCut(growth.fork, from: nil)
        let first = BlockNumber(end)
        let count = growth.victims.count
        growth.installed.reserveCapacity(count)
        for position in 0..<count {
            let block = first.advanced(by: position)
            try install(block, &growth, record)
        }
        try storage.zeroExtend(
            growth.fork, from: first, count: count,
            sync: growth.pool.isLocal ? .skip : .register)
        return first
    }

    /// Assigns a buffer to one block behind the end. The buffer is under IO from the start, so a
    /// reader that comes too early waits.
    private func install(
        _ block: BlockNumber, _ growth: inout Growth, _ record: RelationRecord
    ) throws(StorageError) {
        guard let victim = growth.victims.popLast() else {
            preconditionFailure("an extension has a buffer for each block")
        }
        let pool = growth.pool
        let tag = PageTag(growth.relation.locator, growth.fork, block)
        let (lookup, isNew) = pool.install(
            victim, tag, record, flags: BufferState.ioInProgress)
        guard case .pinned(let index, _) = lookup else { throw BufferPool.tooManyPins(tag) }
        if !isNew {
            do throws(StorageError) {
                try takeOver(index, growth)
            } catch {
                pool.buffer(index).unpin()
                throw error
            }
        }
        growth.installed.append(index)
    }

    /// Takes over a buffer that already has a block behind the end, left by a failed extension or
    /// by a reader that looked there. It must hold no data.
    private func takeOver(_ index: Int, _ growth: Growth) throws(StorageError) {
        let buffer = growth.pool.buffer(index)
        let page = growth.pool.address(index)
        while true {
            switch buffer.startInput() {
            case .started:
                unsafe page.bytes.initializeMemory(as: UInt8.self, repeating: 0)
                return
            case .busy:
                try buffer.waitForIO(growth.session)
            case .needless:
                let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
                guard growth.relation.pageKind(of: growth.fork).isNew(view) else {
                    throw StorageError(
                        .extendFailed,
                        "unexpected data beyond EOF in block \(buffer.tag.block) of relation "
                            + "\"\(growth.relation.locator)\(growth.fork.suffix)\"",
                        remedy: "Something cut the relation's file short; check the file system.",
                        at: growth.relation.location(growth.fork, block: buffer.tag.block))
                }
                buffer.update {
                    $0.bits
                        & ~(BufferState.valid | BufferState.dirty | BufferState.justDirtied
                        | BufferState.checkpointNeeded)
                }
            }
        }
    }

    /// Claims and zeroes buffers, before taking the extension lock: this may write pages.
    private func claimVictims(
        _ count: Int, _ pool: BufferPool, _ strategy: AccessStrategy?, _ session: Session
    ) throws(StorageError) -> [Int] {
        var victims: [Int] = []
        victims.reserveCapacity(count)
        while victims.count < count {
            do throws(StorageError) {
                victims.append(try pool.claimVictim(strategy, session))
            } catch {
                if error.code == .resourcesExhausted && !victims.isEmpty { break }
                for index in victims { pool.release(untagged: index) }
                throw error
            }
        }
        for index in victims {
            unsafe pool.address(index).bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }
        // Victims are taken from the end. Reversed, the clock's order becomes that of the blocks,
        // so that neighbours lie side by side in memory.
        victims.reverse()
        return victims
    }
}
