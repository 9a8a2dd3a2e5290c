/// Changes of many relations in one durable step: they cost little more than a change of one.
extension Engine {
    /// Begins several loads. Commit them together by ``commit(_:rowCounts:)``, or each by itself.
    ///
    /// - Parameters:
    ///   - targets: what to load, each relation once.
    ///   - session: the calling thread's session.
    /// - Returns: a load for each target, in order.
    /// - Throws: what ``beginLoad(_:session:)`` throws; no load has begun then. `relationBusy` if a
    ///   relation is named twice.
    public func beginLoads(_ targets: [LoadTarget], session: Session) throws(StorageError)
        -> [PendingLoad]
    {
        for target in targets { try checkColumnNames(target) }
        return try startLoads(targets, session: session)
    }

    /// Makes the pages of several loads durable and part of their relations: after a crash either
    /// all loads count or none.
    ///
    /// - Parameters:
    ///   - loads: loads of one session of this engine, each once.
    ///   - rowCounts: as ``PendingLoad/commit(rowCount:)`` takes it, for each load; nil if no
    ///     number is known.
    /// - Returns: the relations with the pages, in order.
    /// - Throws: `misuse` if the loads are of several sessions or engines, or the numbers are not
    ///   as many; nothing happens then. What ``PendingLoad/commit(rowCount:)`` throws: if a load
    ///   has ended already, nothing happens; after any other error all loads are aborted.
    @discardableResult
    public func commit(_ loads: [PendingLoad], rowCounts: [UInt64?]? = nil) throws(StorageError)
        -> [Relation]
    {
        guard let session = loads.first?.session else { return [] }
        let counts = rowCounts ?? Array(repeating: nil, count: loads.count)
        let areDistinct = Set(loads.map(ObjectIdentifier.init)).count == loads.count
        guard counts.count == loads.count, areDistinct,
            loads.allSatisfy({ $0.engine === self && $0.session === session })
        else {
            throw StorageError(
                .misuse, "these \(loads.count) loads cannot be committed together",
                remedy: "Give each load of one session of this engine once, and a number of rows"
                    + " for each or for none.")
        }
        let pairs = zip(loads, counts).map { (load: $0, rowCount: $1) }
        return try commit(pairs, isExact: true, session)
    }

    /// Creates relations without pages, as ``createRelation(_:session:)`` creates one.
    ///
    /// - Parameters:
    ///   - targets: what to create; their modes are ignored.
    ///   - session: the calling thread's session.
    /// - Returns: the relations, in order.
    /// - Throws: `alreadyExists`, `invalidName`, `relationBusy` if one is named twice, or what
    ///   writing throws. None is created then.
    @discardableResult
    public func createRelations(_ targets: [LoadTarget], session: Session) throws(StorageError)
        -> [Relation]
    {
        var new = targets
        for index in new.indices { new[index].mode = .create }
        let loads = try beginLoads(new, session: session)
        // Pages of a relation without columns have no rows to count.
        return try commit(loads, rowCounts: new.map { $0.schema == nil ? nil : 0 })
    }

    /// Drops relations and their toast relations, as ``dropRelation(named:session:)`` drops one.
    ///
    /// - Throws: `notFound`, `misuse` if one is the toast relation of another, `relationBusy` if
    ///   one is being loaded or is named twice, or what writing throws. None is dropped then.
    public func dropRelations(named names: [String], session: Session) throws(StorageError) {
        try checkUsable(session)
        if names.isEmpty { return }
        var reserved: [String] = []
        defer { for name in reserved { unreserve(name) } }
        for name in names {
            try reserve(name)
            reserved.append(name)
            // From here on nothing else can give the name to a toast relation.
            try checkIsNoToast(name)
        }
        var gone: [RelationDescription] = []
        try changeCatalog(session, isShared: true) { [self] (catalog) throws(StorageError) in
            for name in names {
                guard let relation = catalog.relations[name] else { throw notFound(name) }
                gone += catalog.remove(relation)
            }
        } publish: { state in
            for relation in gone { state.drop(relation) }
        }
        emptyDropped(session)
    }
}
