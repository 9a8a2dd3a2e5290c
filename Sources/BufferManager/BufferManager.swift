public import AsyncIO
public import StorageManager
internal import Synchronization
internal import Threads

/// The page cache of an engine, between the users of pages and the storage managers.
///
/// Safe to call from any thread, each with its own session, unless stated otherwise. Calls that can
/// wait block the thread. Mirrors PostgreSQL's `bufmgr.c`.
public final class BufferManager: Sendable {
    /// The settings the manager was made with.
    public let configuration: BufferConfiguration
    /// The core that does the manager's IO.
    public let system: IOSystem

    let shared: BufferPool
    let gate: WriteGate
    /// Those of ``shared``, at hand for hits.
    let sharedTables: PoolTables
    let sharedCallbacks: IOCallbackID
    /// The method executes every IO when it is submitted.
    private let isSynchronous: Bool
    let table = RelationTable()
    let localPools = Lock<[UInt32: LocalPool]>([:], rank: .localPools)
    /// The number of open sessions that read nothing.
    let backgroundSessions = Atomic<Int>(0)

    /// The pool of one session's local relations.
    struct LocalPool {
        let pool: BufferPool
        let callbacks: IOCallbackID
    }

    /// Makes a manager with an empty pool. Touches none of the pool's memory.
    ///
    /// - Throws: `invalidConfiguration` if a setting is outside its range; `resourcesExhausted` if
    ///   the address space has no room for the pool.
    public init(configuration: BufferConfiguration = BufferConfiguration(), system: IOSystem)
        throws(StorageError)
    {
        try configuration.validate(system)
        self.configuration = configuration
        self.system = system
        isSynchronous = system.method.executesInSubmitter
        gate = WriteGate(
            configuration.writeAheadLog, configuration.pageVoucher, configuration.logger)
        shared = try BufferPool(
            count: configuration.bufferCount, isLocal: false, configuration: configuration,
            sessions: system.configuration.maximumSessions, gate: gate)
        sharedTables = shared.tables
        sharedCallbacks = try ReadCallbacks.register(shared, system)
        try shared.registerWrites(system)
    }

    /// Whether the submitter of IO on a relation executes it at once. Reads are then put off until
    /// a thread waits for them. Managers that hand their IO to other code overlap the submitter
    /// under every method (``StorageManagerCapabilities/overlapsSubmitter``).
    package func executesInSubmitter(_ relation: OpenRelation) -> Bool {
        isSynchronous && !relation.capabilities.overlapsSubmitter
    }

    /// Changes that were not written are lost, which is logged. The core keeps the pool's memory
    /// until it is destroyed itself, for IO in flight and for pages still pinned.
    deinit {
        for pool in pools { pool.clear() }
    }

    /// The pool that a relation's pages belong to, and its callbacks.
    @inline(__always)
    func pool(for locator: RelationLocator) throws(StorageError) -> (BufferPool, IOCallbackID) {
        locator.isLocal ? try localPool(locator.localSession) : (shared, sharedCallbacks)
    }

    /// The pool of a session's local relations, made on first use. A session's number keeps its
    /// pool, because the core keeps the pool's callbacks.
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

    /// All pools.
    var pools: [BufferPool] { [shared] + localPools.withLock { $0.values.map(\.pool) } }

    /// How many pages one session may pin without exceeding its share of the pool; at least one.
    /// Mirrors PostgreSQL's `GetPinLimit`.
    public var pinLimit: Int {
        max(1, configuration.bufferCount / max(1, system.configuration.maximumSessions))
    }

    /// How many pages a stream that begins now may pin ahead of its user.
    ///
    /// At least ``pinLimit``. The sessions that are open share an eighth of the pool, so that a
    /// single one can read far enough ahead for a slow device. Safe to call from any thread.
    public var readAheadLimit: Int {
        let readers = system.openSessionCount - backgroundSessions.load(ordering: .relaxed)
        return max(pinLimit, configuration.bufferCount / 8 / max(1, readers))
    }

    /// The bytes of memory that the shared pool takes besides its pages: descriptors, mapping,
    /// counters, and copies for writes so far. Safe to call from any thread.
    public var bookkeepingBytes: Int { shared.bookkeepingBytes }

    /// The sum of all sessions' counters since the manager was made. Safe to call from any thread.
    public var statistics: BufferStatistics {
        var total = BufferStatistics()
        for pool in pools { pool.addStatistics(to: &total) }
        return total
    }

    /// Stops all writing, because a sync has failed and what is on disk is unknown.
    ///
    /// From then on, writing pages of shared relations throws `storeFailed`, and buffers are taken
    /// from clean pages only. Pages in the pool stay readable. A failed sync of a `WriteAheadLog`
    /// has the same effect by itself. Safe to call from any thread.
    ///
    /// - Returns: whether this is the first failure.
    @discardableResult
    public func refuseWrites(because failure: StorageError) -> Bool { gate.close(failure) }

    /// - Throws: `storeFailed` if writing was stopped.
    public func checkWritable() throws(StorageError) { try gate.check() }

    /// The failure that stopped writing; nil if there was none. Safe to call from any thread.
    public var writeFailure: StorageError? { gate.failure }

    /// How many pages of all relations had a wrong checksum when they were read.
    public var checksumFailures: UInt64 {
        pools.reduce(0) { $0 + $1.checksumFailures.load(ordering: .relaxed) }
    }

    /// How many pages of a relation had a wrong checksum when they were read, since the relation
    /// was first used or last dropped or closed.
    public func checksumFailures(of relation: OpenRelation) -> UInt64 {
        table.existing(relation.locator)?.checksumFailures.load(ordering: .relaxed) ?? 0
    }

    /// Whether a page is in the pool and valid. May be outdated at once. Safe to call from any
    /// thread.
    public func isResident(_ block: BlockNumber, of relation: OpenRelation, fork: Fork = .main)
        -> Bool
    {
        guard let (pool, _) = try? pool(for: relation.locator),
            let index = pool.likelyIndex(PageTag(relation.locator, fork, block))
        else { return false }
        return pool.buffer(index).state.has(BufferState.valid)
    }
}
