package import AsyncIO
internal import FileAccess
package import StorageManager
package import StoreFormat

/// Recovers a store that was not closed. Runs while the store is opened, before it can be used.
///
/// It may be interrupted at any point and run again: what must be undone stays recorded in the
/// catalog until its undoing is durable. A fault of one relation's files refuses that relation
/// until the next opening, and nothing else.
package struct Recovery {
    /// The result of recovery, for the engine.
    package struct Outcome {
        package var report = RecoveryReport()
        /// Relations that must not be used while the store is open, and why.
        package var refusals: [RelationLocator: StorageError] = [:]
        /// Numbers of files that belong to no relation, so that no new relation gets one.
        package var strangeNumbers: Set<UInt32> = []
        /// Files that belonged to sessions of earlier openings.
        package var endedSessionFiles: Set<String> = []
        /// Segment files behind the reachable end of relations. They are removed when these grow.
        package var severed: [RelationLocator: [String]] = [:]
        /// Whether the catalog is one that was put back.
        package var isOutdated = false
        /// The catalog, if it was read already or is to be used in place of an older one on disk.
        package var adopted: Catalog?
        /// The mark of the open store; nil if it has none.
        package var mark: OpenMark?
        /// Whether everything that the previous process left in the kernel's cache is durable.
        package var isSettled = true
    }

    let store: StoreFiles
    let managers: StorageManagerRegistry
    let session: Session
    let control: StoreControl
    /// The names of the storage managers that are no program's own.
    let builtInManagers: [String]
    /// Whether all changes go into a shadow, which must stay small.
    let isShadowed: Bool
    package var outcome = Outcome()
    package var report: RecoveryReport {
        get { outcome.report }
        set { outcome.report = newValue }
    }

    package init(
        store: StoreFiles, control: StoreControl, managers: StorageManagerRegistry,
        builtIn: [String], session: Session, isShadowed: Bool
    ) {
        self.store = store
        self.control = control
        self.managers = managers
        builtInManagers = builtIn
        self.session = session
        self.isShadowed = isShadowed
    }

    /// Finds out whether the store was closed, and marks it as open before anything else is
    /// written.
    ///
    /// - Parameter keepsClosedMark: a bug that tests plant: the mark is not taken back.
    package mutating func begin(
        _ catalog: inout Catalog, keepsClosedMark: Bool
    ) throws(StorageError) {
        if let later = try store.laterMark(than: catalog, undoes: !isShadowed) {
            try takeUp(&catalog, olderThan: later)
        }
        let wasClosed = store.wasClosed(catalog) || keepsClosedMark
        report.endedCleanly = report.isNewStore || wasClosed
        if isShadowed || keepsClosedMark { return }
        // A process that died may have left the catalog or its name in the kernel's cache only, as
        // does copying it into place. The mark must not get ahead of it.
        if !wasClosed {
            for path in [Catalog.fileName, StoreControl.fileName] { try sync(path) }
            try store.files.syncDirectory(".")
        }
        outcome.mark = try store.markOpen(catalog)
        if outcome.mark == nil, store.hasUnreadableMark {
            // It may say that the store was closed with this catalog, and be readable again later.
            catalog.generation &+= 1
            try store.replaceCatalog(by: catalog, nil, session: session)
        }
    }

    package mutating func run(_ catalog: inout Catalog) throws(StorageError) {
        if !isShadowed { try StoreDirectory.makeShared(store.files) }
        let present = try PresentFiles(store.files)
        refuseUnmanaged(catalog)
        if !report.endedCleanly && !isShadowed { try settleCache(catalog, present) }
        if !report.endedCleanly { try removeUncountedForks(catalog, present) }
        try replayJournal(&catalog, present)
        let remains = try undo(catalog, present)
        let relations = catalog.relations.count
        dropVolatile(&catalog)
        nameSevered(catalog, present)
        nameStrangers(catalog, present)
        try removeTemporaries()
        nameRefused(catalog)
        if report.changesStore || !catalog.remains.isEmpty {
            try managers.syncPending(session)
            for directory in StoreDirectory.relationDirectories
            where try store.files.exists(directory) {
                try store.files.syncDirectory(directory)
            }
        }
        guard catalog.remains != remains || catalog.relations.count != relations else { return }
        catalog.remains = remains
        catalog.generation &+= 1
        try store.replaceCatalog(by: catalog, outcome.mark, session: session)
    }

    /// Must run before other code reads pages.
    private mutating func replayJournal(_ catalog: inout Catalog, _ present: PresentFiles)
        throws(StorageError)
    {
        var replay = JournalReplay(
            files: store.files, managers: managers, session: session, control: control,
            refusals: outcome.refusals, writesAll: !isShadowed, isOutdated: outcome.isOutdated)
        let found = catalog
        do throws(StorageError) {
            try replay.run(found, present) { () throws(StorageError) in
                // A program that does not know of kept copies must not open the store.
                if catalog.version >= Catalog.versionOfKeptCopies { return }
                catalog.version = Catalog.file.version
                catalog.generation &+= 1
                try store.replaceCatalog(by: catalog, outcome.mark, session: session)
            }
        } catch {
            // Readers do without the copies; only writing would lose them.
            guard isShadowed, error.code == .journalDamaged || error.isBadFile else { throw error }
            report.actions.append(
                .unusableJournal(path: error.location.path ?? "", reason: error.reason))
            return
        }
        outcome.refusals = replay.refusals
        if replay.found.pages > 0 || replay.found.damagedBatches > 0 {
            report.actions.append(.replayedJournal(replay.found))
        }
    }

    // MARK: One relation

    /// Runs an action that concerns one relation. If its files are unusable, the relation is
    /// refused.
    ///
    /// - Returns: whether the action succeeded.
    /// - Throws: errors that concern more than that relation.
    mutating func apart(
        _ locator: RelationLocator, _ body: (inout Recovery) throws(StorageError) -> Void
    ) throws(StorageError) -> Bool {
        do throws(StorageError) {
            try body(&self)
            return true
        } catch {
            guard error.concernsOneRelation else { throw error }
            outcome.refusals[locator] = outcome.refusals[locator] ?? error
            return false
        }
    }

    /// Refuses relations whose storage manager is missing.
    private mutating func refuseUnmanaged(_ catalog: Catalog) {
        let relations = catalog.relations { managers.manager(named: $0) == nil }
        for relation in relations {
            outcome.refusals[relation.locator] = .unmanaged(
                relation, because: managers.failures[relation.managerName])
        }
    }

    private mutating func nameRefused(_ catalog: Catalog) {
        if outcome.refusals.isEmpty { return }
        for relation in catalog.relations.values.sorted(by: { $0.name < $1.name }) {
            guard let error = outcome.refusals[relation.locator] else { continue }
            report.actions.append(.refused(relation: relation.name, reason: error.reason))
        }
    }

    /// The numbers of relations whose storage managers are not built in.
    func pluggedNumbers(_ catalog: Catalog) -> Set<UInt32> {
        catalog.numbers(managedByOthersThan: builtInManagers)
    }

    /// Drops relations that existed only while the engine had them.
    private mutating func dropVolatile(_ catalog: inout Catalog) {
        let volatile = catalog.relations {
            managers.manager(named: $0)?.manager.capabilities.isVolatile == true
        }
        for relation in volatile.sorted(by: { $0.name < $1.name }) {
            catalog.relations[relation.name] = nil
            report.actions.append(.ended(relation: relation.name, manager: relation.managerName))
        }
    }
}
