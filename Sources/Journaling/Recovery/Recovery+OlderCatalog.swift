internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import StoreFormat

/// A catalog that is older than its store.
extension Recovery {
    /// Reports an older catalog, and makes it the store's own unless an opening that did not finish
    /// has done so.
    mutating func takeUp(_ catalog: inout Catalog, olderThan later: StoreMark) throws(StorageError)
    {
        let isFound = later.generation > catalog.generation
        let generation = isFound ? catalog.generation : later.olderGeneration ?? 0
        report.actions.append(.olderCatalog(generation: generation, newest: later.generation))
        outcome.isOutdated = true
        if isFound { try adopt(&catalog, olderThan: later) }
    }

    /// Makes an older catalog the store's own without losing what has been committed since. Durable
    /// on return, since the mark that shows this is changed next.
    ///
    /// Its remains have been committed or undone since, so they are dropped: their files then
    /// belong to no relation, and are reported. Its row counts may have been taken back. Relations
    /// of another length than it says are recorded, so that nothing is cut off or overwritten until
    /// the user gives it up. O(relations).
    private mutating func adopt(_ catalog: inout Catalog, olderThan later: StoreMark)
        throws(StorageError)
    {
        let older = catalog
        catalog.remains = [:]
        let present = try PresentFiles(store.files)
        for relation in catalog.relations.values {
            if try hasOtherLength(relation, present) {
                catalog.remains[relation.locator] = Catalog.Remains(
                    managerName: relation.managerName, kind: .uncounted(from: relation.blockCount))
            }
            catalog.relations[relation.name]?.forgetRowCount()
            // What was being created or cut then may count since.
            for (fork, count) in relation.furtherForks where count == 0 {
                catalog.relations[relation.name]?.furtherForks[fork] = nil
            }
        }
        catalog.nextFileNumber = max(catalog.nextFileNumber, later.nextFileNumber)
        catalog.generation = later.generation &+ 1
        catalog.version = Catalog.file.version
        if isShadowed {
            outcome.adopted = catalog
            return
        }
        try store.note(older: older, in: later)
        try store.replaceCatalog(by: catalog, nil, session: session)
    }

    /// Whether a fork has more or fewer blocks than the catalog says. One that is missing or short
    /// now may come back longer. What cannot be read counts as different.
    ///
    /// - Throws: exhausted descriptors or memory.
    private func hasOtherLength(_ relation: RelationDescription, _ present: PresentFiles)
        throws(StorageError) -> Bool
    {
        guard let found = managers.manager(named: relation.managerName) else { return true }
        let capabilities = found.manager.capabilities
        if capabilities.isVolatile { return false }
        do throws(StorageError) {
            let open = try managers.open(relation.locator, managedBy: found.id)
            defer { managers.close(open, session: session) }
            for fork in Fork.allCases {
                let blocks = relation.blockCount(of: fork) ?? 0
                let exists = try open.storage.exists(fork)
                if fork == .main && !exists { return true }
                if try (exists ? open.storage.blockCount(fork) : 0) != blocks { return true }
                guard capabilities.keepsSegmentFiles else { continue }
                let severed = try severedSegments(of: relation.locator, fork, blocks, present)
                if !severed.isEmpty { return true }
            }
            return false
        } catch {
            if error.isExhaustion { throw error }
            return true
        }
    }
}
