internal import AsyncIO
internal import PageFormat
internal import StorageManager
internal import Synchronization
internal import Threads

/// A write whose pages have been copied, but that has not been started.
struct PreparedWrite {
    let relation: OpenRelation
    /// The first page.
    let tag: PageTag
    let copies: ScratchPool.Copies
    /// The index of its first page in that memory.
    let firstCopy: Int
    /// Its buffers in ``PreparedWrites/buffers``.
    let buffers: Range<Int>
    /// The highest log position in its pages.
    let highestLSN: LSN
    /// Whether the journal must keep the copies before they are written in place.
    let isJournalled: Bool
    /// Whether they include changed pages that the `PageVoucher` vouches for.
    let isVouchedFor: Bool

    var count: Int { buffers.count }

    func page(_ position: Int) -> PageAddress {
        unsafe PageAddress(copies.start.pointer + (firstCopy + position) * blockSize)
    }
}

/// Writes that are ready to be started, and the buffers of all of them.
struct PreparedWrites {
    var writes: [PreparedWrite] = []
    var buffers: [UInt64] = []

    init() {}

    /// Reserves room for that many.
    init(writes: Int, pages: Int) {
        self.writes.reserveCapacity(writes)
        buffers.reserveCapacity(pages)
    }

    /// How many pages are prepared.
    var pageCount: Int { buffers.count }

    mutating func clear() {
        writes.removeAll(keepingCapacity: true)
        buffers.removeAll(keepingCapacity: true)
    }
}

/// Turning dirty pages into copies.
extension PageWriter {
    /// Copies a page and its neighbours, if the buffer still holds it and it is dirty.
    ///
    /// - Parameter hurried: whether to leave the page dirty rather than wait for its content lock
    ///   or for other threads that write it, and to include only neighbours that are not in use.
    /// - Returns: whether there is another write to launch. Errors have been recorded.
    @discardableResult
    func prepare(_ index: Int, _ tag: PageTag, hurried: Bool) -> Bool {
        let (copies, used) = makeRoom()
        let buffer = pool.buffer(index)
        do throws(StorageError) {
            if !pool.isLocal { try pool.gate.check() }
            while true {
                switch buffer.startOutput(tag) {
                case .started where try lock(buffer, hurried) && accept(buffer, tag, asked: true):
                    collect(
                        index, tag, Gathering(copies, used, prepared.buffers.count),
                        onlyUnpinned: hurried)
                    return true
                case .busy where !hurried:
                    if buffer.isHeldHere { throw ownLock(buffer) }
                    letGo()
                    try buffer.waitForIO(session)
                case .started, .busy, .needless:
                    giveBackRoom(copies, used)
                    return false
                }
            }
        } catch {
            giveBackRoom(copies, used)
            note(error)
            return false
        }
    }

    /// Takes the content lock of a page whose output was started. If it must not wait for the lock,
    /// ends the output instead.
    ///
    /// - Throws: `misuse` if the thread would wait for itself; the output has been ended.
    private func lock(_ buffer: Buffer, _ hurried: Bool) throws(StorageError) -> Bool {
        if buffer.tryLockShared() { return true }
        let isStuck = buffer.isHeldHere
        if hurried || isStuck {
            let error = isStuck && !hurried ? ownLock(buffer) : nil
            buffer.endOutput(written: false)
            if let error { throw error }
            return false
        }
        letGo()
        session.submitStaged()
        buffer.lockShared()
        return true
    }

