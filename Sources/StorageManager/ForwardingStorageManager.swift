public import AsyncIO

/// A storage manager on top of another: calls that it does not define are forwarded.
///
/// A conforming type has ``base`` and defines what it does differently, usually
/// ``StorageManager/open(_:target:)``, which wraps the base's storage of a relation in a
/// ``ForwardingRelationStorage``, and ``StorageManager/name``, which catalogs record.
public protocol ForwardingStorageManager: StorageManager {
    /// The manager below.
    var base: any StorageManager { get }
}

/// Each call goes through to ``base``.
extension ForwardingStorageManager {
    /// The base's name.
    public var name: String { base.name }

    /// The base's capabilities.
    public var capabilities: StorageManagerCapabilities { base.capabilities }

    /// Goes through.
    public func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        try base.open(locator, target: target)
    }

    /// Goes through.
    public func prepare(_ locator: RelationLocator, options: [String: String])
        throws(StorageError)
    {
        try base.prepare(locator, options: options)
    }

    /// Goes through.
    public func options(of locator: RelationLocator) throws(StorageError) -> [String: String] {
        try base.options(of: locator)
    }

    /// Goes through.
    public func space(of locator: RelationLocator, fork: Fork) throws(StorageError)
        -> RelationSpace?
    {
        try base.space(of: locator, fork: fork)
    }

    /// Goes through.
    public func compact(_ locator: RelationLocator) throws(StorageError) -> Int {
        try base.compact(locator)
    }

    /// Goes through.
    public func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError) {
        try base.check(locator, fork: fork, found: found)
    }

    /// Goes through.
    public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        try base.unlink(locator, fork: fork)
    }

    /// Goes through.
    public func syncPending(_ session: Session) throws(StorageError) {
        try base.syncPending(session)
    }

    /// Whether the base knows of something.
    public var hasPendingSyncs: Bool { base.hasPendingSyncs }

    /// Goes through.
    public func allowBackgroundWork(_ isAllowed: Bool) { base.allowBackgroundWork(isAllowed) }

    /// Goes through.
    public func shutdown() { base.shutdown() }
}

/// The storage of a relation on top of another's: calls that it does not define are forwarded.
///
/// A conforming type has ``base`` and defines what it does differently. Blocking calls do not go
/// through the started ones, nor the other way round: a wrapper that changes what reading means
/// defines both.
public protocol ForwardingRelationStorage: RelationStorage {
    /// The storage below.
    var base: any RelationStorage { get }
}

/// Each call goes through to ``base``.
extension ForwardingRelationStorage {
    /// Goes through.
    public func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        try base.create(fork, ifMissing: ifMissing)
    }

    /// Goes through.
    public func exists(_ fork: Fork) throws(StorageError) -> Bool { try base.exists(fork) }

    /// Goes through.
    public func close(_ fork: Fork, session: Session) { base.close(fork, session: session) }

    /// Goes through.
    public func extend(
        _ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy
    ) throws(StorageError) {
        try base.extend(fork, at: block, with: page, sync: sync)
    }

    /// Goes through.
    public func zeroExtend(
        _ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy
    ) throws(StorageError) {
        try base.zeroExtend(fork, from: block, count: count, sync: sync)
    }

    /// Goes through.
    public func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError)
        -> Bool
    {
        try base.prefetch(fork, block: block, count: count)
    }

    /// The base's.
    public func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int {
        base.maximumCombine(fork, block: block)
    }

    /// The base's.
    public func maximumWrite(_ fork: Fork, block: BlockNumber) -> Int {
        base.maximumWrite(fork, block: block)
    }

    /// The base's.
    public func blocksPerGroup(_ fork: Fork) -> Int { base.blocksPerGroup(fork) }

    /// Goes through.
    public func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        try base.read(fork, block: block, into: pages)
    }

    /// Goes through, with the handle.
    public func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        try base.startRead(handle, fork, block: block, into: pages)
    }

    /// Goes through.
    public func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try base.write(fork, block: block, from: pages, sync: sync)
    }

    /// Goes through, with the handle.
    public func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try base.startWrite(handle, fork, block: block, from: pages, sync: sync)
    }

    /// Goes through.
    public func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {
        try base.writeback(fork, block: block, count: count)
    }

    /// The base's.
    public func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 {
        try base.blockCount(fork)
    }

    /// Goes through.
    public func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        try base.truncate(fork, to: count, session: session)
    }

    /// Goes through.
    public func immediateSync(_ fork: Fork) throws(StorageError) {
        try base.immediateSync(fork)
    }

    /// Goes through.
    public func registerSync(_ fork: Fork) throws(StorageError) { try base.registerSync(fork) }

    /// The base's.
    public func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt {
        base.descriptor(fork, block: block, for: io)
    }
}
