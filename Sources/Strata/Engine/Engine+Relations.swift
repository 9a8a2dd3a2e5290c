internal import Logging
internal import Threads

/// Finding, creating and dropping relations.
extension Engine {
    /// All relations in the catalog, by name.
    public var relations: [RelationDescription] {
        state.withLock { state in
            state.catalog.relations.values.compactMap { state.current($0) }
        }.sorted { $0.name < $1.name }
    }

    /// A relation in the catalog; nil if there is none of that name.
    public func description(of name: String) -> RelationDescription? {
        state.withLock { $0.current($0.catalog.relations[name]) }
    }

    /// Opens a relation.
    ///
    /// - Throws: `notFound`; `relationDamaged` if its files cannot be read, or hold fewer blocks
    ///   than the catalog says, since a part must not pass for the whole; `unknownStorageManager`
    ///   if `EngineOptions/storageManagers` lacks its manager; `closed`.
    public func relation(named name: String) throws(StorageError) -> Relation {
        let relation = try relationOfAnyLength(named: name)
        let expected = relation.blockCount
        let found: UInt32
        do throws(StorageError) { found = try relation.open.storage.blockCount(.main) } catch {
            guard error.isBadFile else { throw error }
            throw .unusable(name, relation.locator, error)
        }
        // It may have been cut meanwhile.
        if found < min(expected, relation.blockCount),
            let description = description(at: relation.locator)
        {
            throw .shortRelation(description, blocks: found, found)
        }
        return relation
    }

    /// The description of an open relation, whatever its name is by now; nil if it was dropped or
    /// replaced.
    func description(at locator: RelationLocator) -> RelationDescription? {
        state.withLock { state in state.current(state.description(at: locator)) }
    }

    /// Opens a relation, whatever the state of its files.
    package func relationOfAnyLength(named name: String) throws(StorageError) -> Relation {
        guard let description = state.withLock({ $0.catalog.relations[name] }) else {
            throw notFound(name)
        }
        if let error = outcome.refusals[description.locator] {
            if error.code == .unknownStorageManager { throw error }
            throw .unusable(name, description.locator, error)
        }
        let open = try openRelation(
            description.locator, managedBy: description.managerName,
            pageKind: description.pageKind)
        let isKnown = state.withLock { $0.records[description.locator] != nil }
        let isMeasured = !isKnown && options.access != .readOnly
        let forks = isMeasured ? try ForkLengths(of: open) : ForkLengths()
        let record: RelationState? = state.withLock { state in
            // It may have been dropped or replaced while the lock was not held.
            guard !state.isClosed,
                let current = state.catalog.relations[name],
                current.locator == description.locator
            else { return nil }
            addUser(current.locator, &state)
            if let record = state.records[current.locator] { return record }
            let record = RelationState(
                name, open, blockCount: current.blockCount, isSettled: false,
                furtherForks: current.furtherForks, forks: forks)
            record.setCount(current, buffers)
            state.records[current.locator] = record
            return record
        }
        if let record {
            let relation = Relation(self, description, record)
            // Holds it, so that it stays readable. Who needs its values meets the error again.
            if description.toastRelation != nil { _ = try? relation.toast() }
            return relation
        }
        if state.withLock({ $0.isClosed }) {
            throw StorageError(.closed, "store \"\(directory)\" has been closed")
        }
        return try relationOfAnyLength(named: name)
    }

    /// Creates a relation without pages.
    ///
    /// A relation with columns then has no rows, and the catalog says so: loads continue counting
    /// from there, as ``PendingLoad/commit(rowCount:)`` describes.
    ///
    /// - Parameters:
    ///   - target: what to create; its mode is ignored.
    ///   - session: the calling thread's session.
    /// - Throws: `alreadyExists`, `invalidName`, or what writing throws.
    @discardableResult
    public func createRelation(_ target: LoadTarget, session: Session) throws(StorageError)
        -> Relation
    {
        var target = target
        target.mode = .create
        // Pages of a relation without columns have no rows to count.
        let rows: UInt64? = target.schema == nil ? nil : 0
        return try beginLoad(target, session: session).commit(rowCount: rows)
    }

    /// Drops a relation. Opening it fails from then on.
    ///
    /// Its pages are evicted from the pool after waiting for IO in flight, and its files are
    /// emptied, unless ``Relation`` objects still name it. The first checkpoint that begins once
    /// none does removes the files.
    ///
    /// - Throws: `notFound`, `relationBusy` if it is being loaded, or what writing throws.
    public func dropRelation(named name: String, session: Session) throws(StorageError) {
        try dropRelations(named: [name], session: session)
    }

    /// Reserves a name for a load or a drop.
    func reserve(_ name: String) throws(StorageError) {
        guard state.withLock({ $0.reserved.insert(name).inserted }) else { throw .busy(name) }
    }

    func unreserve(_ name: String) { _ = state.withLock { $0.reserved.remove(name) } }

    func notFound(_ name: String) -> StorageError {
        StorageError(
            .notFound, "there is no relation \"\(name)\" in store \"\(directory)\"",
            remedy: "List the store's relations to see their names.",
            at: StorageError.Location(relation: name))
    }
}
