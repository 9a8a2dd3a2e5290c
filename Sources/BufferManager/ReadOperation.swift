public import AsyncIO
public import StorageManager

/// One read of neighbouring blocks, from its start until its pages were taken.
///
/// One object serves one read after another. It holds a pin on each page until ``takePage()`` takes
/// it; starting the next read or destroying the object drops the pins of pages not taken.
/// Destroying it while its IO is in flight is safe: the IO has pins of its own. Used on its
/// session's thread. Mirrors PostgreSQL's `ReadBuffersOperation`.
@safe
public final class ReadOperation {
    // Public properties are computed: stored public variables of a class are guarded at run time
    // against overlapping accesses, which would cost more than all the rest here.
    var storedRelation: OpenRelation
    var storedFork: Fork
    var storedOptions: ReadOptions
    var storedStrategy: AccessStrategy?
    var firstBlock = BlockNumber.invalid
    var coveredCount = 0
    var doneCount = 0
    var takenCount = 0

    /// The session that issues the reads.
    public let session: Session
    let pool: BufferPool
    let callbacks: IOCallbackID
    let table: RelationTable
    /// The relation's record, once it was needed.
    private var knownRecord: RelationRecord?

    /// The most blocks of a read.
    let capacity: Int
    /// The pinned buffers in block order and the addresses of their pages. Those from ``taken`` on
    /// belong to this operation. Room for ``capacity``, valid until `deinit`.
    let buffers: UnsafeMutablePointer<UInt32>
    let addresses: UnsafeMutablePointer<PageAddress>
    var pinnedCount = 0
    /// The report of the IO in flight. Replaced if that IO is abandoned.
    private(set) var report = IOReturn()
    var phase = Phase.idle
    /// The number of blocks of the IO in flight.
    var inFlight = 0

    /// The buffers claimed for a read that cannot begin yet. Their memory is behind that of
    /// ``buffers``.
    var victims: Victims

    /// What the blocks from ``done`` on wait for.
    enum Phase {
        /// Their IO must be started.
        case idle
        /// This operation's own IO.
        case own(WaitReference)
        /// Another's IO on the first of them.
        case foreign
    }

    /// Makes an operation that covers no block yet. Its reads combine as many blocks as one IO can.
    ///
    /// - Throws: `misuse` if the session is another engine's, or the relation is local to another
    ///   session; what making the pool of a session's local relations throws.
    public convenience init(
        _ manager: BufferManager, relation: OpenRelation, fork: Fork = .main, session: Session,
        options: ReadOptions = [], strategy: AccessStrategy? = nil
    ) throws(StorageError) {
        try self.init(
            manager, relation, fork, session, options, strategy,
            capacity: manager.configuration.combineLimit)
    }

    /// The same for reads of at most `capacity` blocks: every task that waits for a page has one.
    package init(
        _ manager: BufferManager, _ relation: OpenRelation, _ fork: Fork, _ session: Session,
        _ options: ReadOptions, _ strategy: AccessStrategy? = nil, capacity: Int
    ) throws(StorageError) {
        try manager.check(session, using: relation)
        storedRelation = relation
        storedFork = fork
        storedOptions = options
        storedStrategy = strategy
        self.session = session
        table = manager.table
        (pool, callbacks) = try manager.pool(for: relation.locator)
        self.capacity = capacity
        unsafe buffers = .allocate(capacity: 2 * capacity)
        unsafe victims = Victims(buffers + capacity)
        unsafe addresses = .allocate(capacity: capacity)
    }

    deinit {
        giveBack()
        dropVictims()
        unsafe buffers.deallocate()
        unsafe addresses.deallocate()
    }

    /// Takes the next ready page, in block order; nil if all ready pages were taken.
    public func takePage() -> PinnedPage? {
        guard takenCount < doneCount else { return nil }
        let index = unsafe Int(buffers[takenCount])
        takenCount += 1
        return PinnedPage(pool.buffer(index), pool.address(index))
    }

    /// Drops the pins of all pages that were not taken. The operation covers no block afterwards.
    public func giveBack() {
        // An IO without a waiter still reports to its own object, not to the next read's.
        if case .own = phase {
            session.system.logUnclaimed(report)
            report = IOReturn()
        }
        for position in takenCount..<pinnedCount { buffer(position).unpin() }
        (pinnedCount, coveredCount, doneCount, takenCount) = (0, 0, 0, 0)
        phase = .idle
    }

    /// Moves the claimed buffers, all of them untagged, to ``buffers`` and returns their number.
    func takeVictims() -> Int {
        let count = victims.count
        unsafe buffers.update(from: victims.places, count: count)
        victims.removeAll()
        return count
    }

    /// Gives back claimed buffers that are not wanted any more.
    package func dropVictims() { pool.giveBack(&victims) }

    /// The buffer of a block, counted from the first.
    @inline(__always)
    func buffer(_ position: Int) -> Buffer {
        assert(position < pinnedCount, "only pinned buffers are used")
        return unsafe pool.buffer(Int(buffers[position]))
    }

    /// Takes over `count` pinned buffers that were put into ``buffers``.
    func cover(_ count: Int) {
        for position in 0..<count {
            unsafe addresses[position] = pool.address(Int(buffers[position]))
        }
        (pinnedCount, coveredCount) = (count, count)
    }

    /// Drops the blocks from `count` on.
    func trim(to count: Int) {
        for position in count..<max(count, pinnedCount) { buffer(position).unpin() }
        (pinnedCount, coveredCount) = (count, count)
    }

    /// The buffer manager's record of the relation.
    var record: RelationRecord {
        if let knownRecord { return knownRecord }
        let record = table.record(of: storedRelation)
        knownRecord = record
        return record
    }

    func forgetRecord() { knownRecord = nil }

    /// The strategy for reading a block, and whether it is a scan's first read of it, which claims
    /// no memory that the pool has never used: only a block that is read again is worth that.
    func strategy(for tag: PageTag) -> (AccessStrategy?, isFirst: Bool) {
        guard storedStrategy?.kind == .scan else { return (storedStrategy, false) }
        let isFirst =
            pool.reachedCount < pool.count && tag.fork == .main && !record.wasScanned(tag.block)
        return (isFirst ? storedStrategy : nil, isFirst)
    }
}

extension ReadOperation {
    /// The relation to read.
    public var relation: OpenRelation {
        get { storedRelation }
        set {
            storedRelation = newValue
            forgetRecord()
        }
    }
    /// The fork to read.
    public var fork: Fork {
        get { storedFork }
        set { storedFork = newValue }
    }
    /// The options of reads. Changes take effect with the next read.
    public var options: ReadOptions {
        get { storedOptions }
        set { storedOptions = newValue }
    }
    /// The ring to take buffers from, if any.
    public var strategy: AccessStrategy? {
        get { storedStrategy }
        set { storedStrategy = newValue }
    }

    /// The first block of the read.
    public var block: BlockNumber { firstBlock }
    /// The number of blocks the read covers.
    public var count: Int { coveredCount }
    /// The number of blocks that are ready in the pool.
    public var done: Int { doneCount }
    /// The number of pages taken.
    public var taken: Int { takenCount }
}
