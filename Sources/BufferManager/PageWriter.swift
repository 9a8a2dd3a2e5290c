internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Writes pages, together with their dirty neighbours up to the combine limit.
///
/// Writes are made of copies, so readers, pinners and writers of a page never wait for the disk,
/// and each copy has its own checksum. A page goes through these states:
///
/// | state | kept in | what holds | what ends it |
/// |---|---|---|---|
/// | dirty | the pool | any thread may change it | ``prepare(_:_:hurried:)`` starts its output |
/// | open | ``Gathering`` | its lock is shared while it is copied | the copy has its checksum |
/// | prepared | ``prepared`` | the copy; no lock is held | ``launch(alone:)``; error: dirty |
/// | recorded | ``recorded`` | the journal has the copy too | ``launchRecorded()``; error: dirty |
/// | started | ``started`` | an IO owns the copy | it completes, on any thread: clean |
/// | over | ``started`` | nothing | the issuer ends the write, and prepares unwritten pages again |
///
/// A page that needs no journal goes from prepared to started. Before a write starts, the log must
/// be durable up to the highest position in its copies. While one batch is recorded, the next is
/// prepared.
///
/// The pool makes one writer per session at its first write and keeps it, so that writing allocates
/// nothing; the background writer and checkpoints have their own. Used by the session's thread
/// only. It never waits for a content lock or for another session while its session has staged IO,
/// or while a prepared page has not been launched: the other session may be waiting for that page.
final class PageWriter {
    /// The purpose of a write, for the counters.
    enum Purpose { case request, eviction, background, checkpoint }

    /// The pool retains writers, or their owners retain the pool.
    unowned let pool: BufferPool
    /// The session that writes. Its thread calls, so it is open.
    var session: Session { unsafe issuer }
    private unowned(unsafe) var issuer: Session

    private(set) var purpose = Purpose.request
    /// How many writes without a journal may be in flight.
    let limit: Int
    /// How many pages make a batch for the journal.
    let batchPages: Int
    /// The first error of the ended writes.
    private(set) var failure: StorageError?
    /// The first page that was refused. Other errors go before it.
    private(set) var refusal: StorageError?

    /// Memory that writes of a batch share, and how many pages of it they have used.
    var open: (copies: ScratchPool.Copies, used: Int)?
    /// Writes that are ready to be started.
    var prepared: PreparedWrites
    /// The batch before the prepared writes.
    var recorded: RecordedWrites?
    /// Writes in flight.
    var started = StartedWrites()
    /// Pages that are prepared, recorded or being written.
    var pageCount = 0

    /// The pages that the last prepared write included, which need not be checked again.
    private var covered: (relation: UInt64, end: UInt64) = (0, 0)
    /// Reusable memory, so that nothing is allocated: the copies of the write being started,
    /// neighbours before the page to write, pages for the journal, and reports.
    var pages: [PageAddress] = []
    var taken: [Int] = []
    var journalled: [JournalledPage] = []
    var reports: [IOReturn] = []

    /// As much as one session gets into a device's queue; more would only take memory.
    private static let greatestLimit = 32
    /// The part of the pool that one session's writes may pin, since other sessions need victims
    /// meanwhile.
    private static let pinnedShare = 4

    init(_ pool: BufferPool, _ session: Session) {
        self.pool = pool
        unsafe issuer = session
        let unpinned = pool.count / Self.pinnedShare / pool.combineLimit
        limit = max(
            1,
            min(
                session.system.handlesPerSession, pool.scratch.limit, unpinned,
                Self.greatestLimit))
        batchPages = pool.batchPages
        prepared = PreparedWrites(writes: limit, pages: pool.combineLimit)
        reports.reserveCapacity(limit + 1)
        pages.reserveCapacity(pool.combineLimit)
    }

    /// Makes the writer write for this session, whose number it has.
    func serve(_ session: Session) { unsafe issuer = session }

