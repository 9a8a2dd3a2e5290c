package import AsyncIO
package import FileAccess
package import StorageManager
internal import StoreFormat
internal import Synchronization
internal import Threads

/// The journal that repairs torn pages: each page is written to it first, in large sequential
/// writes, and then in place.
///
/// There are two files, one of which is appended to. ``checkpoint(_:)`` turns to the other file,
/// waits until no page of the first file's batches is in flight, syncs the data, and resets the
/// first file. Batches of other sessions continue meanwhile. A file is created by its first batch
/// and keeps its space when it is reset, since overwriting is cheaper to make durable than growing.
///
/// Any thread. One batch is written at a time, and one sync is in flight at a time, which makes all
/// batches durable that were written before it began. So no batch is reported durable before all
/// earlier ones are, and a failed sync is known before another one could succeed.
@safe
package final class DoubleWriteJournal: PageJournal, @unchecked Sendable {
    private let files: FileAccess
    private let store: UInt64
    private let target: IOTargetID
    /// How many bytes of batches a file can hold before the data is synced to make room.
    private let limit: Int64
    /// Makes durable what was written in place.
    private let syncData: @Sendable (Session) throws(StorageError) -> Void
    private let fault: JournalFault?
    /// Held while a batch is written. Its holder waits only for IO.
    private let appending = ParkingLock(rank: .journalAppending)
    /// Guarded by ``appending``.
    private var state: Appending
    /// Held from a turn of the files until the first file's reset. Taken before ``appending``.
    private let rotating = ParkingLock(rank: .journalRotation)
    /// The number of batches, by file, whose pages may be in flight. A thread that waits for zero
    /// sleeps on the number itself.
    private let openBatches = InlineArray<2, Atomic<UInt32>> { _ in Atomic(0) }
    private let full = Atomic<Bool>(false)
    /// Pages that may be torn in place, by the file that has their copies.
    private let torn = Lock<InlineArray<2, Set<PageKey>>>(
        InlineArray(repeating: []), rank: .journalTorn)

    /// The numbers of the last replacements that count, of relations that had one since the store
    /// was opened.
    private let replacements = Lock<[RelationLocator: UInt32]>([:], rank: .journalTorn)

    private struct Appending {
        var files = JournalFormat.fileNames.map { JournalFile(path: $0) }
        var active = 0
        var lastRound: UInt64 = 0
        var syncs: JournalSyncs
        var entries: [JournalEntry] = []
        let memory = JournalMemory()
    }

    package let batchLimit = JournalFormat.maximumEntries

    package init(
        files: FileAccess, system: IOSystem, store: UInt64, limit: Int, fault: JournalFault? = nil,
        syncData: @escaping @Sendable (Session) throws(StorageError) -> Void
    ) throws(StorageError) {
        self.files = files
        self.store = store
        self.limit = Int64(limit)
        self.fault = fault
        self.syncData = syncData
        target = try system.register(target: JournalTarget())
        state = Appending(
            syncs: try JournalSyncs(system, target, skips: fault == .skipsSync))
    }

    package var isFull: Bool { full.load(ordering: .relaxed) }

    private func withState<Result>(
        _ body: (inout Appending) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try appending.withLock { () throws(StorageError) in try body(&state) }
    }

    // MARK: Batches

    package func record(_ pages: Span<JournalledPage>, session: Session) throws(StorageError)
        -> JournalBatch
    {
        precondition(!pages.isEmpty && pages.count <= batchLimit, "a batch has a possible size")
        session.submitStaged()
        return try withState { (state) throws(StorageError) in
            if fault == .skipsJournal { return self.open(&state) }
            state.entries.removeAll(keepingCapacity: true)
            for position in pages.indices {
                let page = pages[position]
                // No other code changes the bytes during the call.
                let bytes = unsafe Span<UInt8>(
                    _unsafeStart: page.bytes.pointer.assumingMemoryBound(to: UInt8.self),
                    count: blockSize)
                state.entries.append(
                    JournalEntry(
                        locator: page.locator, fork: page.fork, block: page.block.rawValue,
                        checksum: CRC32C.checksum(bytes), replacement: page.replacement))
            }
            try append(.pages, pages, &state, session)
            // Until a replacement counts, older copies of its page may still be needed.
            state.entries.removeAll { $0.replacement > 0 }
            forgetTorn(state.entries.span)
            state.syncs.startIfIdle(of: state.files[state.active].file, session)
            return self.open(&state)
        }
    }

    /// Drops older copies of those pages. Nothing is released before the new copies are durable
    /// (``rotate(_:)``).
    private func forgetTorn(_ entries: Span<JournalEntry>) {
        torn.withLock { torn in
            for index in torn.indices where !torn[index].isEmpty {
                for position in entries.indices { torn[index].remove(entries[position].page) }
            }
        }
    }

    /// The last batch of the active file, which is unfinished.
    private func open(_ state: inout Appending) -> JournalBatch {
        openBatches[state.active].add(1, ordering: .relaxed)
        let serial = fault == .skipsJournal ? 0 : state.syncs.written
        return JournalBatch(number: serial << 1 | UInt64(state.active))
    }

    private static func file(of batch: JournalBatch) -> Int { Int(batch.number & 1) }

    package func makeDurable(_ batch: JournalBatch, session: Session) throws(StorageError) {
        session.submitStaged()
        // Another session may have read the outcome of a sync of this session's.
        defer { session.reclaimCompleted() }
        while let sync = try withState({ (state) throws(StorageError) in
            let file = state.files[state.active].file
            return try state.syncs.sync(upTo: batch.number >> 1, of: file, session)
        }) {
            try session.wait(for: sync)
        }
    }

    /// Makes all written batches durable.
    private func syncAll(_ state: inout Appending, _ session: Session) throws(StorageError) {
        let file = state.files[state.active].file
        while let sync = try state.syncs.sync(upTo: state.syncs.written, of: file, session) {
            try session.wait(for: sync)
        }
    }

    package func replacementDidCommit(_ page: JournalledPage) {
        replacements.withLock { $0[page.locator] = page.replacement }
        let key = PageKey(locator: page.locator, fork: page.fork, block: page.block.rawValue)
        torn.withLock { torn in
            for index in torn.indices { torn[index].remove(key) }
        }
    }

    package func finish(_ batch: JournalBatch) {
        let index = Self.file(of: batch)
        let old = openBatches[index].subtract(1, ordering: .releasing).oldValue
        precondition(old > 0, "a batch is finished once")
        if old == 1 { wake(openBatches[index], count: .max) }
    }

    package func writeDidFail(
        _ batch: JournalBatch, _ locator: RelationLocator, _ fork: Fork, block: BlockNumber,
        count: Int
    ) {
        torn.withLock { torn in
            for position in 0..<count {
                let page = PageKey(
                    locator: locator, fork: fork, block: block.rawValue + UInt32(position))
                torn[Self.file(of: batch)].insert(page)
            }
        }
    }

    package func forget(
        _ locator: RelationLocator, _ fork: Fork, from block: BlockNumber, session: Session
    )
        throws(StorageError)
    {
        session.submitStaged()
        try withState { (state) throws(StorageError) in
            guard state.files.contains(where: { $0.holds(locator, fork, from: block) }) else {
                return
            }
            state.entries = [
                JournalEntry(locator: locator, fork: fork, block: block.rawValue, checksum: 0)
            ]
            try append(.forgotten, Span(), &state, session)
            try syncAll(&state, session)
            for index in state.files.indices {
                state.files[index].forget(locator, fork, from: block.rawValue)
            }
        }
    }

    /// Writes a batch of `state.entries`.
    private func append(
        _ kind: JournalBatchKind, _ pages: Span<JournalledPage>, _ state: inout Appending,
        _ session: Session
    ) throws(StorageError) {
        if let failure = state.syncs.failure { throw failure }
        do throws(StorageError) {
            let active = state.active
            if state.files[active].isEmpty { try begin(&state) }
            let file = state.files[active]
            let header = JournalBatchHeader(
                store: store, round: file.round, sequence: file.sequence,
                position: UInt64(file.end), kind: kind, count: state.entries.count,
                durable: file.sequence - state.syncs.pendingCount)
            try state.files[active].reserve(header.length, step: min(Self.step, limit))
            state.memory.encode(header, state.entries.span)
            guard let open = file.file else { preconditionFailure("a file that has begun is open") }
            let output = JournalOutput(file: open, target: target, session: session)
            try unsafe output.write(state.memory.bytes(header.headLength), pages, at: file.end)
            state.syncs.didWrite(session)
            let entries = state.entries
            state.files[active].add(header, entries.span)
            if state.files[active].end > limit { full.store(true, ordering: .relaxed) }
        } catch {
            throw state.syncs.note(error)
        }
    }

    /// By how much a file grows, at least.
    private static let step: Int64 = 8 << 20

    /// Prepares the active file, which has no batch, for its first one. Its round must be later
    /// than the other file's.
    private func begin(_ state: inout Appending) throws(StorageError) {
        let (active, other) = (state.active, 1 - state.active)
        let (own, others) = (state.files[active].round, state.files[other].round)
        guard own == 0 || own < others else { return }
        try reset(active, &state)
    }

    private func reset(_ index: Int, _ state: inout Appending) throws(StorageError) {
        state.lastRound += 1
        try state.files[index].begin(
            round: state.lastRound, store: store, in: files, state.memory)
    }

    // MARK: Rounds

    package func makeRoom(_ session: Session) throws(StorageError) {
        session.submitStaged()
        try rotating.withLock { () throws(StorageError) in
            // Another session may have made room meanwhile.
            if isFull { try rotate(session) }
        }
    }

    /// Makes all data durable that was written in place before the call, and releases its copies.
    ///
    /// The session must have no unfinished batch. Waits for those of other sessions.
    ///
    /// - Throws: what syncing throws. The copies are kept then.
    package func checkpoint(_ session: Session) throws(StorageError) {
        session.submitStaged()
        try rotating.withLock { () throws(StorageError) in try rotate(session) }
    }

    private func rotate(_ session: Session) throws(StorageError) {
        let former = try turn(session)
        if let former {
            while true {
                let count = openBatches[former].load(ordering: .acquiring)
                if count == 0 { break }
                park(openBatches[former], expected: count)
            }
        }
        do throws(StorageError) {
            try syncData(session)
        } catch {
            throw appending.withLock { state.syncs.note(error) }
        }
        guard let former else { return }
        try withState { (state) throws(StorageError) in
            try keepTorn(former, &state, session)
            try syncAll(&state, session)
            do throws(StorageError) { try reset(former, &state) } catch {
                throw state.syncs.note(error)
            }
            torn.withLock { $0[former] = [] }
            // Nothing came meanwhile, so one file's space is enough.
            if state.files[state.active].isEmpty { state.active = former }
        }
    }

    /// Copies those of the first file's copies to the active file whose pages may be torn in place.
    ///
    /// Runs under ``appending``, so that the newest copy of a page does not change. Skips pages
    /// that the active file already has, since the older copy would replace the newer one.
    private func keepTorn(_ former: Int, _ state: inout Appending, _ session: Session)
        throws(StorageError)
    {
        let pages = torn.withLock { $0[former] }
        if pages.isEmpty { return }
        let replacements = replacements.withLock { $0 }
        var scan = JournalScan(store: store) { $1 <= replacements[$0] ?? 0 }
        var opened: [VirtualFile] = []
        defer { for file in opened { file.close(session) } }
        for number in [former, 1 - former] where !state.files[number].isEmpty {
            let file = try files.open(state.files[number].path, [.readOnly, .buffered])
            opened.append(file)
            try scan.add(file, number: number, round: state.files[number].round)
        }
        // A page that is being replaced is intact in place. An older copy behind that of its
        // replacement would be taken for the newer one.
        let copies = scan.copies(of: pages).filter {
            $0.copy.file == former && scan.uncounted[$0.page] != 1 - former
        }
        let memory = PageSlots(slots: 1, pages: Self.pagesKeptAtATime)
        var rest = copies[...]
        while !rest.isEmpty {
            var batch: [JournalledPage] = []
            state.entries.removeAll(keepingCapacity: true)
            for (page, copy) in rest.prefix(Self.pagesKeptAtATime) {
                let place = memory.address(0, batch.count)
                guard
                    try scan.read(opened[0], at: copy.offset, checksum: copy.checksum, into: place)
                else {
                    // Such a copy could not have repaired anything.
                    continue
                }
                batch.append(
                    JournalledPage(
                        locator: page.locator, fork: page.fork, block: BlockNumber(page.block),
                        bytes: place))
                state.entries.append(
                    JournalEntry(
                        locator: page.locator, fork: page.fork, block: page.block,
                        checksum: copy.checksum))
            }
            if !batch.isEmpty { try append(.pages, batch.span, &state, session) }
            // If a later one fails, these already belong to the active file.
            let kept = rest.prefix(Self.pagesKeptAtATime).map(\.page)
            torn.withLock { $0[1 - former].formUnion(kept) }
            rest = rest.dropFirst(Self.pagesKeptAtATime)
        }
        withExtendedLifetime(memory) {}
    }

    private static let pagesKeptAtATime = 128

    /// Makes batches go to the other file from here on.
    ///
    /// - Returns: the file whose batches the following sync covers; nil if neither has any.
    private func turn(_ session: Session) throws(StorageError) -> Int? {
        try withState { (state) throws(StorageError) in
            // A sync covers one file.
            try syncAll(&state, session)
            full.store(false, ordering: .relaxed)
            let other = 1 - state.active
            // Its last reset failed; being the older one, it goes first.
            if !state.files[other].isEmpty { return other }
            if state.files[state.active].isEmpty { return nil }
            state.active = other
            return 1 - other
        }
    }

    /// Removes the empty files, when the store is closed.
    package func remove(_ session: Session) throws(StorageError) {
        try withState { (state) throws(StorageError) in
            for index in state.files.indices where state.files[index].isEmpty {
                try state.files[index].remove(from: files, session)
            }
        }
    }
}

/// Bugs that tests plant, to show that they are found.
package enum JournalFault: Sendable {
    /// Pages are written in place before their copies are durable.
    case skipsSync
    /// Pages are written in place without copies.
    case skipsJournal
}
