internal import Logging
internal import Threads

/// Loads that are all or nothing.
extension Engine {
    /// Begins a load.
    ///
    /// A relation has one load at a time. Until it ends, the relation can be read, but not dropped
    /// or extended otherwise.
    ///
    /// Appending does not read the existing pages, since that would take as long as a scan. It only
    /// checks that the files are as long as they should be. Missing rows remain part of the count,
    /// to which the new rows are added, so that the next reader of all pages notices as before.
    ///
    /// - Throws: `invalidName`, also if new columns have control characters in their names;
    ///   `alreadyExists` if the relation to create exists; `notFound` if the relation to append to
    ///   is missing; `misuse` if the columns differ from those of the relation to append to;
    ///   `relationBusy`; `unknownStorageManager`; what writing throws.
    public func beginLoad(_ target: LoadTarget, session: Session) throws(StorageError)
        -> PendingLoad
    {
        if target.mode != .append, let schema = target.schema,
            schema != state.withLock({ $0.catalog.relations[target.relation]?.schema })
        {
            do throws(SchemaError) { try schema.checkNames() } catch {
                throw StorageError(
                    .invalidName, "relation \"\(target.relation)\": \(error)",
                    remedy: "Give the column another name.",
                    at: StorageError.Location(relation: target.relation))
            }
        }
        return try startLoad(target, session: session)
    }

    /// Begins a load whatever its columns' names: a copy keeps those of the original.
    func startLoad(_ target: LoadTarget, session: Session) throws(StorageError) -> PendingLoad {
        try RelationName.check(target.relation)
        try checkUsable(session)
        try reserve(target.relation)
        do throws(StorageError) {
            let start =
                try target.mode == .append
                ? startAppending(target, session) : startFile(target, session)
            return PendingLoad(self, session, target, start)
        } catch {
            unreserve(target.relation)
            throw error
        }
    }

    /// Starts a load of the same relation with other columns in place of one that has not ended.
    func startAgain(_ load: PendingLoad, with schema: Schema) throws(StorageError) -> PendingLoad {
        try checkUsable(load.session)
        var target = load.target
        target.schema = schema
        let start = try startFile(target, load.session)
        load.holdsName = false
        return PendingLoad(self, load.session, target, start)
    }

    /// Starts a new file. The catalog records that it must be removed, until it becomes the
    /// relation's.
    private func startFile(_ target: LoadTarget, _ session: Session) throws(StorageError)
        -> LoadStart
    {
        let existing = state.withLock { $0.catalog.relations[target.relation] }
        if existing != nil && target.mode == .create {
            throw StorageError(
                .alreadyExists, "relation \"\(target.relation)\" exists already",
                remedy: "Give another name, or append to the relation, or replace it.",
                at: StorageError.Location(relation: target.relation))
        }
        let manager = target.managerName ?? managerName(replacing: existing)
        guard managers.manager(named: manager) != nil else {
            throw StorageError(
                .unknownStorageManager, "there is no storage manager \"\(manager)\"",
                remedy: "Add it to EngineOptions.storageManagers.",
                at: StorageError.Location(relation: target.relation))
        }
        let strange = state.withLock { $0.strangeNumbers }
        var locator = RelationLocator(database: 0, number: 0)
        try changeCatalog(session) { (catalog) throws(StorageError) in
            repeat {
                locator = try catalog.takeLocator(avoiding: strange)
                // A file may have been put there since the store was opened.
            } while try isTaken(locator)
            catalog.remains[locator] = Catalog.Remains(managerName: manager, kind: .files)
        } publish: { state in
            state.loading.insert(locator)
            addUser(locator, &state)
        }
        do throws(StorageError) {
            let open = try openRelation(locator, managedBy: manager)
            try managers.manager(named: manager)?.manager.prepare(
                locator, options: options(for: target, replacing: existing, manager))
            try open.storage.create(.main, ifMissing: false)
            buffers.setUnprotected(open, from: 0)
            return LoadStart(
                record: RelationState(open, blockCount: 0, isSettled: true),
                schema: target.schema ?? existing?.schema, managerName: manager, firstBlock: 0)
        } catch {
            forgetLoad(locator)
            removeRemains(session, of: [locator])
            throw error
        }
    }

