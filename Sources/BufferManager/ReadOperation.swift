public import AsyncIO
public import StorageManager

/// One read of neighbouring blocks, from its start until its pages were taken.
///
/// One object serves one read after another. It holds a pin on each page until that is taken with
/// ``takePage()``; what is not taken is given back when the next read starts or the object goes.
/// Dropping it while its IO is in flight is safe: the IO has pins of its own. Used on its session's
/// thread. Mirrors PostgreSQL's `ReadBuffersOperation`.
@safe
public final class ReadOperation {
    // What the public sees is computed: stored public variables of a class are guarded at run time
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
    /// The relation's record, once it was asked for.
    private var knownRecord: RelationRecord?

    /// The pinned buffers in block order, of which those from ``taken`` on are this operation's,
    /// and where their pages are. Room for as many as one IO can combine, valid until `deinit`.
    let buffers: UnsafeMutablePointer<UInt32>
    let addresses: UnsafeMutablePointer<PageAddress>
    var pinnedCount = 0
    /// Where the IO in flight reports; another one once that has been left behind.
    private(set) var report = IOReturn()
    var phase = Phase.idle
    /// Blocks of the IO in flight.
    var inFlight = 0

    /// Nothing may wait: what would have to be waited for is returned to whoever drives the read
    /// (``BufferManager/advance(_:)``). Set before the first read.
    package var isAwaited = false
    /// A claimed buffer whose dirty page has to be written out before the read can have it.
    var dirtyVictim: Int?
    /// A claimed buffer without a page, for the next read that needs one.
    var spareVictim: Int?

    /// What the blocks from ``done`` on wait for.
    enum Phase {
        /// Their IO is to be started.
        case idle
        /// This operation's own IO.
        case own(WaitReference)
        /// An IO on the first of them that somebody else issued.
        case foreign
    }

    /// Makes an operation that covers no block yet.
    ///
    /// - Throws: what making the pool of a session's local relations throws.
    public init(
        _ manager: BufferManager, relation: OpenRelation, fork: Fork = .main, session: Session,
        options: ReadOptions = [], strategy: AccessStrategy? = nil
    ) throws(StorageError) {
        storedRelation = relation
        storedFork = fork
        storedOptions = options
        storedStrategy = strategy
        self.session = session
        table = manager.table
        (pool, callbacks) = try manager.pool(for: relation.locator)
        unsafe buffers = .allocate(capacity: pool.combineLimit)
        unsafe addresses = .allocate(capacity: pool.combineLimit)
    }

    deinit {
        giveBack()
        dropVictims()
        unsafe buffers.deallocate()
        unsafe addresses.deallocate()
    }

    /// Takes the next page that is ready, in block order; nil when all that are ready were taken.
    public func takePage() -> PinnedPage? {
        guard takenCount < doneCount else { return nil }
        let index = unsafe Int(buffers[takenCount])
        takenCount += 1
        return PinnedPage(pool.buffer(index), pool.address(index))
    }

    /// Gives back the pins of all pages that were not taken, and covers no block any more.
    public func giveBack() {
        // An IO that nobody waited for still reports to its own object, not into the next read's.
        if case .own = phase { report = IOReturn() }
        for position in takenCount..<pinnedCount { buffer(position).unpin() }
        (pinnedCount, coveredCount, doneCount, takenCount) = (0, 0, 0, 0)
        phase = .idle
    }

    /// Lets go of buffers that were claimed and are not wanted any more.
    package func dropVictims() {
        if let dirtyVictim { pool.unclaim(dirtyVictim) }
        if let spareVictim { pool.release(untagged: spareVictim) }
        (dirtyVictim, spareVictim) = (nil, nil)
    }

    /// The buffer of one of the blocks, counted from the first.
    @inline(__always)
    func buffer(_ position: Int) -> Buffer {
        assert(position < pinnedCount, "only pinned buffers are used")
        return unsafe pool.buffer(Int(buffers[position]))
    }

    /// Takes the pinned buffers, `count` of them, that were put into ``buffers``.
    func cover(_ count: Int) {
        for position in 0..<count {
            unsafe addresses[position] = pool.address(Int(buffers[position]))
        }
        (pinnedCount, coveredCount) = (count, count)
    }

    /// Leaves out the blocks from `count` on.
    func trim(to count: Int) {
        for position in count..<max(count, pinnedCount) { buffer(position).unpin() }
        (pinnedCount, coveredCount) = (count, count)
    }

    /// What the buffer manager keeps of the relation.
    var record: RelationRecord {
        if let knownRecord { return knownRecord }
        let record = table.record(of: storedRelation)
        knownRecord = record
        return record
    }

    func forgetRecord() { knownRecord = nil }
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
    /// Its fork.
    public var fork: Fork {
        get { storedFork }
        set { storedFork = newValue }
    }
    /// How reads behave. Changes take effect with the next read.
    public var options: ReadOptions {
        get { storedOptions }
        set { storedOptions = newValue }
    }
    /// The ring that buffers come from, if any.
    public var strategy: AccessStrategy? {
        get { storedStrategy }
        set { storedStrategy = newValue }
    }

    /// The first block of the read.
    public var block: BlockNumber { firstBlock }
    /// How many blocks it covers.
    public var count: Int { coveredCount }
    /// How many of them are ready in the pool.
    public var done: Int { doneCount }
    /// How many pages were taken.
    public var taken: Int { takenCount }
}
