import AsyncIO
import Foundation
import StorageManager

/// Makes a pool of threads read and write the blocks of another manager: the example of the article
/// "IO that other code executes". In a real manager, a remote store's client takes the other
/// manager's place.
final class PooledDisk: ForwardingStorageManager {
    let base: any StorageManager
    private let pool = OperationQueue()
    private let reading: IOCallbackID
    private let writing: IOCallbackID

    /// Stands on `base`, which this object owns from now on.
    init(over base: any StorageManager, threads: Int, system: IOSystem) throws(StorageError) {
        self.base = base
        pool.maxConcurrentOperationCount = threads
        reading = try system.register(callbacks: PooledCallbacks(.readFailed))
        writing = try system.register(callbacks: PooledCallbacks(.writeFailed))
    }

    var name: String { "pooled" }

    /// The base's capabilities, except that IO proceeds beside its submitter under every method.
    var capabilities: StorageManagerCapabilities {
        var capabilities = base.capabilities
        capabilities.overlapsSubmitter = true
        return capabilities
    }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        let relation = PooledRelation(
            try base.open(locator, target: target), locator, target, pool, reading, writing)
        return relation
    }

    /// All IO is complete by now, but its threads may not have returned yet.
    func shutdown() {
        pool.waitUntilAllOperationsAreFinished()
        base.shutdown()
    }
}

/// One relation. The pool does started IO; all other calls go to the base.
final class PooledRelation: ForwardingRelationStorage {
    let base: any RelationStorage
    private let locator: RelationLocator
    private let target: RelationTarget
    private let pool: OperationQueue
    private let reading: IOCallbackID
    private let writing: IOCallbackID

    init(
        _ base: any RelationStorage, _ locator: RelationLocator, _ target: RelationTarget,
        _ pool: OperationQueue, _ reading: IOCallbackID, _ writing: IOCallbackID
    ) {
        self.base = base
        self.locator = locator
        self.target = target
        self.pool = pool
        self.reading = reading
        self.writing = writing
    }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        let (base, pages) = (base, pages.indices.map { pages[$0] })
        try start(handle, .read, reading, fork, block, pages.count) { () throws(StorageError) in
            try base.read(fork, block: block, into: pages.span)
        }
    }

    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        let (base, pages) = (base, pages.indices.map { pages[$0] })
        try start(handle, .write, writing, fork, block, pages.count) { () throws(StorageError) in
            try base.write(fork, block: block, from: pages.span, sync: sync)
        }
    }

    /// Labels the IO, and makes a thread of the pool do `work` and complete it.
    private func start(
        _ handle: consuming IOHandle, _ operation: IOOperation, _ callbacks: IOCallbackID,
        _ fork: Fork, _ block: BlockNumber, _ count: Int,
        _ work: @escaping @Sendable () throws(StorageError) -> Void
    ) throws(StorageError) {
        do throws(StorageError) {
            try handle.registerCallbacks(callbacks)
        } catch {
            handle.release()
            throw error
        }
        target.set(on: handle, locator, fork, block: block, count: count)
        handle.startElsewhere(operation) { [pool] io in
            pool.addOperation {
                do throws(StorageError) {
                    try work()
                    io.complete(result: count * blockSize)
                } catch {
                    io.complete(result: -Int(error.errorNumber ?? EIO))
                }
            }
        }
    }
}

/// Turns bytes into blocks and words errors, on the thread that completes the IO.
final class PooledCallbacks: IOCallbacks {
    private let code: StorageError.Code

    init(_ code: StorageError.Code) { self.code = code }

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        guard prior.status != .error else {
            return IOResult(.error, callbackID: registration.id, errorData: prior.errorData)
        }
        return IOResult(.ok, value: prior.value / Int32(blockSize))
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        let label = RelationLabel(targetData)
        return StorageError(
            code, "a thread of the pool failed with \(label)",
            remedy: "Look whether the blocks exist.",
            at: StorageError.Location(
                relation: label.locator.description, fork: label.fork.name,
                block: label.block.rawValue),
            errorNumber: CInt(truncatingIfNeeded: result.errorData))
    }
}