    /// Looks whether a page will be accepted when it is read back, under its shared lock. If not,
    /// gives the lock back and ends the output: the version on disk stays. A page that was cut off
    /// has none, and is not dirty any more.
    ///
    /// - Parameter asked: whether to record why. A neighbour is not what the caller wants written,
    ///   nor is a page of a dropped relation, unless its buffer is needed.
    private func accept(_ buffer: Buffer, _ tag: PageTag, asked: Bool) -> Bool {
        let (kind, isCut) = buffer.withRecord { ($0.pageKind(tag), $0.isCut(tag)) }
        if isCut {
            buffer.unlockShared()
            buffer.endOutput(written: true)
            return false
        }
        let page = unsafe PageView(
            unsafePage: UnsafeRawPointer(pool.address(pool.index(of: buffer)).pointer))
        guard let reason = kind.refusal(of: page) else { return true }
        let relation = buffer.withRecord { $0.relation }
        buffer.unlockShared()
        buffer.endOutput(written: false)
        if asked, purpose == .eviction || !relation.isDropped {
            noteRefusal(.refused(relation, tag.fork, tag.block, reason))
        }
        return false
    }

    private func ownLock(_ buffer: Buffer) -> StorageError {
        let (relation, tag) = (buffer.withRecord { $0.relation }, buffer.tag)
        return StorageError(
            .misuse,
            "block \(tag.block) of relation \"\(relation.locator)\(tag.fork.suffix)\" cannot be"
                + " written by the thread that is changing it",
            remedy: "Give its content lock back first.",
            at: relation.location(tag.fork, block: tag.block))
    }

    /// Prepares for waiting for other threads: launches what is prepared, and ends the writes of
    /// the journal's batches. A thread that makes room in the journal waits for those, and may hold
    /// what this thread waits for.
    private func letGo() {
        launch(alone: false)
        if pool.journal != nil { endAll() }
    }

    /// Copies the page and the following neighbours that are dirty and free. The outputs of all of
    /// them have been started when this returns, and no lock is held.
    ///
    /// If the storage keeps several blocks together, those in the pool are included from the first
    /// on, dirty or not: the storage would have to read the missing ones.
    private func collect(
        _ index: Int, _ tag: PageTag, _ start: Gathering, onlyUnpinned: Bool
    ) {
        let (record, relation, unprotected) = pool.buffer(index).withRecord {
            ($0, $0.relation, $0.unprotectedStart.load(ordering: .acquiring))
        }
        var gathering = start
        let group = relation.storage.blocksPerGroup(tag.fork)
        if group > 1, start.firstCopy > 0, let copies = pool.scratch.take(always: true) {
            // A group needs room for all of it.
            giveBackRoom(start.copies, start.firstCopy)
            gathering = Gathering(copies, 0, start.begin)
        }
        let first =
            group == 1 ? tag : takeGroupBefore(tag, group, onlyUnpinned, &gathering)
        copy(index, tag, &gathering)
        var limit = min(
            pool.combineLimit - gathering.firstCopy,
            relation.storage.maximumWrite(tag.fork, block: first.block),
            Int(BlockNumber.maximumCount) - Int(first.block.rawValue))
        let isJournalled = isJournalled(relation, first, group == 1 ? unprotected : .max, &limit)
        while gathering.count < limit {
            let next = first.advanced(by: gathering.count)
            let place = Int(next.block.rawValue) % group
            // A group is begun only for dirty pages, and only if all of it fits.
            if place == 0 && gathering.count + group > limit { break }
            guard let neighbour = take(next, onlyUnpinned: onlyUnpinned, evenClean: place > 0)
            else { break }
            copy(neighbour, next, &gathering)
        }
        // After the copying: a thread that could change a copied page has seen this value.
        let vouchedEnd = record.vouchedEnd.load(ordering: .acquiring)
        add(
            PreparedWrite(
                relation: relation, tag: first, copies: gathering.copies,
                firstCopy: gathering.firstCopy,
                buffers: gathering.begin..<gathering.begin + gathering.count,
                highestLSN: gathering.highestLSN, isJournalled: isJournalled,
                isVouchedFor: tag.fork == .main && gathering.firstDirty < vouchedEnd))
        settle(gathering)
    }