    /// Whether no write is in flight or waits for the journal.
    var isQuiet: Bool { started.count == 0 && recorded == nil }

    /// Whether nothing is prepared or in flight.
    var isIdle: Bool { isQuiet && prepared.writes.isEmpty }

    /// Adds a write to the prepared ones.
    func add(_ write: PreparedWrite) {
        prepared.writes.append(write)
        pageCount += write.count
        covered = (write.tag.relation, write.tag.page + UInt64(write.count))
    }

    /// Whether the last write included the page, if pages are visited in order.
    private func covers(_ tag: PageTag) -> Bool {
        tag.relation == covered.relation && tag.page < covered.end
    }

    /// Writes a page and its neighbours, if the buffer still holds it and it is dirty.
    ///
    /// - Throws: what the storage or the log threw; the pages then stay dirty.
    func write(_ index: Int, _ tag: PageTag) throws(StorageError) {
        begin(.request)
        prepare(index, tag, hurried: false)
        try finish()
    }

    /// Writes pages, given in the order of their tags, several writes at a time.
    ///
    /// - Throws: the first error, after all were tried. What could not be written stays dirty.
    func write(_ places: [BufferPool.Place]) throws(StorageError) {
        begin(.request)
        for place in places { write(place, if: BufferState.dirty) }
        try finish()
    }

    /// Starts writing a page, if the buffer has that flag and the last write did not include it. An
    /// error is kept for ``finish()``.
    func write(_ place: BufferPool.Place, if flag: UInt64) {
        if covers(place.tag) { return }
        guard pool.buffer(place.index).state.has(flag) else { return }
        if prepare(place.index, place.tag, hurried: false), isBatchFull { launch(alone: false) }
    }

    /// Writes the dirty pages of claimed buffers, several writes at a time, with unpinned
    /// neighbours. Leaves pages dirty rather than wait for their users.
    ///
    /// - Throws: the first error, after all were tried. What could not be written stays dirty.
    func writeVictims(_ indices: Span<UInt32>) throws(StorageError) {
        begin(.eviction)
        for position in indices.indices {
            let index = Int(indices[position])
            let buffer = pool.buffer(index)
            // No other thread takes the page off a claimed buffer.
            if buffer.state.has(BufferState.dirty) { prepare(index, buffer.tag, hurried: true) }
        }
        prepareAhead()
        try finish()
    }

    /// How many pages an eviction writes by one batch of the journal, if that many are dirty where
    /// the clock hand comes next. Writing them takes about as long as the batch's sync.
    private static let evictionBatch = 128

    /// Adds to a batch of the journal what must be written next, since the sync costs the same for
    /// one page and for many.
    private func prepareAhead() {
        guard prepared.writes.contains(where: { $0.isJournalled }) else { return }
        let most = min(Self.evictionBatch, batchPages)
        let hand = pool.hand.load(ordering: .relaxed)
        for offset in 0..<UInt64(4 * most) where prepared.pageCount < most {
            let index = Int((hand &+ offset) % UInt64(pool.count))
            let buffer = pool.buffer(index)
            let found = buffer.state
            guard found.pins == 0, found.usage <= 1, found.has(BufferState.dirty) else { continue }
            // If the buffer has another page by now, this does nothing.
            prepare(index, buffer.tag, hurried: true)
        }
    }

    func begin(_ purpose: Purpose) {
        precondition(isIdle, "a session writes for one purpose at a time")
        self.purpose = purpose
        failure = nil
        refusal = nil
        covered = (0, 0)
    }

    /// Launches the rest, waits for all writes, and throws the first error.
    func finish() throws(StorageError) {
        settle()
        if let failure = failure.take() ?? refusal.take() { throw failure }
    }

    /// Launches the rest and waits for all writes.
    func settle() {
        launch(alone: isQuiet)
        endAll()
        started.hint.give()
    }