    /// The storage manager of a relation without an explicit one: that of the replaced relation,
    /// unless it is missing.
    private func managerName(replacing existing: RelationDescription?) -> String {
        guard let existing else { return Self.defaultManagerName }
        if managers.manager(named: existing.managerName) != nil { return existing.managerName }
        logger.warning(
            """
            relation "\(existing.name)" of storage manager "\(existing.managerName)", which is not \
            there, is replaced by one of "\(Self.defaultManagerName)"
            """)
        return Self.defaultManagerName
    }

    /// Whether a path of the relation's first file is in use, in plain or compressed form.
    private func isTaken(_ locator: RelationLocator) throws(StorageError) -> Bool {
        for suffix in ["", ".chunks", ".map"] where try files.exists("\(locator)\(suffix)") {
            return true
        }
        return false
    }

    /// The manager options of a new relation. Options that the target does not give are those of
    /// the replaced relation.
    private func options(
        for target: LoadTarget, replacing existing: RelationDescription?, _ manager: String
    ) -> [String: String] {
        guard let existing, existing.managerName == manager else { return target.managerOptions }
        do throws(StorageError) {
            let old = try managers.manager(named: manager)?.manager.options(of: existing.locator)
            return (old ?? [:]).merging(target.managerOptions) { _, new in new }
        } catch {
            // Users replace damaged relations in particular.
            logger.warning(
                """
                relation "\(existing.name)" is replaced by one that is kept as new ones \
                are, since it \
                does not tell how it is: \(error)
                """)
            return target.managerOptions
        }
    }

    /// Starts at the file's end. The catalog records that the file must be cut to it, until the
    /// load counts.
    private func startAppending(_ target: LoadTarget, _ session: Session) throws(StorageError)
        -> LoadStart
    {
        let relation = try relation(named: target.relation)
        if let schema = target.schema, relation.schema?.hasColumns(of: schema) != true {
            throw StorageError(
                .misuse,
                "relation \"\(target.relation)\" has the columns"
                    + " \(relation.schema?.sqlText ?? "(none)"), not \(schema.sqlText)",
                remedy: "Load with its columns, or replace the relation.",
                at: StorageError.Location(relation: target.relation))
        }
        let record = relation.record
        let locator = relation.locator
        let isFree = state.withLock { state in
            guard state.extending[locator] == nil, state.loading.insert(locator).inserted else {
                return false
            }
            addUser(locator, &state)
            return true
        }
        guard isFree else { throw busy(target.relation) }
        do throws(StorageError) {
            try settle(record, session)
            let first = record.blockCount
            // Pages that were added by other means count as committed from here on.
            try buffers.flush(record.open, session: session)
            try syncPending(session)
            try changeCatalog(session) { (catalog) throws(StorageError) in
                if catalog.relations[target.relation]?.blockCount != first {
                    catalog.relations[target.relation]?.forgetRowCount()
                }
                catalog.relations[target.relation]?.blockCount = first
                catalog.remains[locator] = Catalog.Remains(
                    managerName: relation.managerName, kind: .blocks(from: first))
            }
            record.isSettled = false
            // Its first page is a new one, so it never writes a committed page.
            buffers.setUnprotected(record.open, from: BlockNumber(first))
            return LoadStart(
                record: record, schema: relation.schema, managerName: relation.managerName,
                firstBlock: first)
        } catch {
            forgetLoad(locator)
            throw error
        }
    }