    /// Whether the journal must keep a write that begins with that page. Lowers the limit of its
    /// pages to those for which the same holds.
    private func isJournalled(
        _ relation: OpenRelation, _ first: PageTag, _ unprotected: UInt32, _ limit: inout Int
    ) -> Bool {
        guard pool.journal != nil, relation.capabilities.pagesCanTear else { return false }
        if first.fork != .main { return true }
        let block = first.block.rawValue
        // A page with a copy in the journal must not be written without the journal: the copy would
        // be older than the page in place. The reverse holds too.
        if block >= unprotected { return false }
        limit = min(limit, Int(unprotected - block))
        return true
    }

    /// Lets the next write of the batch use the memory that this one has left, if any.
    private func settle(_ gathering: Gathering) {
        let used = gathering.firstCopy + gathering.count
        guard pool.journal != nil, used < pool.combineLimit, open == nil else { return }
        pool.scratch.share(gathering.copies.number)
        open = (gathering.copies, used)
    }

    /// A write being assembled.
    private struct Gathering {
        let copies: ScratchPool.Copies
        let firstCopy: Int
        let begin: Int
        var count = 0
        var highestLSN = LSN.zero
        /// The first dirty block; earlier ones are only included with it.
        var firstDirty = UInt32.max

        init(_ copies: ScratchPool.Copies, _ firstCopy: Int, _ begin: Int) {
            (self.copies, self.firstCopy, self.begin) = (copies, firstCopy, begin)
        }
    }

    /// Copies the neighbours before a page that are kept together with it, as far as they are
    /// contiguous in the pool.
    ///
    /// - Returns: the first of them, or the page itself if there are none.
    private func takeGroupBefore(
        _ tag: PageTag, _ group: Int, _ onlyUnpinned: Bool, _ gathering: inout Gathering
    ) -> PageTag {
        let most = min(Int(tag.block.rawValue) % group, pool.combineLimit - 1)
        taken.removeAll(keepingCapacity: true)
        while taken.count < most {
            let next = tag.advanced(by: -taken.count - 1)
            guard let neighbour = take(next, onlyUnpinned: onlyUnpinned, evenClean: true) else {
                break
            }
            taken.append(neighbour)
        }
        let first = tag.advanced(by: -taken.count)
        for position in 0..<taken.count {
            let neighbour = taken[taken.count - 1 - position]
            copy(neighbour, first.advanced(by: position), &gathering)
        }
        return first
    }

    /// Starts the output of a page in the pool and takes its lock, if that needs no waiting.
    private func take(_ tag: PageTag, onlyUnpinned: Bool, evenClean: Bool) -> Int? {
        guard let index = pool.likelyIndex(tag),
            case .started = pool.buffer(index).startOutput(
                tag, onlyUnpinned: onlyUnpinned, evenClean: evenClean)
        else { return nil }
        if pool.buffer(index).tryLockShared() {
            return accept(pool.buffer(index), tag, asked: false) ? index : nil
        }
        pool.buffer(index).endOutput(written: false)
        return nil
    }

    /// Appends a copy of a page, releases the page's lock, and sets the checksum or seal.
    private func copy(_ index: Int, _ tag: PageTag, _ gathering: inout Gathering) {
        let place = gathering.firstCopy + gathering.count
        let page = unsafe gathering.copies.start.pointer + place * blockSize
        unsafe page.copyMemory(from: pool.address(index).pointer, byteCount: blockSize)
        if pool.buffer(index).state.has(BufferState.dirty) {
            gathering.firstDirty = min(gathering.firstDirty, tag.block.rawValue)
        }
        let (kind, locator, position) = pool.buffer(index).withRecord { record in
            (record.pageKind(tag), record.locator, record.position(tag))
        }
        pool.buffer(index).unlockShared()
        var editor = unsafe PageEditor(unsafePage: page)
        gathering.highestLSN = max(
            gathering.highestLSN, position, kind.keepsLogPosition ? editor.lsn : .zero)
        editor.complete(
            pool.skipsSeals ? .raw : kind, at: locator.place(tag.fork, tag.block),
            checksums: pool.hasChecksums)
        prepared.buffers.append(
            WriteCallbacks.encode(buffer: index, copies: gathering.copies.number))
        gathering.count += 1
    }
}
