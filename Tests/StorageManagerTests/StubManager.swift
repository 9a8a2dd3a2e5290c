import AsyncIO
import StorageManager
import Threads

/// A manager that stores nothing and records its calls.
final class StubManager: StorageManager {
    let name: String
    let capabilities: StorageManagerCapabilities
    let failsSync: Bool
    private let calls = Lock<[String]>([], rank: .observer)

    init(
        name: String, capabilities: StorageManagerCapabilities = .init(), failsSync: Bool = false
    ) {
        self.name = name
        self.capabilities = capabilities
        self.failsSync = failsSync
    }

    var log: [String] { calls.withLock { $0 } }
    func note(_ call: String) { calls.withLock { $0.append(call) } }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        note("open \(locator)")
        if locator.number == 0 { throw StorageError(.notFound, "relation 0 cannot be") }
        return StubRelation(self, locator, target)
    }

    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        note("unlink \(fork.name)")
    }

    func syncPending(_ session: Session) throws(StorageError) {
        note("sync")
        if failsSync { throw StorageError(.syncFailed, "\(name) cannot sync") }
    }

    func shutdown() { note("shutdown") }
}

/// A relation of a ``StubManager``.
final class StubRelation: RelationStorage {
    let manager: StubManager
    let locator: RelationLocator
    let target: RelationTarget

    init(_ manager: StubManager, _ locator: RelationLocator, _ target: RelationTarget) {
        self.manager = manager
        self.locator = locator
        self.target = target
    }

    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {}
    func exists(_ fork: Fork) throws(StorageError) -> Bool { false }
    func close(_ fork: Fork, session: Session) { manager.note("close \(fork.name)") }
    func extend(
        _ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy
    ) throws(StorageError) {}
    func zeroExtend(
        _ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy
    ) throws(StorageError) {}
    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        false
    }
    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int { 1 }
    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {}
    /// Releases the handle and throws.
    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        handle.release()
        throw StorageError(.readFailed, "a stub reads nothing")
    }
    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {}
    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        handle.release()
        throw StorageError(.writeFailed, "a stub writes nothing")
    }
    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {}
    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 { 0 }
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {}
    func immediateSync(_ fork: Fork) throws(StorageError) {}
    func registerSync(_ fork: Fork) throws(StorageError) {}
    func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt {
        manager.note("descriptor \(fork.name) \(block)")
        return -77
    }
}
