internal import Logging

/// Pages on their way into a relation: all of them get there, or none.
///
/// ```swift
/// let load = try engine.beginLoad(LoadTarget(relation: "readings"), session: session)
/// while let rows = source.next() {
///     try load.nextPage().withEditor { page in … }
/// }
/// try load.commit()
/// ```
///
/// Readers see the relation as it was until ``commit(rowCount:)`` makes it count. A scan that is
/// under way then may find the rows that were added to the last page, but none of the new pages.
/// The committing thread must not be reading the relation's last page. A load that is aborted,
/// dropped, or interrupted by a crash leaves the store as it was; after a crash, opening the store
/// removes what was written. Belongs to its session's thread.
///
/// New pages go to a new file, which the catalog then names (create, replace), or behind the end
/// that the catalog records (append). An append can also fill up the last page (``lastPage()``).
public final class PendingLoad {
    /// The target and mode.
    public let target: LoadTarget
    /// The columns of the relation once it is loaded.
    public let schema: Schema?
    /// The store.
    public let engine: Engine
    /// The session in which it runs.
    public let session: Session
    /// What the relation's pages look like.
    public var pageKind: PageKind { record.open.pageKind }
    /// How many pages have been added.
    public private(set) var pageCount = 0

    let record: RelationState
    let managerName: String
    /// The main fork's length before the load. Readers see only that much until the load ends.
    let firstBlock: UInt32
    /// The lengths of further forks that the new relation has.
    var furtherForks: [Fork: UInt32] = [:]
    private lazy var strategy = AccessStrategy(.bulkWrite, for: engine.buffers)
    private var extended: ExtendedPages?
    private var nextExtension = 1
    private var phase = Phase.open
    /// Whether other users may have the relation again; set by the engine.
    var hasEnded = false
    /// Whether its end gives back the relation's name. False once another load has begun instead.
    var holdsName = true
    /// The load of the toast relation; nil until ``beginToast(number:)``.
    public internal(set) var toastLoad: PendingLoad?
    /// How the relation takes part in storing values out of line, as far as this load changes it.
    var toastRole = ToastRole.none
    /// How many rows the toast relation's pages hold, if this is its load. Set it before the
    /// commit, as ``commit(rowCount:)`` takes it for the relation itself.
    public var toastRowCount: UInt64?

    /// The relation's last page, to be filled up; nil unless ``lastPage()`` has found one.
    var filling: LastPage?
    var hasLookedForLastPage = false
    /// Whether the catalog records that the files may have pages behind the relation's end.
    fileprivate private(set) var hasBegunToGrow: Bool

    private enum Phase { case open, committed, aborted }

    /// The most pages by which the relation grows at a time.
    private static let largestExtension = 64

    init(
        _ engine: Engine, _ session: Session, _ target: LoadTarget, _ start: LoadStart
    ) {
        self.engine = engine
        self.session = session
        self.target = target
        schema = start.schema
        record = start.record
        managerName = start.managerName
        firstBlock = start.firstBlock
        hasBegunToGrow = target.mode != .append
    }

    deinit {
        if phase == .open { undo() }
        engine.endLoad(self)
    }

    /// Adds a page of zeroes and pins it. Give it back before the load ends.
    ///
    /// Its checksum is set when it is written. Amortised constant time, plus the time for writing
    /// pages if the pool is full.
    ///
    /// - Throws: `closed` after the load has ended; what extending throws, such as a full disk. The
    ///   load may continue or be aborted.
    public func nextPage() throws(StorageError) -> PinnedPage {
        try checkOpen()
        if let page = extended?.next() {
            pageCount += 1
            return page
        }
        extended = nil
        if !hasBegunToGrow {
            try engine.beginToGrow(self)
            hasBegunToGrow = true
        }
        try cutWhatFailedToGrow()
        // A small relation takes little more than it needs; a large one grows in large steps.
        extended = try engine.buffers.extend(
            record.open, by: nextExtension, strategy: strategy, session: session)
        nextExtension = min(2 * nextExtension, Self.largestExtension)
        guard let page = extended?.next() else {
            throw StorageError(
                .extendFailed, "relation \"\(target.relation)\" did not grow",
                at: record.open.location(.main))
        }
        pageCount += 1
        return page
    }

    /// Begins the load again with other columns, in new files. Read this load's pages with
    /// ``pages()``, then abort it; only the new load can be committed.
    ///
    /// - Throws: `misuse` if it appends; `closed` if the load has ended; what
    ///   ``Engine/beginLoad(_:session:)`` throws. This load may then still be aborted or committed.
    public func beginAgain(with schema: Schema) throws(StorageError) -> PendingLoad {
        try checkOpen()
        guard target.mode != .append else {
            throw StorageError(
                .misuse, "relation \"\(target.relation)\" keeps its columns as rows are appended",
                remedy: "Replace the relation.",
                at: StorageError.Location(relation: target.relation))
        }
        // Its pins would be missing in a small pool.
        extended = nil
        return try engine.startAgain(self, with: schema)
    }

    /// The pages added so far, in order. Add none while reading them.
    public func pages() -> ReadStream<BlockRange> {
        ReadStream(
            engine.buffers, over: record.open, session: session,
            options: .scan(of: pageCount, in: engine.buffers),
            source: BlockRange(firstBlock..<firstBlock + UInt32(pageCount)))
    }