    /// Whether to launch what is prepared: writes without a journal one by one, others once a batch
    /// is worth its sync.
    var isBatchFull: Bool {
        guard let last = prepared.writes.last, last.isJournalled else { return true }
        return prepared.pageCount > batchPages - pool.combineLimit
    }

    /// Takes memory for the copies of one more write, ending other writes first if there are too
    /// many.
    ///
    /// - Returns: the memory, and how many pages of it are in use.
    func makeRoom() -> (copies: ScratchPool.Copies, used: Int) {
        if let open = open.take() { return open }
        if let journal = pool.journal {
            return (makeRoom(forBatchOf: journal), 0)
        }
        while true {
            let isFirst = started.count == 0 && prepared.writes.isEmpty
            if started.count + prepared.writes.count < limit,
                let copies = pool.scratch.take(always: isFirst)
            {
                return (copies, 0)
            }
            launch(alone: false)
            endOldest()
        }
    }

    /// Takes memory like ``makeRoom()``, and continues preparing a batch while the previous one
    /// becomes durable in the journal or is written in place.
    private func makeRoom(forBatchOf journal: any PageJournal) -> ScratchPool.Copies {
        hintCompleted()
        if prepared.writes.isEmpty, journal.isFull {
            endAll()
            do throws(StorageError) { try journal.makeRoom(session) } catch { note(error) }
        }
        while true {
            if pageCount < 2 * batchPages,
                let copies = pool.scratch.take(always: isIdle)
            {
                return copies
            }
            if !endOldest() { launch(alone: false) }
        }
    }

    /// Keeps memory for the next write that this one did not need.
    func giveBackRoom(_ copies: ScratchPool.Copies, _ used: Int) {
        if used > 0, open == nil {
            open = (copies, used)
        } else {
            pool.scratch.giveBack(copies.number)
        }
    }

    func endAll() {
        while endOldest() {}
    }

    /// Ends the oldest write in flight. If there is none, starts the recorded writes.
    ///
    /// - Returns: whether there was any.
    @discardableResult
    private func endOldest() -> Bool {
        guard let (write, isHinted) = started.removeOldest() else { return launchRecorded() }
        pageCount -= write.count
        do throws(StorageError) {
            let written = try end(write)
            if !pool.isLocal, !isHinted { started.hint.note(write.relation, write.tag, written) }
        } catch {
            note(error)
        }
        return true
    }

    /// Makes the disk start on what the kernel was given meanwhile.
    func hintCompleted() {
        if pool.isLocal { return }
        started.hint { session.isDone($0.reference) }
    }

    func note(_ error: StorageError) {
        // An evicting thread may continue without the page that was not written.
        pool.gate.note(error)
        failure.note(error)
    }

    func noteRefusal(_ error: StorageError) { if refusal == nil { refusal = error } }

    /// Waits for a write, after which its batch may be finished. Must come before anything else is
    /// prepared, since that may wait for all batches.
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
    /// - Throws: the IO's error.
    private func end(_ write: StartedWrite) throws(StorageError) -> Int {
        defer { reports.append(write.report) }
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
            // A thread that has taken the page out of the pool meanwhile has written it.
            let tag = write.tag.advanced(by: position)
            guard let index = pool.likelyIndex(tag) else { continue }
            // A thread that makes room may hold what this would wait for.
            prepare(index, tag, hurried: purpose == .eviction)
        }
        // Other prepared pages wait until their batch is worth a sync.
        if written < write.count { launch(alone: isQuiet) }
        return written
    }

    private func count(_ written: Int) {
        let counters = unsafe pool.tally(session)
        unsafe BufferCounters.count(counters.pointee.writes, written)
        unsafe BufferCounters.count(counters.pointee.writeOperations)
        switch purpose {
        case .request: break
        case .eviction: unsafe BufferCounters.count(counters.pointee.evictionWrites, written)
        case .background: unsafe BufferCounters.count(counters.pointee.backgroundWrites, written)
        case .checkpoint: unsafe BufferCounters.count(counters.pointee.checkpointWrites, written)
        }
    }
}