    /// Makes a load's durable pages part of the relation.
    func publish(_ load: PendingLoad, _ rowCount: UInt64?, isExact: Bool)
        throws(StorageError) -> Relation
    {
        let locator = load.record.open.locator
        let name = load.target.relation
        // All are durable, and readers may change them.
        buffers.setUnprotected(load.record.open, from: nil)
        let count = load.firstBlock + UInt32(load.pageCount)
        var description = RelationDescription(
            name: name, locator: locator, schema: load.schema, managerName: load.managerName,
            blockCount: count, rowCount: rowCount, isRowCountExact: isExact)
        try changeCatalog(load.session) { (catalog) throws(StorageError) in
            catalog.remains[locator] = nil
            if let old = catalog.relations[name] {
                if old.locator == locator {
                    description = old
                    description.blockCount = count
                    description.addRows(rowCount)
                } else {
                    catalog.remains[old.locator] = Catalog.Remains(
                        managerName: old.managerName, kind: .files)
                }
            }
            catalog.relations[name] = description
        } publish: { state in
            state.records[locator] = load.record
            load.record.setCount(description, buffers)
            load.record.show(blocks: count)
            load.record.isSettled = true
            addUser(locator, &state)
        }
        return Relation(self, description, load.record)
    }

    /// Removes what a load has written.
    ///
    /// - Throws: what removing throws; `storeFailed` if removing must not be tried, because the
    ///   catalog that names the pages may be in effect. Opening the store does it then.
    func discard(_ load: PendingLoad) throws(StorageError) {
        try checkUsable(load.session)
        if load.target.mode == .append {
            try settle(load.record, load.session)
        } else {
            endLoad(load)
            removeRemains(load.session, of: [load.record.open.locator])
        }
    }

    /// Ends a load's exclusive use of a relation. Calling it again does nothing.
    func endLoad(_ load: PendingLoad) {
        guard !load.hasEnded else { return }
        load.hasEnded = true
        forgetLoad(load.record.open.locator)
        if load.holdsName { unreserve(load.target.relation) }
    }

    private func forgetLoad(_ locator: RelationLocator) {
        _ = state.withLock { $0.loading.remove(locator) }
        releaseUser(locator)
    }

    /// Cuts off what lies behind the blocks that readers see: the remains of an interrupted
    /// extension or of an append that was not committed. Does nothing after the first time.
    func settle(_ record: RelationState, _ session: Session) throws(StorageError) {
        if record.isSettled { return }
        session.submitStaged()
        try settling.withLock { _ throws(StorageError) in
            if record.isSettled { return }
            let locator = record.open.locator
            let count = record.blockCount
            // Even if it is no longer that long: a crash may have left files behind its end.
            try truncate(record.open, to: count, session)
            // Before the removal: cutting has registered the files that are then removed.
            try syncPending(session)
            try removeSevered(of: locator)
            if state.withLock({ $0.catalog.remains[locator] }) != nil {
                try changeCatalog(session) { (catalog) throws(StorageError) in
                    if case .blocks = catalog.remains[locator]?.kind {
                        catalog.remains[locator] = nil
                    }
                }
            }
            buffers.setUnprotected(record.open, from: nil)
            record.isSettled = true
        }
    }

    /// Removes segment files behind the reachable end, which would reappear as the relation grows.
    func removeSevered(of locator: RelationLocator) throws(StorageError) {
        guard let paths = state.withLock({ $0.severed[locator] }), !paths.isEmpty else { return }
        for path in paths { try files.remove(path, ifExists: true) }
        try files.syncDirectory(PresentFiles.directory)
        state.withLock { $0.severed[locator] = nil }
    }

    /// Cuts the main fork, in the pool and on disk.
    func truncate(_ relation: OpenRelation, to count: UInt32, _ session: Session)
        throws(StorageError)
    {
        session.submitStaged()
        try buffers.dropBlocks(
            of: relation, fork: .main, from: BlockNumber(count), session: session)
        try relation.storage.truncate(.main, to: count, session: session)
    }
}
