internal import AsyncIO
internal import PageFormat
internal import StorageManager
internal import Synchronization

/// Writing pages out, together with their dirty neighbours up to the combine limit.
///
/// A page is copied under its content lock, shared; the copy gets its checksum and is written by an
/// IO that owns it until it is over. So nobody who reads, pins or changes the page waits for the
/// disk, and what is written has the checksum of what is written. The pages become clean where the
/// IO completes (``WriteCallbacks``), on whatever thread.
///
/// A value on the stack of the session's thread. It never waits for a content lock or for another
/// session while its session has staged IO.
struct PageWriter {
    private let pool: BufferPool
    private let session: Session
    private let state: WriterState

    /// What to do when a page cannot be written at once.
    enum Urgency {
        /// Wait for the content lock and for others that write the page; start the write.
        case ahead
        /// As `ahead`, and execute the write here and now.
        case blocking
        /// Execute it here and now, but rather leave the page dirty than wait; neighbours only if
        /// unpinned.
        case hurried
    }

    init(_ pool: BufferPool, _ session: Session) {
        self.pool = pool
        self.session = session
        state = pool.writerState(session)
    }

    /// Writes a page out, if the buffer still holds it and it is dirty, and neighbours with it.
    ///
    /// - Throws: what the storage threw; the pages then stay dirty.
    func write(_ index: Int, _ tag: PageTag, hurried: Bool) throws(StorageError) {
        let copies = pool.scratch.take(always: true)
        guard let copies,
            let write = try start(index, tag, hurried ? .hurried : .blocking, copies)
        else { return }
        try end(write)
    }

    /// Writes pages out that are given in the order of their tags, several writes at a time.
    ///
    /// - Throws: the first error, after all were tried; what could not be written stays dirty.
    func write(_ places: [BufferPool.Place]) throws(StorageError) {
        state.failure = nil
        // What the last write has taken along is not looked at again.
        var covered: (relation: UInt64, end: UInt64) = (0, 0)
        for place in places {
            if place.tag.relation == covered.relation && place.tag.page < covered.end { continue }
            guard pool.buffer(place.index).state.has(BufferState.dirty) else { continue }
            let copies = makeRoom()
            do throws(StorageError) {
                guard let write = try start(place.index, place.tag, .ahead, copies) else {
                    continue
                }
                covered = (write.tag.relation, write.tag.page + UInt64(write.count))
                state.append(write)
            } catch {
                note(error)
            }
        }
        while endOldest() {}
        state.hint.give()
        if let failure = state.failure.take() { throw failure }
    }

    /// Takes memory for the copies of one more write, ending others first where there are too many.
    private func makeRoom() -> ScratchPool.Copies {
        if state.count == state.limit { endOldest() }
        while true {
            if let copies = pool.scratch.take(always: state.count == 0) { return copies }
            endOldest()
        }
    }

    @discardableResult
    private func endOldest() -> Bool {
        guard let write = state.removeOldest() else { return false }
        do throws(StorageError) {
            let written = try end(write)
            if !pool.isLocal { state.hint.note(write.relation, write.tag, written) }
        } catch {
            note(error)
        }
        return true
    }

    private func note(_ error: StorageError) {
        if state.failure == nil { state.failure = error }
    }

    /// Starts writing a page and its neighbours from `copies`, which it gives back if it does not.
    ///
    /// - Returns: what has to be ended; nil where there was nothing to write.
    private func start(
        _ index: Int, _ tag: PageTag, _ urgency: Urgency, _ copies: ScratchPool.Copies
    ) throws(StorageError) -> StartedWrite? {
        let buffer = pool.buffer(index)
        let report = state.takeReport()
        do throws(StorageError) {
            while true {
                // Acquired first, as it may mean waiting for this session's oldest IO.
                let handle = try session.acquireHandle(reporting: report)
                let outcome = buffer.startOutput(tag)
                if case .started = outcome, lock(buffer, urgency) {
                    return try start(index, tag, urgency, copies, handle, report)
                }
                handle.release()
                if case .busy = outcome, urgency != .hurried {
                    try buffer.waitForIO(session)
                    continue
                }
                pool.scratch.giveBack(copies.number)
                state.giveBack(report)
                return nil
            }
        } catch {
            pool.scratch.giveBack(copies.number)
            state.giveBack(report)
            throw error
        }
    }

    /// Takes the content lock of a page whose output was started; if it shall not wait for that,
    /// ends the output instead.
    private func lock(_ buffer: Buffer, _ urgency: Urgency) -> Bool {
        if buffer.tryLockShared() { return true }
        if urgency == .hurried {
            buffer.endOutput(written: false)
            return false
        }
        session.submitStaged()
        buffer.lockShared()
        return true
    }

    /// Starts the write of a page whose output was started and whose lock is held.
    ///
    /// - Throws: what the storage threw; then the pages are dirty as before.
    private func start(
        _ index: Int, _ tag: PageTag, _ urgency: Urgency, _ copies: ScratchPool.Copies,
        _ handle: consuming IOHandle, _ report: IOReturn
    ) throws(StorageError) -> StartedWrite {
        let relation = pool.buffer(index).withRecord { $0.relation }
        let reference = handle.waitReference
        let tag = collect(index, tag, relation, copies, onlyUnpinned: urgency == .hurried)
        let (buffers, pages) = (state.buffers, state.pages)
        do throws(StorageError) {
            try handle.setData(buffers.span)
            try define(handle, urgency)
            try relation.storage.startWrite(
                handle, tag.fork, block: tag.block, from: pages.span,
                sync: pool.isLocal ? .skip : .register)
        } catch {
            for word in buffers {
                pool.buffer(WriteCallbacks.buffer(word)).endOutput(written: false, failed: true)
            }
            throw error
        }
        return StartedWrite(
            relation: relation, tag: tag, count: buffers.count, reference: reference,
            report: report)
    }

