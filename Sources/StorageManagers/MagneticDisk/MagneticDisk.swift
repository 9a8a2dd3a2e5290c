public import AsyncIO
public import FileAccess
public import StorageManager

/// Stores relations in plain files, one page after the other, in PostgreSQL's layout.
///
/// A fork is a sequence of segment files, `base/1/16384`, `base/1/16384.1` and so on, all full
/// except the last. One object serves an engine; all calls may come from any thread. Mirrors
/// PostgreSQL's `md.c`.
public final class MagneticDisk: StorageManager {
    let files: FileAccess
    let syncQueue: SyncQueue
    let geometry: SegmentGeometry
    let isReadOnly: Bool
    let writes: WriteLedger
    let writesAtomically: Bool
    let readCallbacks: IOCallbackID
    let writeCallbacks: IOCallbackID

    /// The capabilities of plain files. Direct IO loses those that the kernel's page cache
    /// provides.
    public let capabilities: StorageManagerCapabilities

    /// Sets up the manager and registers its callbacks with the core.
    ///
    /// - Parameters:
    ///   - files: the store's files.
    ///   - system: the core of the engine.
    ///   - configuration: the manager's settings.
    /// - Throws: `invalidConfiguration` for an invalid segment size; `resourcesExhausted` if the
    ///   core has no callback ids left.
    public init(
        files: FileAccess, system: IOSystem,
        configuration: MagneticDiskConfiguration = MagneticDiskConfiguration()
    ) throws(StorageError) {
        self.files = files
        geometry = try configuration.geometry()
        writesAtomically = configuration.writesAtomically
        isReadOnly = configuration.isReadOnly
        syncQueue = try files.makeSyncQueue(system: system)
        writes = WriteLedger(syncQueue)
        readCallbacks = try system.register(callbacks: BlockCallbacks(.read, geometry: geometry))
        writeCallbacks = try system.register(
            callbacks: BlockCallbacks(.write, geometry: geometry, ledger: writes))
        let isCached = !files.configuration.usesDirectIO
        capabilities = StorageManagerCapabilities(
            hasKernelReadAhead: isCached, supportsPrefetch: isCached, usesDirectIO: !isCached,
            canReopen: true, pagesCanTear: !configuration.writesAtomically,
            keepsSegmentFiles: true)
    }

    /// `magnetic`.
    public var name: String { "magnetic" }

    /// Makes the object that stores one relation. Touches no file. Mirrors `mdopen`.
    public func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        MagneticRelation(locator, disk: self, target: target)
    }

    /// Removes a fork's segments, the last one first. So a crash leaves a shorter fork, never later
    /// segments that a new relation with that number would inherit.
    ///
    /// The next ``syncPending(_:)`` makes the directory durable. Mirrors `mdunlink`.
    ///
    /// - Throws: what removing a file throws; segments not yet removed stay.
    public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        try checkWritable(locator, fork)
        do throws(StorageError) {
            var count = 1
            while try files.exists(geometry.path(locator, fork, segment: count)) { count += 1 }
            for segment in (0..<count).reversed() {
                let path = geometry.path(locator, fork, segment: segment)
                syncQueue.forget(path)
                try files.remove(path, ifExists: true)
            }
        } catch {
            throw error.naming(locator, fork)
        }
        syncQueue.registerDirectory(of: geometry.path(locator, fork, segment: 0))
    }

    /// Makes registered writes, creations and removals durable. Mirrors PostgreSQL's
    /// `ProcessSyncRequests`.
    ///
    /// Does not wait for writes in flight: the next call covers them.
    ///
    /// - Throws: `syncFailed`, which names the file and is final; or what reopening a file throws.
    public func syncPending(_ session: Session) throws(StorageError) {
        do throws(StorageError) {
            try syncQueue.syncAll(session)
        } catch {
            throw StorageError(
                error.code == .fileSyncFailed ? .syncFailed : error.code, error.message,
                remedy: error.remedy, at: error.location, errorNumber: error.errorNumber,
                underlying: error.underlying)
        }
    }

    /// Whether files were written, created or removed since.
    public var hasPendingSyncs: Bool { syncQueue.count > 0 }

    /// Nothing to end: files close with the relations.
    public func shutdown() {}
}

extension MagneticDisk {
    /// Throws `readOnly` if the files were opened read-only.
    func checkWritable(_ locator: RelationLocator, _ fork: Fork) throws(StorageError) {
        guard isReadOnly else { return }
        throw StorageError(
            .readOnly, "relation \"\(locator)\(fork.suffix)\" is open read-only",
            remedy: "Open its files without MagneticDiskConfiguration.isReadOnly to change them.",
            at: StorageError.Location(relation: locator.description, fork: fork.name))
    }
}
