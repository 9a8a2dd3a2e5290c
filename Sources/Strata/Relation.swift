internal import Threads

/// A relation of an open store, for reading and extending.
///
/// Keeps what it names: a relation that is dropped or replaced meanwhile stays readable through
/// this object, and its files are removed only after the last such object is gone. Any thread may
/// use it; calls that take a session must come from that session's thread.
public final class Relation: Sendable {
    /// The store.
    public let engine: Engine
    /// The name: the last one that it had, if it was dropped or replaced. O(1), under a lock.
    public var name: String { record.name }
    /// The columns of its rows; nil if its pages do not hold rows.
    public let schema: Schema?
    /// The name of its storage manager.
    public let managerName: String

    let record: RelationState
    /// For reads without pin and lock. ``engine`` keeps it valid.
    let resident: ResidentPages?
    /// The toast relation, once it was opened.
    let heldToast = Lock<Relation?>(nil, rank: .heldToast)

    /// The caller must have counted this user of the locator in ``EngineState/users``.
    init(_ engine: Engine, _ description: RelationDescription, _ record: RelationState) {
        self.engine = engine
        schema = description.schema
        managerName = description.managerName
        self.record = record
        resident = engine.buffers.residentPages(of: record.open)
    }

    deinit { engine.releaseUser(record.open.locator) }

    /// Where its files are.
    public var locator: RelationLocator { record.open.locator }

    /// What its pages look like.
    public var pageKind: PageKind { record.open.pageKind }

    /// The relation as the layers below know it.
    public var open: OpenRelation { record.open }

    /// How many rows its loads have added. Nil if that is unknown, or once a page changed by other
    /// means has been written.
    public var rowCount: UInt64? { extent.rowCount }

    /// How many blocks the main fork has, without the pages of a load that has not committed.
    public var blockCount: UInt32 { record.blockCount }

    /// Returns a page, reading it unless it is cached. Mirrors PostgreSQL's `ReadBufferExtended`.
    ///
    /// - Parameters:
    ///   - block: the page's number, below the fork's ``blockCount(of:)``.
    ///   - fork: the fork to read from.
    ///   - strategy: how to use the pool; nil for random access.
    ///   - session: the calling thread's session.
    /// - Throws: `notFound` if the block is beyond the end; what reading throws, including the
    ///   error of a damaged page.
    public func page(
        _ block: BlockNumber, fork: Fork = .main, strategy: AccessStrategy? = nil, session: Session
    ) throws(StorageError) -> PinnedPage {
        try checkExists(block, fork)
        return try engine.buffers.page(
            block, of: open, fork: fork, strategy: strategy, session: session)
    }

    func checkExists(_ block: BlockNumber, _ fork: Fork) throws(StorageError) {
        if block.rawValue < record.visibleBlocks(of: fork) { return }
        // Whatever else is in a fork's files does not count: a crash or a cut has left it.
        let count = try engine.blockCount(of: fork, record)
        if block.rawValue < count { return }
        let subject = fork == .main ? "it" : "its fork \(fork.name)"
        throw StorageError(
            .notFound, "relation \"\(name)\" has no block \(block): \(subject) has \(count) blocks",
            remedy: "Ask for a block below the relation's blockCount.",
            at: open.location(fork, block: block))
    }

    /// Adds pages of zeroes at a fork's end and pins them. Readers see them at once. They are
    /// durable after the next ``Engine/checkpoint(_:pace:)``; a crash before it removes them. A
    /// further fork is created if it is missing.
    ///
    /// If the main fork grows, the catalog no longer records how many rows the relation has
    /// (``rowCount``). The first call makes that durable.
    ///
    /// - Parameters:
    ///   - fork: the fork that grows.
    ///   - count: how many pages to add; fewer may be added, but at least one.
    ///   - strategy: the ring to take buffers from; nil for the whole pool.
    ///   - session: the calling thread's session.
    /// - Throws: `notFound` if it was dropped or replaced, `misuse` if `count` is below 1,
    ///   `relationBusy` if the main fork is being loaded, or the fork shortened; `relationDamaged`
    ///   if a further fork has lost blocks; `storeFailed`, `closed`, or what extending throws.
    public func extend(
        fork: Fork = .main, by count: Int = 1, strategy: AccessStrategy? = nil, session: Session
    ) throws(StorageError) -> ExtendedPages {
        try engine.checkUsable(session)
        try engine.beginExtending(record, fork)
        defer { engine.endExtending(locator, fork) }
        try engine.settle(record, fork, session)
        if fork == .main, record.isCounted { try engine.takeBackRowCount(of: open, session) }
        let pages = try engine.buffers.extend(
            open, fork: fork, by: count, strategy: strategy, session: session)
        record.show(fork, blocks: pages.first.rawValue + UInt32(pages.count))
        return pages
    }
}

extension Relation {
    /// All pages from the first to the last, read ahead of their use. Mirrors the stream of
    /// PostgreSQL's sequential scans.
    ///
    /// A scan of more than a quarter of the pool uses a small ring of buffers, so that it leaves
    /// the pool to other readers (`ReadStreamOptions.scan(of:in:)`). Pages added after the call are
    /// not part of it, but rows that an append puts on the last page meanwhile may be. A page that
    /// has lost its loaded rows is an error; ``checkRowCount(_:of:)`` finds whether rows are
    /// missing.
    ///
    /// - Parameters:
    ///   - session: the calling thread's session.
    ///   - extent: which pages; nil for those of this moment.
    public func scan(session: Session, extent: RelationExtent? = nil) -> ReadStream<BlockRange> {
        let blocks = 0..<(extent ?? self.extent).blockCount
        return stream(
            BlockRange(blocks), session: session,
            options: .scan(of: blocks.count, in: engine.buffers))
    }

    /// Pages in the order in which a source names them, read ahead of their use.
    ///
    /// - Parameters:
    ///   - source: names blocks below ``blockCount``.
    ///   - session: the calling thread's session.
    ///   - options: how to read ahead.
    public func stream<Source>(
        _ source: Source, session: Session, options: ReadStreamOptions = ReadStreamOptions()
    ) -> ReadStream<Source> {
        ReadStream(engine.buffers, over: open, session: session, options: options, source: source)
    }
}

extension Engine {
    func addUser(_ locator: RelationLocator, _ state: inout EngineState) {
        state.users[locator, default: 0] += 1
    }

    func releaseUser(_ locator: RelationLocator) {
        state.withLock { state in
            guard let count = state.users[locator] else { return }
            state.users[locator] = count > 1 ? count - 1 : nil
            if count == 1 { state.touched.insert(locator) }
        }
    }

    func beginExtending(_ record: RelationState, _ fork: Fork) throws(StorageError) {
        let locator = record.open.locator
        let (isFree, isDropped) = state.withLock { state in
            if state.catalog.remains[locator]?.kind == .files { return (true, true) }
            let key = ForkKey(locator: locator, fork: fork)
            let isLoading = fork == .main && state.loading.contains(locator)
            if isLoading || state.cutting.contains(key) { return (false, false) }
            state.extending[key, default: 0] += 1
            return (true, false)
        }
        if isDropped { throw notFound(record.name) }
        if !isFree { throw .busy(record.name) }
    }

    func endExtending(_ locator: RelationLocator, _ fork: Fork) {
        let key = ForkKey(locator: locator, fork: fork)
        state.withLock { state in
            guard let count = state.extending[key] else { return }
            state.extending[key] = count > 1 ? count - 1 : nil
        }
    }
}
