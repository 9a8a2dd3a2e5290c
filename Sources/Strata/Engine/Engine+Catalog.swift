internal import FileAccess
internal import Logging
internal import Threads

/// Changing the store's catalog.
extension Engine {
    /// Throws if a change is not allowed: with another engine's session, after closing, or after a
    /// failed sync.
    func checkUsable(_ session: Session) throws(StorageError) {
        guard session.system === system else {
            throw StorageError(
                .misuse, "the session belongs to another engine",
                remedy: "Use a session that this engine's makeSession() gave.")
        }
        if options.access == .readOnly {
            throw .openedForReading(directory)
        }
        if state.withLock({ $0.isClosed }) {
            throw StorageError(.closed, "store \"\(directory)\" has been closed")
        }
        try checkWritable()
    }

    /// Throws after a failed sync, or once the store is another engine's.
    func checkWritable() throws(StorageError) {
        if let failure = buffers.writeFailure {
            if failure.code == .storeReplaced { throw .failed(failure, directory) }
            throw .unknownOnDisk(failure, directory)
        }
    }

    /// Records a failed sync. From then on the state on disk is unknown, and another sync would
    /// report success.
    func note(_ error: StorageError) {
        guard error.isFinalSyncFailure, buffers.refuseWrites(because: error) else { return }
        managers.allowBackgroundWork(false)
        logger.critical("store \"\(directory)\" takes no more changes: \(error)")
    }

    /// Makes all registered writes durable, unless another engine has the store: storage managers
    /// record in their own files what became durable. Must not be called under ``changes``.
    func syncPending(_ session: Session) throws(StorageError) {
        session.submitStaged()
        try checkOwnership()
        do throws(StorageError) { try managers.syncPending(session) } catch {
            note(error)
            throw error
        }
    }

    /// Makes all registered writes durable, and lets the journal drop the copies it kept for them.
    func syncJournalled(_ session: Session) throws(StorageError) {
        guard let journal else { return try syncPending(session) }
        session.submitStaged()
        try checkOwnership()
        do throws(StorageError) { try journal.checkpoint(session) } catch {
            note(error)
            throw error
        }
    }

    /// Replaces the catalog by a changed one, durably.
    ///
    /// Shared changes of threads that wait at the same time take effect in one step. Another thread
    /// may then call the closures, while this one sleeps.
    ///
    /// - Parameters:
    ///   - isShared: whether `change` uses nothing but its parameter and what it alone has, since
    ///     ``state`` lacks earlier changes of the step.
    ///   - change: makes the change. If it throws, everything stays as it was.
    ///   - whenDurable: puts in place what the new catalog counts, before anything in memory says
    ///     so. It must not wait for pages.
    ///   - publish: updates the engine's state at the moment when the new catalog takes effect.
    /// - Throws: what `change` throws; why the step failed, to all that share it.
    func changeCatalog(
        _ session: Session, isShared: Bool = false,
        _ change: @escaping (inout Catalog) throws(StorageError) -> Void,
        whenDurable: @escaping () -> Void = {},
        publish: @escaping (inout EngineState) -> Void = { _ in }
    ) throws(StorageError) {
        session.submitStaged()
        try checkUsable(session)
        let one = CatalogChanges.Change(
            isShareable: isShared, change: change, whenDurable: whenDurable, publish: publish)
        try waitingChanges.make(one) { take in
            changes.withLock { _ in
                let step = take()
                do throws(StorageError) { try make(step, session) } catch { step.fail(error) }
            }
        }
    }

    private func make(_ step: CatalogChanges<EngineState>.Step, _ session: Session)
        throws(StorageError)
    {
        try checkUsable(session)
        try checkOwnershipWhileChanging()
        var next = state.withLock { $0.catalog }
        guard step.make(in: &next) else { return }
        next.generation &+= 1
        next.encodeChanges()
        do throws(StorageError) {
            try StoreFiles(files: files).replaceCatalog(by: next, outcome.mark, session: session)
        } catch {
            note(error)
            throw error
        }
        step.putInPlace()
        let published = next
        state.withLock { state in
            state.catalog = published
            step.show(in: &state)
        }
    }

