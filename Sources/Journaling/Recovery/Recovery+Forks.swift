internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import StoreFormat

/// Further forks that a crash has left unfinished.
extension Recovery {
    /// Removes the files of further forks of which the catalog counts no block: they were being
    /// created, or had been cut, and may be of any state. The journal's copies of their pages are
    /// then of no use. Other files at the names of forks are no part of the store and stay.
    ///
    /// - Throws: errors that concern more than one relation.
    mutating func removeUncountedForks(_ catalog: Catalog, _ present: PresentFiles)
        throws(StorageError)
    {
        // A later catalog may count them.
        if outcome.isOutdated { return }
        let concerned = catalog.relations.values.filter { $0.furtherForks.values.contains(0) }
        for relation in concerned.sorted(by: { $0.locator.number < $1.locator.number }) {
            let locator = relation.locator
            guard outcome.refusals[locator] == nil,
                let manager = managers.manager(named: relation.managerName),
                !manager.manager.capabilities.isVolatile
            else { continue }
            for fork in Fork.allCases where relation.furtherForks[fork] == 0 {
                let paths = (present.byNumber[locator.number] ?? []).filter {
                    PresentFiles.isFile($0, of: locator, fork)
                }
                _ = try apart(locator) { (recovery) throws(StorageError) in
                    try manager.manager.unlink(locator, fork: fork)
                    for path in paths {
                        try recovery.store.files.remove(path, ifExists: true)
                        recovery.report.actions.append(.removedFile(path: path))
                    }
                }
            }
        }
    }
}