    /// Makes the pages durable and part of the relation.
    ///
    /// - Parameter rowCount: how many rows the pages hold (line pointers in state normal). Give it
    ///   only if it is known, and if no page is empty: from then on a page of zeroes, or another
    ///   number of rows, is damage, until pages are changed by other means than loads.
    /// - Returns: the relation with the pages.
    /// - Throws: `closed` if the load has ended already. `pageInUse` if one of its pages is still
    ///   held or being changed, or `misuse` if rows are counted in pages of another kind than
    ///   `postgres`: the load is still open then. What writing throws, such as a full disk;
    ///   `pageRefused` if a page is not as its kind demands; `relationBusy` if the last page was
    ///   changed by other means while rows were added to a copy of it; `syncFailed` or
    ///   `storeFailed`. The load is then aborted. Only after a failed sync is it unknown whether
    ///   the load counts; that shows when the store is opened again.
    @discardableResult
    public func commit(rowCount: UInt64? = nil) throws(StorageError) -> Relation {
        try commit(rowCount: rowCount, isExact: true)
    }

    func commit(rowCount: UInt64?, isExact: Bool) throws(StorageError) -> Relation {
        try engine.commit([(self, rowCount)], isExact: isExact, session)[0]
    }

    /// Ends the load with effect.
    fileprivate func didCommit() {
        phase = .committed
        engine.endLoad(self)
    }

    /// Ends the load without effect. Calling it again, or after a commit, does nothing.
    public func abort() {
        if phase == .open { undo() }
    }

    /// A page that is changed after the commit would count with its old contents.
    fileprivate func checkReleased() throws(StorageError) {
        extended = nil
        try filling?.replacement.checkNotHeldHere()
        try engine.buffers.checkUnpinned(
            record.open, fork: .main, blocks: firstBlock..<firstBlock + UInt32(pageCount),
            session: session)
    }

    /// Throws `misuse` if its pages are of a kind that has no rows.
    func checkHoldsRows() throws(StorageError) {
        if pageKind == .postgres { return }
        throw StorageError(
            .misuse,
            "relation \"\(target.relation)\" has pages of the kind \(pageKind.name), which hold no"
                + " rows",
            remedy: "Commit without a number of rows, and keep large values in your own pages.",
            at: StorageError.Location(relation: target.relation))
    }

    /// Writes the pages and gives back the excess by which the relation grew.
    fileprivate func finishPages() throws(StorageError) {
        extended = nil
        if !hasBegunToGrow { return }
        try cutWhatFailedToGrow()
        // Earlier pages are not the load's, nor is what is wrong with them. Copies have further
        // forks.
        try engine.buffers.flush(
            record.open, nil, blocks: firstBlock..<UInt32.max, session: session)
    }

    /// The next page must be at the relation's end. A failed extension may have left it longer;
    /// continuing after that would leave a gap and cut off the last pages.
    private func cutWhatFailedToGrow() throws(StorageError) {
        let end = firstBlock + UInt32(pageCount)
        if try record.open.storage.blockCount(.main) > end {
            try engine.truncate(record.open, to: end, session)
        }
    }

    fileprivate func undo() {
        phase = .aborted
        toastLoad?.abort()
        extended = nil
        do throws(StorageError) {
            try engine.discard(self)
        } catch {
            engine.logger.warning(
                """
                what a load of relation \"\(target.relation)\" left will be removed when the store \
                is opened next: \(error)
                """)
        }
        engine.endLoad(self)
    }

    func checkOpen() throws(StorageError) {
        switch phase {
        case .open: return
        case .committed:
            throw StorageError(
                .closed, "the load of relation \"\(target.relation)\" has been committed")
        case .aborted:
            throw StorageError(
                .closed, "the load of relation \"\(target.relation)\" has been aborted")
        }
    }
}

extension Engine {
    /// Commits loads of one session together.
    func commit(
        _ given: [(load: PendingLoad, rowCount: UInt64?)], isExact: Bool, _ session: Session
    ) throws(StorageError) -> [Relation] {
        for (load, rows) in given {
            try load.checkIsNoToast()
            if rows != nil { try load.checkHoldsRows() }
        }
        let toasts: [(load: PendingLoad, rowCount: UInt64?)] = given.compactMap { one in
            one.load.toastLoad.map { (load: $0, rowCount: $0.toastRowCount) }
        }
        let loads = given + toasts
        for (load, _) in loads {
            try load.checkOpen()
            try load.checkReleased()
        }
        let pending = loads.map(\.load)
        do throws(StorageError) {
            for load in pending { try load.finishPages() }
            let hasPages = pending.contains { $0.hasBegunToGrow }
            if hasPages, !options.publishesEarly { try syncPending(session) }
            try prepareFilling(pending)
            let relations = try publish(loads, isExact: isExact, session)
            if hasPages, options.publishesEarly { try syncPending(session) }
            releaseFilling(pending, hasFailed: false)
            for load in pending { load.didCommit() }
            emptyDropped(session)
            return Array(relations.prefix(given.count))
        } catch {
            releaseFilling(pending, hasFailed: true)
            for load in pending { load.undo() }
            throw error
        }
    }
}

/// The state at the start of a load.
struct LoadStart {
    let record: RelationState
    let schema: Schema?
    let managerName: String
    let firstBlock: UInt32
}
