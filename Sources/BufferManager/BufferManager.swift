public import AsyncIO
public import StorageManager
internal import Synchronization

/// The page cache of an engine: between what reads and changes pages, and the storage managers.
///
/// Any thread may call it, each with its own session, unless said otherwise. Calls that can wait
/// block the thread. Mirrors PostgreSQL's `bufmgr.c`.
public final class BufferManager: Sendable {
    /// The settings it was made with.
    public let configuration: BufferConfiguration
    /// The core that does its IO.
    public let system: IOSystem

    let shared: BufferPool
    let gate: WriteGate
    /// Those of ``shared``, at hand for hits.
    let sharedTables: PoolTables
    let sharedCallbacks: IOCallbackID
    /// The method executes every IO when it is submitted: reads are put off until waited for.
    let isSynchronous: Bool
    let table = RelationTable()
    let localPools = Lock<[UInt32: LocalPool]>([:])
    /// Open sessions that read nothing.
    let backgroundSessions = Atomic<Int>(0)

    /// The pool of one session's local relations.
    struct LocalPool {
        let pool: BufferPool
        let callbacks: IOCallbackID
    }

    /// Makes a manager with an empty pool. Touches none of the pool's memory.
    ///
    /// - Throws: `invalidConfiguration` for a setting outside its range, `resourcesExhausted` when
    ///   the address space has no room for the pool.
    public init(configuration: BufferConfiguration = BufferConfiguration(), system: IOSystem)
        throws(StorageError)
    {
        try configuration.validate(system)
        self.configuration = configuration
        self.system = system
        isSynchronous = system.method.executesInSubmitter
        gate = WriteGate(configuration.writeAheadLog, configuration.logger)
        shared = try BufferPool(
            count: configuration.bufferCount, isLocal: false, configuration: configuration,
            sessions: system.configuration.maximumSessions, gate: gate)
        sharedTables = shared.tables
        sharedCallbacks = try ReadCallbacks.register(shared, system)
        try shared.registerWrites(system)
    }

    /// Changes that were not written out are lost, which is logged. The core keeps the pool's memory
    /// until it ends itself, so that IO in flight and pages still pinned have theirs.
    deinit {
        for pool in pools { pool.clear() }
    }

    /// The pool that a relation's pages belong to, with its callbacks.
    @inline(__always)
    func pool(for locator: RelationLocator) throws(StorageError) -> (BufferPool, IOCallbackID) {
        locator.isLocal ? try localPool(locator.localSession) : (shared, sharedCallbacks)
    }

    /// The pool of a session's local relations, made when it is first asked for. A session's number
    /// keeps its pool, as the core keeps the pool's callbacks.
    @inline(never)
    private func localPool(_ session: UInt32) throws(StorageError) -> (BufferPool, IOCallbackID) {
        let result: Result<LocalPool, StorageError> = localPools.withLock { pools in
            if let pool = pools[session] { return .success(pool) }
            do throws(StorageError) {
                let pool = try BufferPool(
                    count: configuration.localBufferCount, isLocal: true,
                    configuration: configuration,
                    sessions: system.configuration.maximumSessions, gate: gate)
                let callbacks = try ReadCallbacks.register(pool, system)
                try pool.registerWrites(system)
                pools[session] = LocalPool(pool: pool, callbacks: callbacks)
                return .success(LocalPool(pool: pool, callbacks: callbacks))
            } catch {
                return .failure(error)
            }
        }
        let local = try result.get()
        return (local.pool, local.callbacks)
    }

    /// All pools there are.
    var pools: [BufferPool] { [shared] + localPools.withLock { $0.values.map(\.pool) } }

    /// How many pages one session may have pinned without taking more than its share of the pool;
    /// at least one. Mirrors PostgreSQL's `GetPinLimit`.
    public var pinLimit: Int {
        max(1, configuration.bufferCount / max(1, system.configuration.maximumSessions))
    }

    /// How many pages a stream that begins now may keep pinned ahead of its user.
    ///
    /// The session's share, as ``pinLimit``; but while few sessions are open, they divide an eighth
    /// of the pool, so that a single one can read far enough ahead for a slow device. Any thread.
    public var readAheadLimit: Int {
        let readers = system.openSessionCount - backgroundSessions.load(ordering: .relaxed)
        return max(pinLimit, configuration.bufferCount / 8 / max(1, readers))
    }

    /// How many bytes of memory the shared pool takes besides its pages: descriptors, mapping,
    /// counters, and what its writes have needed for copies so far. Any thread.
    public var bookkeepingBytes: Int { shared.bookkeepingBytes }

    /// What the manager has done since it was made: the sessions' counts, added up. Any thread.
    public var statistics: BufferStatistics {
        var total = BufferStatistics()
        for pool in pools { pool.addStatistics(to: &total) }
        return total
    }

    /// Has nothing be written any more, as a sync has failed: what is on disk is not known.
    ///
    /// From then on, writing pages of shared relations throws `storeFailed`, and buffers are taken
    /// from clean pages only. What is in the pool stays readable. A failed sync of a
    /// ``WriteAheadLog`` does the same by itself. Any thread.
    ///
    /// - Returns: whether this is the first failure.
    @discardableResult
    public func refuseWrites(because failure: StorageError) -> Bool { gate.close(failure) }

    /// - Throws: `storeFailed` when nothing is written any more.
    public func checkWritable() throws(StorageError) { try gate.check() }

    /// The failure since which nothing is written any more; nil while there was none. Any thread.
    public var writeFailure: StorageError? { gate.failure }

    /// How many pages had a wrong checksum when they were read, of all relations.
    public var checksumFailures: UInt64 {
        pools.reduce(0) { $0 + $1.checksumFailures.load(ordering: .relaxed) }
    }

    /// How many pages of a relation had a wrong checksum when they were read, since it was made or
    /// dropped.
    public func checksumFailures(of relation: OpenRelation) -> UInt64 {
        table.existing(relation.locator)?.checksumFailures.load(ordering: .relaxed) ?? 0
    }

    /// Whether a page is in the pool and valid. What is true now may be false at once. Any thread.
    public func isResident(_ block: BlockNumber, of relation: OpenRelation, fork: Fork = .main)
        -> Bool
    {
        guard let (pool, _) = try? pool(for: relation.locator),
            let index = pool.likelyIndex(PageTag(relation.locator, fork, block))
        else { return false }
        return pool.buffer(index).state.has(BufferState.valid)
    }
}
