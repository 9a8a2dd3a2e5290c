internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Writing pages out, together with their dirty neighbours up to the combine limit.
///
/// A write is *prepared*: its pages are copied under their content locks, shared, and the copies
/// get their checksums. What was prepared is *launched*: the log is flushed up to the highest
/// position that the copies carry, then each write starts as an IO that owns its copies until it is
/// over. With a journal there is a step between: the writes are *recorded*, and start when their
/// copies are durable there, while the next ones are prepared. So nobody who reads, pins or changes
/// a page waits for the disk, and what is written has the checksum of what is written. The pages
/// become clean where the IO completes (``WriteCallbacks``), on whatever thread.
///
/// A value on the stack of the session's thread. It never waits for a content lock or for another
/// session while its session has staged IO, or while it has prepared what it has not launched:
/// who waits for those pages could be the one who is waited for.
struct PageWriter {
    let pool: BufferPool
    let session: Session
    let state: WriterState

    /// - Parameter state: whose writes are under way; the session's own unless said otherwise.
    init(_ pool: BufferPool, _ session: Session, _ state: WriterState? = nil) {
        self.pool = pool
        self.session = session
        self.state = state ?? pool.writerState(session)
    }

    /// Writes a page out, if the buffer still holds it and it is dirty, and neighbours with it.
    ///
    /// - Throws: what the storage or the log threw; the pages then stay dirty.
    func write(_ index: Int, _ tag: PageTag) throws(StorageError) {
        begin(.request)
        prepare(index, tag, hurried: false)
        try finish()
    }

    /// Writes pages out that are given in the order of their tags, several writes at a time.
    ///
    /// - Throws: the first error, after all were tried; what could not be written stays dirty.
    func write(_ places: [BufferPool.Place]) throws(StorageError) {
        begin(.request)
        for place in places { write(place, if: BufferState.dirty) }
        try finish()
    }

    /// Starts writing a page out, if the buffer has that flag and was not taken along by the last
    /// write. An error is kept for ``finish()``.
    func write(_ place: BufferPool.Place, if flag: UInt64) {
        if state.covers(place.tag) { return }
        guard pool.buffer(place.index).state.has(flag) else { return }
        if prepare(place.index, place.tag, hurried: false), isBatchFull { launch(alone: false) }
    }

    /// Writes the dirty pages of claimed buffers out, several writes at a time, and unpinned
    /// neighbours with them. Leaves pages dirty rather than wait for who uses them.
    ///
    /// - Throws: the first error, after all were tried; what could not be written stays dirty.
    func writeVictims(_ indices: Span<UInt32>) throws(StorageError) {
        begin(.eviction)
        for position in indices.indices {
            let index = Int(indices[position])
            let buffer = pool.buffer(index)
            // Nobody takes the page off a claimed buffer.
            if buffer.state.has(BufferState.dirty) { prepare(index, buffer.tag, hurried: true) }
        }
        prepareAhead()
        try finish()
    }

    /// How many pages an eviction writes by one batch of the journal, if so many are dirty where
    /// the clock hand comes next: about as long as its sync takes.
    private static let evictionBatch = 128

    /// Adds to a batch of the journal what will have to be written next, as the sync costs the same
    /// for one page and for many.
    private func prepareAhead() {
        guard state.prepared.contains(where: { $0.isJournalled }) else { return }
        let most = min(Self.evictionBatch, state.batchPages)
        let hand = pool.hand.load(ordering: .relaxed)
        for offset in 0..<UInt64(4 * most) where state.preparedPages < most {
            let index = Int((hand &+ offset) % UInt64(pool.count))
            let buffer = pool.buffer(index)
            let found = buffer.state
            guard found.pins == 0, found.usage <= 1, found.has(BufferState.dirty) else { continue }
            // Should the buffer have another page by now, nothing is done.
            prepare(index, buffer.tag, hurried: true)
        }
    }

    func begin(_ purpose: WriterState.Purpose) {
        precondition(state.isIdle, "a session writes for one purpose at a time")
        state.purpose = purpose
        state.failure = nil
        state.covered = (0, 0)
    }

    /// Launches what is left, waits for all writes, and throws the first error there was.
    func finish() throws(StorageError) {
        settle()
        if let failure = state.failure.take() { throw failure }
    }

    /// Launches what is left and waits for all writes.
    func settle() {
        launch(alone: state.isQuiet)
        endAll()
        state.hint.give()
    }

    /// Whether what is prepared should be launched: writes that need no journal one by one, others
    /// as soon as a batch is worth its sync.
    var isBatchFull: Bool {
        guard let last = state.prepared.last, last.isJournalled else { return true }
        return state.preparedPages > state.batchPages - pool.combineLimit
    }

