internal import Threads

/// Working with a catalog that is older than its store.
extension Engine {
    /// Gives up what a later catalog knew: blocks behind the ends of relations no longer keep these
    /// from growing, and are then overwritten. Nothing else changes.
    ///
    /// Call it only if the catalog that the store was closed with cannot be put back. Durable on
    /// return.
    ///
    /// - Parameter session: the calling thread's.
    /// - Returns: the relations concerned, sorted.
    /// - Throws: `storeReadOnly`, `storeFailed`, `closed`; what replacing the catalog throws.
    @discardableResult
    public func acceptCatalog(session: Session) throws(StorageError) -> [String] {
        try checkUsable(session)
        let known = state.withLock { $0.catalog }
        let locators = known.remains.compactMap { locator, entry in
            if case .uncounted = entry.kind { locator } else { nil }
        }
        if locators.isEmpty { return [] }
        try changeCatalog(session) { (catalog) throws(StorageError) in
            for locator in locators {
                // A drop may have been faster.
                if case .uncounted = catalog.remains[locator]?.kind {
                    catalog.remains[locator] = nil
                }
            }
        }
        return locators.compactMap { known.relation(at: $0)?.name }.sorted()
    }

    /// Throws if a later catalog may have counted blocks behind the relation's end.
    func checkCounted(_ locator: RelationLocator) throws(StorageError) {
        let catalog = state.withLock { $0.catalog }
        guard case .uncounted(let first) = catalog.remains[locator]?.kind else { return }
        let name = catalog.relation(at: locator)?.name ?? locator.description
        throw .uncounted(name, locator, from: first)
    }
}
