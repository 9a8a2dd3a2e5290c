public import AsyncIO
public import StorageManager

/// One read of neighbouring blocks, from its start until its pages were taken.
///
/// One object serves one read after another. It holds a pin on each page until that is taken with
/// ``takePage()``; what is not taken is given back when the next read starts or the object goes.
/// Dropping it while its IO is in flight is safe: the IO has pins of its own. Used on its session's
/// thread. Mirrors PostgreSQL's `ReadBuffersOperation`.
public final class ReadOperation {
    /// The relation to read.
    public var relation: OpenRelation
    /// Its fork.
    public var fork: Fork
    /// The session that issues the reads.
    public let session: Session
    /// How reads behave. Changes take effect with the next read.
    public var options: ReadOptions
    /// The ring that buffers come from, if any.
    public var strategy: AccessStrategy?

    /// The first block of the read.
    public internal(set) var block = BlockNumber.invalid
    /// How many blocks it covers.
    public internal(set) var count = 0
    /// How many of them are ready in the pool.
    public internal(set) var done = 0
    /// How many pages were taken.
    public private(set) var taken = 0

    let pool: BufferPool
    let callbacks: IOCallbackID
    /// The pinned buffers in block order, from ``taken`` on.
    var buffers: [UInt32] = []
    var addresses: [PageAddress] = []
    /// Where the IO in flight reports; another one once that has been left behind.
    private(set) var report = IOReturn()
    var phase = Phase.idle
    /// Blocks of the IO in flight.
    var inFlight = 0

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
        self.relation = relation
        self.fork = fork
        self.session = session
        self.options = options
        self.strategy = strategy
        (pool, callbacks) = try manager.pool(for: relation.locator)
        buffers.reserveCapacity(pool.combineLimit)
        addresses.reserveCapacity(pool.combineLimit)
    }

    deinit { giveBack() }

    /// Takes the next page that is ready, in block order; nil when all that are ready were taken.
    public func takePage() -> PinnedPage? {
        guard taken < done else { return nil }
        let index = Int(buffers[taken])
        taken += 1
        return PinnedPage(pool.buffer(index), pool.address(index))
    }

    /// Gives back the pins of all pages that were not taken, and covers no block any more.
    public func giveBack() {
        // An IO that nobody waited for still reports to its own object, not into the next read's.
        if case .own = phase { report = IOReturn() }
        for position in taken..<buffers.count { pool.buffer(Int(buffers[position])).unpin() }
        buffers.removeAll(keepingCapacity: true)
        addresses.removeAll(keepingCapacity: true)
        (count, done, taken) = (0, 0, 0)
        phase = .idle
    }

    func append(_ index: Int) {
        buffers.append(UInt32(index))
        addresses.append(pool.address(index))
    }

    /// Leaves out the blocks from `newCount` on.
    func trim(to newCount: Int) {
        while buffers.count > newCount {
            pool.buffer(Int(buffers.removeLast())).unpin()
            addresses.removeLast()
        }
        count = newCount
    }
}
