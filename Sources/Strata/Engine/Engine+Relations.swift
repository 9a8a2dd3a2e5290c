internal import Logging

/// Finding, creating and dropping relations.
extension Engine {
    /// What the catalog knows of all relations, by name.
    public var relations: [RelationDescription] {
        state.withLock { state in
            state.catalog.relations.values.map { relation in
                var relation = relation
                if let record = state.records[relation.locator] {
                    relation.blockCount = record.blockCount
                }
                return relation
            }
        }.sorted { $0.name < $1.name }
    }

    /// What the catalog knows of a relation; nil when there is none of that name.
    public func description(of name: String) -> RelationDescription? {
        relations.first { $0.name == name }
    }

    /// Opens a relation.
    ///
    /// - Throws: `notFound`; `relationDamaged` when its files hold fewer blocks than the catalog
    ///   says, so that nobody takes a part for the whole; `closed`.
    public func relation(named name: String) throws(StorageError) -> Relation {
        let relation = try relation(named: name, checkingLength: false)
        let expected = relation.blockCount
        let found = try relation.open.storage.blockCount(.main)
        guard found >= expected else {
            throw StorageError(
                .relationDamaged,
                "relation \"\(name)\" has \(found) of its \(expected) blocks: a file of"
                    + " \(relation.locator) is missing or too short",
                remedy: "Verify the store to see which, and restore it from a backup.",
                at: StorageError.Location(
                    relation: name, fork: Fork.main.name, block: found,
                    path: relation.locator.description))
        }
        return relation
    }

    /// Opens a relation, whatever has become of its files.
    func relation(named name: String, checkingLength: Bool) throws(StorageError) -> Relation {
        guard let description = state.withLock({ $0.catalog.relations[name] }) else {
            throw notFound(name)
        }
        let open = try openRelation(description.locator, managedBy: description.managerName)
        let record: RelationRecord? = state.withLock { state in
            // It may have been dropped or replaced while the lock was not held.
            guard !state.isClosed,
                let current = state.catalog.relations[name],
                current.locator == description.locator
            else { return nil }
            addUser(current.locator, &state)
            if let record = state.records[current.locator] { return record }
            let record = RelationRecord(
                open, blockCount: current.blockCount, isSettled: false)
            state.records[current.locator] = record
            return record
        }
        if let record { return Relation(self, description, record) }
        if state.withLock({ $0.isClosed }) {
            throw StorageError(.closed, "store \"\(directory)\" has been closed")
        }
        return try relation(named: name, checkingLength: checkingLength)
    }

    /// Creates a relation without pages.
    ///
    /// - Parameter target: what to create; its mode counts for nothing.
    /// - Throws: `alreadyExists`, `invalidName`, or what writing throws.
    @discardableResult
    public func createRelation(_ target: LoadTarget, session: Session) throws(StorageError)
        -> Relation
    {
        var target = target
        target.mode = .create
        return try beginLoad(target, session: session).commit()
    }

    /// Drops a relation: at once for all who open it afterwards.
    ///
    /// Its pages leave the pool, IO in flight is waited for, and its files are emptied, unless
    /// ``Relation`` objects still name it. The files are removed by the first checkpoint that begins
    /// once none does.
    ///
    /// - Throws: `notFound`, `relationBusy` while it is being loaded, or what writing throws.
    public func dropRelation(named name: String, session: Session) throws(StorageError) {
        try checkUsable(session)
        try reserve(name)
        defer { unreserve(name) }
        try changeCatalog(session) { (catalog) throws(StorageError) in
            guard let relation = catalog.relations.removeValue(forKey: name) else {
                throw notFound(name)
            }
            catalog.remains[relation.locator] = Catalog.Remains(
                managerName: relation.managerName, kind: .files)
        }
        emptyRemains(session)
    }

    /// Takes a name for a load or a drop.
    func reserve(_ name: String) throws(StorageError) {
        guard state.withLock({ $0.reserved.insert(name).inserted }) else { throw busy(name) }
    }

    func unreserve(_ name: String) { _ = state.withLock { $0.reserved.remove(name) } }

    func notFound(_ name: String) -> StorageError {
        StorageError(
            .notFound, "there is no relation \"\(name)\" in store \"\(directory)\"",
            remedy: "List the store's relations to see their names.",
            at: StorageError.Location(relation: name))
    }
}