    /// Of those relations, the ones that have grown beyond what the catalog says, with their sizes.
    /// Of further forks, those that this engine has extended: others are no part of the store. If a
    /// size cannot be read now, the next checkpoint asks again.
    func changedSizes(of locators: [RelationLocator]) -> [RelationDescription] {
        var changed: [RelationDescription] = []
        let found = state.withLock { state in
            locators.compactMap { locator in
                state.description(at: locator).flatMap { relation in
                    state.records[locator].map { record in
                        // At the same moment, so that no cut is missed.
                        record.withForks { $0.forgetCuts() }
                        return (relation, record)
                    }
                }
            }
        }
        for (relation, record) in found {
            var now = relation
            now.blockCount = record.blockCount
            for fork in Fork.allCases where fork != .main {
                do throws(StorageError) {
                    // A vanished fork stays recorded, so that verifying misses it.
                    let added = try record.forks.extended(fork, of: record.open)
                    guard let count = added else { continue }
                    // A fork that has become shorter is damaged.
                    now.furtherForks[fork] = max(count, now.furtherForks[fork] ?? 0)
                } catch {
                    logger.warning("could not read a size: \(error)")
                    state.withLock { _ = $0.touched.insert(relation.locator) }
                }
            }
            if now != relation { changed.append(now) }
        }
        return changed
    }

    /// Evicts the pages of dropped or replaced relations from the pool and frees their files'
    /// space, once for each relation. The files themselves are removed at the next checkpoint.
    func emptyDropped(_ session: Session) {
        for (locator, managerName) in state.withLock({ $0.takeDropped() }) {
            do throws(StorageError) {
                let relation = try openRelation(locator, managedBy: managerName)
                for fork in Fork.allCases where try relation.storage.exists(fork) {
                    // A page that somebody has stays, and is not written behind the file's end.
                    buffers.setCut(relation, fork, from: 0)
                    try buffers.dropBlocks(
                        of: relation, fork: fork, from: BlockNumber(0), session: session)
                    try relation.storage.truncate(fork, to: 0, session: session)
                }
            } catch {
                note(error)
                logger.warning("could not empty the files of relation \(locator): \(error)")
            }
        }
    }

    /// Removes the files of dropped or replaced relations that are no longer used.
    ///
    /// What cannot be removed stays recorded and is retried at the next checkpoint, or when the
    /// store is opened.
    func removeRemains(
        _ session: Session, of chosen: Set<RelationLocator>
    ) {
        var removed: [RelationLocator] = []
        let removable = state.withLock { $0.removable }.filter { chosen.contains($0.locator) }
        if removable.isEmpty { return }
        let present: PresentFiles
        session.submitStaged()
        do throws(StorageError) {
            try checkOwnership()
            present = try PresentFiles(files)
        } catch {
            logger.warning("could not look for the files of dropped relations: \(error)")
            return
        }
        for (locator, managerName) in removable {
            do throws(StorageError) {
                try removeFiles(
                    locator, managerName, present.byNumber[locator.number] ?? [], session)
                removed.append(locator)
            } catch {
                logger.warning("could not remove the files of relation \(locator): \(error)")
            }
        }
        if removed.isEmpty { return }
        do throws(StorageError) {
            // Until the removal is durable, the catalog must keep the record.
            try syncPending(session)
            try changeCatalog(session, isShared: true) { (catalog) throws(StorageError) in
                for locator in removed { catalog.remains[locator] = nil }
            } publish: { state in
                for locator in removed {
                    state.records[locator] = nil
                    state.dropped[locator] = nil
                }
            }
        } catch {
            logger.warning("could not record that files were removed: \(error)")
        }
    }

    /// Drops a relation's buffers, waiting for IO in flight, and removes its files.
    ///
    /// - Parameter paths: the existing ones. If one is missing, the storage manager does not find
    ///   those after it.
    private func removeFiles(
        _ locator: RelationLocator, _ managerName: String, _ paths: [String], _ session: Session
    ) throws(StorageError) {
        let relation = try openRelation(locator, managedBy: managerName)
        try buffers.drop(relation, session: session)
        try managers.unlink(relation, session: session)
        var isChanged = false
        for path in paths where try files.kind(of: path) != .directory {
            if try files.remove(path, ifExists: true) { isChanged = true }
        }
        if isChanged { try files.syncDirectory(PresentFiles.directory) }
        state.withLock { $0.severed[locator] = nil }
    }

    /// - Parameter pageKind: what its pages look like; nil if no page will be read or written.
    func openRelation(
        _ locator: RelationLocator, managedBy name: String, pageKind: PageKind? = nil
    ) throws(StorageError) -> OpenRelation {
        guard let manager = managers.manager(named: name) else {
            throw .unknownManager(name, of: locator)
        }
        return try managers.open(locator, managedBy: manager.id, pageKind: pageKind)
    }
}
