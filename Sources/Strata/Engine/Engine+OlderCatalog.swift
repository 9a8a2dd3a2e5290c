internal import Journaling
internal import Threads

/// Working with a catalog that is older than its store.
extension Engine {
    /// Gives up what a later catalog knew: blocks behind the ends of relations no longer keep these
    /// from growing, and are then overwritten. The journal's copies of them go, too.
    ///
    /// Call it only if the catalog that the store was closed with cannot be put back. Durable on
    /// return.
    ///
    /// - Parameter session: the calling thread's.
    /// - Returns: the relations concerned, sorted.
    /// - Throws: `storeReadOnly`, `storeFailed`, `closed`; what replacing the catalog and the
    ///   copies throws.
    @discardableResult
    public func acceptCatalog(session: Session) throws(StorageError) -> [String] {
        try checkUsable(session)
        let known = state.withLock { $0.catalog }
        var givenUp: [RelationLocator: UInt32] = [:]
        for (locator, entry) in known.remains {
            if case .uncounted(let first) = entry.kind { givenUp[locator] = first }
        }
        if givenUp.isEmpty { return [] }
        try changeCatalog(session) { [self] (catalog) throws(StorageError) in
            try KeptCopies.drop(givenUp, in: files, store: control.identifier, session: session)
            for locator in givenUp.keys {
                // A drop may have been faster.
                guard case .uncounted = catalog.remains[locator]?.kind else { continue }
                catalog.remains[locator] = nil
                guard let relation = catalog.relation(at: locator),
                    managers.manager(named: relation.managerName) != nil
                else { continue }
                // Forks that only the later one knew are left over from here on.
                let open = try openRelation(locator, managedBy: relation.managerName)
                for fork in Fork.allCases where relation.blockCount(of: fork) == nil {
                    if try PresentFiles.foreignFile(fork, of: open, files) == nil { continue }
                    catalog.relations[relation.name]?.furtherForks[fork] = 0
                }
            }
        }
        return givenUp.keys.compactMap { known.relation(at: $0)?.name }.sorted()
    }

    /// Throws if a later catalog may have counted blocks behind the relation's end.
    ///
    /// - Parameter wasRead: whether the relation has been read to its end, and is not to grow.
    func checkCounted(
        _ locator: RelationLocator, wasRead: Bool = false
    ) throws(StorageError) {
        let catalog = state.withLock { $0.catalog }
        guard case .uncounted(let first) = catalog.remains[locator]?.kind else { return }
        let name = catalog.relation(at: locator)?.name ?? locator.description
        throw .uncounted(name, locator, from: first, wasRead: wasRead)
    }
}