    private func define(_ handle: borrowing IOHandle, _ urgency: Urgency) throws(StorageError) {
        try handle.registerCallbacks(pool.writeCallbacks)
        var flags: IOFlags = []
        if pool.isLocal { flags.insert(.referencesLocal) }
        if urgency != .ahead { flags.insert(.synchronous) }
        handle.setFlags(flags)
    }

    /// Copies the page, and the neighbours behind it as far as they are dirty and free to be
    /// copied; the outputs of all of them are started then, and no lock is held.
    ///
    /// Where the storage keeps several blocks together, those in the pool are taken along from the
    /// first on, dirty or not: what is not given the storage would have to read.
    ///
    /// - Returns: the first page.
    private func collect(
        _ index: Int, _ tag: PageTag, _ relation: OpenRelation, _ copies: ScratchPool.Copies,
        onlyUnpinned: Bool
    ) -> PageTag {
        state.buffers.removeAll(keepingCapacity: true)
        state.pages.removeAll(keepingCapacity: true)
        let group = relation.storage.blocksPerGroup(tag.fork)
        let first = group == 1 ? tag : takeGroupBefore(tag, group, copies, onlyUnpinned)
        copy(index, tag, copies)
        let limit = min(
            pool.combineLimit, relation.storage.maximumCombine(tag.fork, block: first.block),
            Int(BlockNumber.maximumCount) - Int(first.block.rawValue))
        while state.buffers.count < limit {
            let next = first.advanced(by: state.buffers.count)
            let place = Int(next.block.rawValue) % group
            // A group is begun for what is dirty, and only if all of it fits.
            if place == 0 && state.buffers.count + group > limit { break }
            guard let neighbour = take(next, onlyUnpinned: onlyUnpinned, evenClean: place > 0)
            else { break }
            copy(neighbour, next, copies)
        }
        return first
    }

    /// Copies the neighbours before a page that are kept together with it, as far as they are in
    /// the pool, one next to the other.
    ///
    /// - Returns: the first of them; the page itself where there is none.
    private func takeGroupBefore(
        _ tag: PageTag, _ group: Int, _ copies: ScratchPool.Copies, _ onlyUnpinned: Bool
    ) -> PageTag {
        let most = min(Int(tag.block.rawValue) % group, pool.combineLimit - 1)
        state.taken.removeAll(keepingCapacity: true)
        while state.taken.count < most {
            let next = tag.advanced(by: -state.taken.count - 1)
            guard let neighbour = take(next, onlyUnpinned: onlyUnpinned, evenClean: true) else {
                break
            }
            state.taken.append(neighbour)
        }
        let first = tag.advanced(by: -state.taken.count)
        for position in 0..<state.taken.count {
            let neighbour = state.taken[state.taken.count - 1 - position]
            copy(neighbour, first.advanced(by: position), copies)
        }
        return first
    }

    /// Starts the output of a page in the pool and takes its lock, if nobody has to be waited for.
    private func take(_ tag: PageTag, onlyUnpinned: Bool, evenClean: Bool) -> Int? {
        guard let index = pool.likelyIndex(tag),
            case .started = pool.buffer(index).startOutput(
                tag, onlyUnpinned: onlyUnpinned, evenClean: evenClean)
        else { return nil }
        if pool.buffer(index).tryLockShared() { return index }
        pool.buffer(index).endOutput(written: false)
        return nil
    }

    /// Copies a page behind those copied before, gives its lock back, and sets the checksum.
    private func copy(_ index: Int, _ tag: PageTag, _ copies: ScratchPool.Copies) {
        let page = unsafe copies.start.pointer + state.buffers.count * blockSize
        unsafe page.copyMemory(from: pool.address(index).pointer, byteCount: blockSize)
        pool.buffer(index).unlockShared()
        if pool.verifiesChecksums {
            var editor = unsafe PageEditor(unsafePage: page)
            editor.setChecksum(block: tag.block.rawValue)
        }
        state.buffers.append(WriteCallbacks.encode(buffer: index, copies: copies.number))
        unsafe state.pages.append(PageAddress(page))
    }

    /// Waits for a write, and writes what it left over.
    ///
    /// - Returns: how many pages were written, in one IO or more.
    /// - Throws: what the IO met.
    @discardableResult
    private func end(_ write: StartedWrite) throws(StorageError) -> Int {
        defer { state.giveBack(write.report) }
        try session.wait(for: write.reference)
        try session.system.check(write.report)
        let written = min(Int(write.report.result.value), write.count)
        guard written > 0 else {
            let fork = write.tag.fork
            throw StorageError(
                .writeFailed,
                "writing block \(write.tag.block) of relation "
                    + "\"\(write.relation.locator)\(fork.suffix)\" wrote no page",
                remedy: "Check the disk, and try again.",
                at: write.relation.location(fork, block: write.tag.block))
        }
        unsafe BufferCounters.count(pool.tally(session).pointee.writes, written)
        unsafe BufferCounters.count(pool.tally(session).pointee.writeOperations)
        for position in written..<write.count {
            // Who has taken the page out of the pool meanwhile has written it.
            let tag = write.tag.advanced(by: position)
            if let index = pool.likelyIndex(tag) { try self.write(index, tag, hurried: false) }
        }
        return write.count
    }
}