    /// Takes memory for the copies of one more write, ending others first where there are too many.
    ///
    /// - Returns: the memory, and how many pages of it are in use.
    func makeRoom() -> (copies: ScratchPool.Copies, used: Int) {
        if let open = state.takeOpen() { return open }
        if let journal = pool.journal {
            return (makeRoom(forBatchOf: journal), 0)
        }
        while true {
            let isFirst = state.count == 0 && state.prepared.isEmpty
            if state.count + state.prepared.count < state.limit,
                let copies = pool.scratch.take(always: isFirst)
            {
                return (copies, 0)
            }
            launch(alone: false)
            endOldest()
        }
    }

    /// As ``makeRoom()``, but goes on preparing a batch while the one before it becomes durable in
    /// the journal or is written in place.
    private func makeRoom(forBatchOf journal: any PageJournal) -> ScratchPool.Copies {
        hintCompleted()
        if state.prepared.isEmpty, journal.isFull {
            endAll()
            do throws(StorageError) { try journal.makeRoom(session) } catch { note(error) }
        }
        while true {
            if state.pageCount < 2 * state.batchPages,
                let copies = pool.scratch.take(always: state.isIdle)
            {
                return copies
            }
            if !endOldest() { launch(alone: false) }
        }
    }

    /// Keeps memory for the next write that turned out not to be needed for this one.
    func giveBackRoom(_ copies: ScratchPool.Copies, _ used: Int) {
        if used > 0, !state.hasOpen {
            state.setOpen(copies, used: used)
        } else {
            pool.scratch.giveBack(copies.number)
        }
    }

    func endAll() {
        while endOldest() {}
    }

    /// Ends the oldest write under way; where there is none, starts those that were recorded.
    ///
    /// - Returns: whether there was any.
    @discardableResult
    private func endOldest() -> Bool {
        guard let (write, isHinted) = state.removeOldest() else { return launchRecorded() }
        do throws(StorageError) {
            let written = try end(write)
            if !pool.isLocal, !isHinted { state.hint.note(write.relation, write.tag, written) }
        } catch {
            note(error)
        }
        return true
    }

    /// Has the disk begin with what the kernel was given meanwhile.
    func hintCompleted() {
        if pool.isLocal { return }
        state.hint { session.isDone($0.reference) }
    }

    func note(_ error: StorageError) {
        // Whoever evicts may do without the page that was not written, and go on.
        pool.gate.note(error)
        state.failure.note(error)
    }

    /// Waits for a write, with which its batch may be finished: before anything else is prepared,
    /// as that may mean waiting for all batches.
    ///
    /// - Returns: how many pages were written.
    private func wait(for write: StartedWrite) throws(StorageError) -> Int {
        var written = 0
        defer {
            if let batch = write.batch {
                if written < write.count {
                    batch.writeDidFail(
                        write.relation.locator, write.tag.advanced(by: written),
                        count: write.count - written)
                }
                batch.end()
            }
        }
        try session.wait(for: write.reference)
        written = write.written
        return written
    }

    /// Waits for a write, and starts writing what it left over.
    ///
    /// - Returns: how many pages it has written.
    /// - Throws: what the IO met.
    private func end(_ write: StartedWrite) throws(StorageError) -> Int {
        defer { state.giveBack(write.report) }
        let written = try wait(for: write)
        try session.system.check(write.report)
        guard written > 0 else {
            let fork = write.tag.fork
            throw StorageError(
                .writeFailed,
                "writing block \(write.tag.block) of relation "
                    + "\"\(write.relation.locator)\(fork.suffix)\" wrote no page",
                remedy: "Check the disk, and try again.",
                at: write.relation.location(fork, block: write.tag.block))
        }
        count(written)
        for position in written..<write.count {
            // Who has taken the page out of the pool meanwhile has written it.
            let tag = write.tag.advanced(by: position)
            guard let index = pool.likelyIndex(tag) else { continue }
            // Whoever makes room may hold what he would wait for.
            prepare(index, tag, hurried: state.purpose == .eviction)
        }
        // What else is prepared waits until its batch is worth a sync.
        if written < write.count { launch(alone: state.isQuiet) }
        return written
    }

    private func count(_ written: Int) {
        let counters = unsafe pool.tally(session)
        unsafe BufferCounters.count(counters.pointee.writes, written)
        unsafe BufferCounters.count(counters.pointee.writeOperations)
        switch state.purpose {
        case .request: break
        case .eviction: unsafe BufferCounters.count(counters.pointee.evictionWrites, written)
        case .background: unsafe BufferCounters.count(counters.pointee.backgroundWrites, written)
        case .checkpoint: unsafe BufferCounters.count(counters.pointee.checkpointWrites, written)
        }
    }
}
