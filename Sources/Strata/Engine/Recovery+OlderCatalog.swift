internal import FileAccess

/// A catalog that is older than its store.
extension Recovery {
    /// Makes an older catalog the store's own without losing what has been committed since. Durable
    /// on return, since the mark that shows this is removed next.
    ///
    /// Its remains have been committed or undone since, so they are dropped: their files then
    /// belong to no relation, and are reported. Relations that may be longer than it says are
    /// recorded, so that nothing is cut off or overwritten until the user gives it up.
    /// O(relations).
    ///
    /// - Parameter later: the catalog's generation when the store was closed.
    mutating func adopt(_ catalog: inout Catalog, olderThan later: UInt64) throws(StorageError) {
        report.actions.append(.olderCatalog(generation: catalog.generation, closedWith: later))
        let reason = "the catalog is older than the store; what the store has is kept"
        for locator in catalog.remains.keys.sorted(by: { $0.number < $1.number }) {
            report.actions.append(.notUndone(locator, reason: reason))
        }
        catalog.remains = [:]
        let present = try PresentFiles(store.files)
        for relation in catalog.relations.values where mayBeLonger(relation, present) {
            catalog.remains[relation.locator] = Catalog.Remains(
                managerName: relation.managerName, kind: .uncounted(from: relation.blockCount))
        }
        catalog.generation = later &+ 1
        catalog.version = Catalog.file.version
        if isShadowed { return }
        try store.replace(Catalog.fileName, with: catalog.encoded(), session: session)
    }

    /// Whether there may be blocks behind a relation's end. What cannot be read may have some.
    private func mayBeLonger(_ relation: RelationDescription, _ present: PresentFiles) -> Bool {
        guard let found = managers.manager(named: relation.managerName) else { return true }
        let capabilities = found.manager.capabilities
        if capabilities.isVolatile { return false }
        do throws(StorageError) {
            let open = try managers.open(relation.locator, managedBy: found.id)
            defer { managers.close(open, session: session) }
            let severed =
                try capabilities.keepsSegmentFiles
                ? severedSegments(of: relation.locator, .main, relation.blockCount, present) : []
            guard severed.isEmpty, try open.storage.exists(.main) else { return !severed.isEmpty }
            return try open.storage.blockCount(.main) > relation.blockCount
        } catch {
            return true
        }
    }
}
