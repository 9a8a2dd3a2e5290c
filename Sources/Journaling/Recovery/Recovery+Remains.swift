internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import StoreFormat

/// What unfinished changes have left, and unknown files.
extension Recovery {
    /// Undoes what the remains describe.
    ///
    /// - Returns: those that could not be undone and stay recorded.
    mutating func undo(_ catalog: Catalog, _ present: PresentFiles) throws(StorageError)
        -> [RelationLocator: Catalog.Remains]
    {
        var left: [RelationLocator: Catalog.Remains] = [:]
        let names =
            catalog.remains.isEmpty
            ? [:]
            : Dictionary(
                uniqueKeysWithValues: catalog.relations.values.map { ($0.locator, $0.name) })
        for (locator, entry) in catalog.remains.sorted(by: { $0.key.number < $1.key.number }) {
            if case .uncounted(let first) = entry.kind {
                left[locator] = entry
                let name = names[locator] ?? locator.description
                report.actions.append(.keptBlocks(relation: name, from: first))
                continue
            }
            guard let manager = managers.manager(named: entry.managerName) else {
                left[locator] = entry
                let reason = "storage manager \"\(entry.managerName)\" is not there"
                report.actions.append(.notUndone(locator, reason: reason))
                continue
            }
            if entry.kind != .files && outcome.refusals[locator] != nil {
                left[locator] = entry
                continue
            }
            let isDone = try apart(locator) { (recovery) throws(StorageError) in
                switch entry.kind {
                case .files:
                    try recovery.remove(locator, manager.id, present.byNumber[locator.number] ?? [])
                case .blocks(let first):
                    try recovery.cut(locator, names[locator], to: first, manager, present)
                case .uncounted: break
                }
            }
            if isDone { continue }
            left[locator] = entry
            let reason = outcome.refusals[locator]?.reason ?? ""
            report.actions.append(.notUndone(locator, reason: reason))
        }
        return left
    }

    /// Removes all files of a number.
    ///
    /// - Parameter paths: the existing files. A crash may have kept later ones without those by
    ///   which the storage manager finds them.
    private mutating func remove(
        _ locator: RelationLocator, _ manager: StorageManagerID, _ paths: [String]
    ) throws(StorageError) {
        let relation = try managers.open(locator, managedBy: manager)
        var found = !paths.isEmpty
        for fork in Fork.allCases where try relation.storage.exists(fork) { found = true }
        try managers.unlink(relation, session: session)
        for path in paths { try store.files.remove(path, ifExists: true) }
        if found { report.actions.append(.removedFiles(locator)) }
    }

    private mutating func cut(
        _ locator: RelationLocator, _ name: String?, to count: UInt32,
        _ manager: (id: StorageManagerID, manager: any StorageManager), _ present: PresentFiles
    ) throws(StorageError) {
        let relation = try managers.open(locator, managedBy: manager.id)
        defer { managers.close(relation, session: session) }
        if manager.manager.capabilities.keepsSegmentFiles {
            for path in try severedSegments(of: locator, .main, count, present) {
                try store.files.remove(path, ifExists: true)
                report.actions.append(.removedFile(path: path))
            }
        }
        guard try relation.storage.exists(.main) else { return }
        let found = try relation.storage.blockCount(.main)
        // Part of a block at the end does not count, but must be removed too.
        try relation.storage.truncate(.main, to: count, session: session)
        guard found > count else { return }
        report.actions.append(
            .truncated(relation: name ?? locator.description, from: found, to: count))
    }

    /// Reports files that belong neither to a relation nor to an unfinished change. They are never
    /// removed here, however often the store is opened.
    mutating func nameStrangers(_ catalog: Catalog, _ present: PresentFiles) {
        let strange = present.strangeNumbers(catalog)
        outcome.strangeNumbers = Set(strange)
        // No session has begun yet, so none can have a relation of its own.
        let ended = present.sessionLocal.keys
        outcome.endedSessionFiles = Set(ended)
        let plugged = pluggedNumbers(catalog)
        let orphans = present.orphans(strange, plugged: plugged, sessionLocal: ended)
        for path in orphans.sorted() + present.others(plugged: plugged) {
            report.actions.append(.leftAlone(path: path))
        }
        if (try? store.hasForeignMark()) ?? false {
            report.actions.append(.leftAlone(path: StoreMark.fileName))
        }
    }

    /// Removes what a crash has left of files that were being replaced, and reports what else is at
    /// their names.
    mutating func removeTemporaries() throws(StorageError) {
        let replaced = [
            (Catalog.fileName, Catalog.file), (StoreControl.fileName, StoreControl.file),
            (JournalFormat.keptName, JournalFormat.header),
        ]
        let foreign = try store.clearTemporaries(of: replaced, removes: !isShadowed)
        for path in foreign { report.actions.append(.leftAlone(path: path)) }
    }
}
