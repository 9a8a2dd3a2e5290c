internal import Logging
internal import MagneticDisk
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
    ///   is missing; `misuse` if the columns differ from those of the relation to append to, or if
    ///   the relation holds the values of another; `relationBusy`; `unknownStorageManager`; what
    ///   writing throws.
    public func beginLoad(_ target: LoadTarget, session: Session) throws(StorageError)
        -> PendingLoad
    {
        try checkColumnNames(target)
        return try startLoads([target], session: session)[0]
    }

    /// - Throws: `invalidName` if new columns have control characters in their names.
    func checkColumnNames(_ target: LoadTarget) throws(StorageError) {
        guard target.mode != .append, let schema = target.schema,
            schema != state.withLock({ $0.catalog.relations[target.relation]?.schema })
        else { return }
        do throws(SchemaError) { try schema.checkNames() } catch {
            throw StorageError(
                .invalidName, "relation \"\(target.relation)\": \(error)",
                remedy: "Give the column another name.",
                at: StorageError.Location(relation: target.relation))
        }
    }

    /// Begins loads whatever their columns' names: a copy keeps those of the original. The catalog
    /// is replaced once for all that make files, and once for each append.
    func startLoads(
        _ targets: [LoadTarget], ofToast: Bool = false, session: Session
    ) throws(StorageError) -> [PendingLoad] {
        for target in targets { try RelationName.check(target.relation) }
        try checkUsable(session)
        var reserved: [String] = []
        var loads: [PendingLoad] = []
        do throws(StorageError) {
            for target in targets {
                try reserve(target.relation)
                reserved.append(target.relation)
                // From here on nothing else can give the name to a toast relation.
                if !ofToast { try checkIsNoToast(target.relation) }
            }
            let new = try startFiles(targets.filter { $0.mode != .append }, session)
            var starts = new[...]
            for target in targets where target.mode != .append {
                loads.append(PendingLoad(self, session, target, starts.removeFirst()))
            }
            for target in targets where target.mode == .append {
                let start = try startAppending(target, session)
                loads.append(PendingLoad(self, session, target, start))
            }
        } catch {
            // A load that has begun gives its own name back.
            for load in loads { load.abort() }
            let begun = Set(loads.map(\.target.relation))
            for name in reserved where !begun.contains(name) { unreserve(name) }
            throw error
        }
        if loads.count == 1 { return loads }
        let byName = Dictionary(uniqueKeysWithValues: loads.map { ($0.target.relation, $0) })
        return targets.compactMap { byName[$0.relation] }
    }

    /// A new file of a load, and the relation that it is to replace.
    private struct NewFile {
        let target: LoadTarget
        let existing: RelationDescription?
        let managerName: String
        let pageKind: PageKind
        var locator = RelationLocator(database: 0, number: 0)
    }

    /// Starts new files. The catalog records that they must be removed, until they become the
    /// relations'.
    private func startFiles(_ targets: [LoadTarget], _ session: Session) throws(StorageError)
        -> [LoadStart]
    {
        if targets.isEmpty { return [] }
        var new: [NewFile] = []
        for target in targets { new.append(try plan(target)) }
        let strange = state.withLock { $0.strangeNumbers }
        try changeCatalog(session) { [self] (catalog) throws(StorageError) in
            for index in new.indices {
                repeat {
                    new[index].locator = try catalog.takeLocator(avoiding: strange)
                    // A file may have been put there since the store was opened.
                } while try isTaken(new[index], session)
                catalog.remains[new[index].locator] = Catalog.Remains(
                    managerName: new[index].managerName, kind: .files)
            }
        } publish: { [self] state in
            for file in new {
                state.loading.insert(file.locator)
                addUser(file.locator, &state)
            }
        }
        var starts: [LoadStart] = []
        do throws(StorageError) {
            for file in new { starts.append(try create(file)) }
            return starts
        } catch {
            let last = new[starts.count].locator
            let isTaken = [.alreadyExists, .fileExists, .damagedSegment].contains(error.code)
            for file in new where !isTaken || file.locator != last { forgetLoad(file.locator) }
            if isTaken { leave(last, session) }
            removeRemains(session, of: Set(new.map(\.locator)))
            throw error
        }
    }

    /// Gives up files that are not the load's. Unless that is recorded, they stay as they are.
    private func leave(_ locator: RelationLocator, _ session: Session) {
        do throws(StorageError) {
            try changeCatalog(session) { $0.remains[locator] = nil }
            forgetLoad(locator)
        } catch {
            logger.warning("could not record that relation \(locator) was not made: \(error)")
        }
    }

    /// Starts a load of the same relation with other columns in place of one that has not ended.
    func startAgain(_ load: PendingLoad, with schema: Schema) throws(StorageError) -> PendingLoad {
        try checkUsable(load.session)
        var target = load.target
        target.schema = schema
        let start = try startFiles([target], load.session)[0]
        load.holdsName = false
        return PendingLoad(self, load.session, target, start)
    }

    private func plan(_ target: LoadTarget) throws(StorageError) -> NewFile {
        let existing = state.withLock { $0.catalog.relations[target.relation] }
        if existing != nil && target.mode == .create {
            throw .exists(target.relation)
        }
        let manager = target.managerName ?? managerName(replacing: existing)
        try requireManager(named: manager, for: target.relation)
        let kind = target.pageKind ?? existing?.pageKind ?? .postgres
        guard kind == .postgres || (target.schema ?? existing?.schema) == nil else {
            throw StorageError(
                .misuse,
                "relation \"\(target.relation)\" has columns, which pages of the kind"
                    + " \(kind.name) cannot hold",
                remedy: "Leave out the columns, or give it pages of the kind postgres.",
                at: StorageError.Location(relation: target.relation))
        }
        return NewFile(
            target: target, existing: existing, managerName: manager, pageKind: kind)
    }

    private func create(_ file: NewFile) throws(StorageError) -> LoadStart {
        let open = try openRelation(
            file.locator, managedBy: file.managerName, pageKind: file.pageKind)
        try managers.manager(named: file.managerName)?.manager.prepare(
            file.locator,
            options: options(for: file.target, replacing: file.existing, file.managerName))
        try open.storage.create(.main, ifMissing: false)
        buffers.setUnprotected(open, from: 0)
        return LoadStart(
            record: RelationState(
                file.target.relation, open, blockCount: 0, isSettled: true),
            schema: file.target.schema ?? file.existing?.schema, managerName: file.managerName,
            firstBlock: 0)
    }

    /// The storage manager of a relation without an explicit one: that of the replaced relation,
    /// unless it is missing.
    private func managerName(replacing existing: RelationDescription?) -> String {
        guard let existing else { return options.defaultManagerName }
        if managers.manager(named: existing.managerName) != nil { return existing.managerName }
        logger.warning(
            """
            relation "\(existing.name)" of storage manager "\(existing.managerName)", which is not \
            there, is replaced by one of "\(options.defaultManagerName)"
            """)
        return options.defaultManagerName
    }

    /// Whether the storage manager has the relation already, or a path of its files is in use.
    private func isTaken(_ file: NewFile, _ session: Session) throws(StorageError) -> Bool {
        let open = try openRelation(file.locator, managedBy: file.managerName)
        // If this fails, the number is given out again, perhaps for another manager or kind.
        defer { managers.close(open, session: session) }
        if try open.storage.exists(.main) { return true }
        for path in PresentFiles.paths(of: file.locator) where try files.exists(path) {
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
                relation "\(existing.name)" is replaced by one that is kept as new ones are, since \
                it does not tell how it is: \(error)
                """)
            return target.managerOptions
        }
    }

    /// Starts at the file's end.
    private func startAppending(_ target: LoadTarget, _ session: Session) throws(StorageError)
        -> LoadStart
    {
        let relation = try relation(named: target.relation)
        if let kind = target.pageKind, kind != relation.pageKind {
            throw StorageError(
                .misuse,
                "relation \"\(target.relation)\" has \(relation.pageKind.name) pages, not"
                    + " \(kind.name)",
                remedy: "Load with its kind of pages, or replace the relation.",
                at: StorageError.Location(relation: target.relation))
        }
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
            let key = ForkKey(locator: locator, fork: .main)
            guard state.extending[key] == nil, state.loading.insert(locator).inserted else {
                return false
            }
            addUser(locator, &state)
            return true
        }
        guard isFree else { throw .busy(target.relation) }
        do throws(StorageError) {
            try settle(record, session)
            let first = record.blockCount
            try buffers.flush(record.open, session: session)
            if state.withLock({ $0.description(at: locator)?.blockCount }) != first {
                // Pages that were added by other means count as committed from here on.
                try syncPending(session)
                try changeCatalog(session) { (catalog) throws(StorageError) in
                    catalog.relations[target.relation]?.forgetRowCount()
                    catalog.relations[target.relation]?.blockCount = first
                }
            }
            return LoadStart(
                record: record, schema: relation.schema, managerName: relation.managerName,
                firstBlock: first)
        } catch {
            forgetLoad(locator)
            throw error
        }
    }

    /// Records that the files of a relation that is appended to must be cut to its end, until the
    /// load counts.
    func beginToGrow(_ load: PendingLoad) throws(StorageError) {
        let open = load.record.open
        try changeCatalog(load.session, isShared: true) { (catalog) throws(StorageError) in
            catalog.remains[open.locator] = Catalog.Remains(
                managerName: load.managerName, kind: .blocks(from: load.firstBlock))
        }
        load.record.isSettled = false
        // Its first new page is behind the committed ones, so it never writes one of those.
        buffers.setUnprotected(open, from: BlockNumber(load.firstBlock))
    }

    /// Makes the durable pages of loads part of their relations, all at the same moment.
    func publish(
        _ loads: [(load: PendingLoad, rowCount: UInt64?)], isExact: Bool, _ session: Session
    ) throws(StorageError) -> [Relation] {
        for (load, _) in loads {
            // All are durable, and readers may change them.
            buffers.setUnprotected(load.record.open, from: nil)
        }
        var descriptions: [RelationDescription] = []
        var replaced: [RelationDescription] = []
        try changeCatalog(session, isShared: true) { (catalog) throws(StorageError) in
            for (load, rowCount) in loads {
                let (new, old) = Self.add(load, rowCount, isExact: isExact, to: &catalog)
                descriptions.append(new)
                replaced += old
            }
        } whenDurable: { [self] in
            completeFilling(loads.map(\.load))
        } publish: { [self] state in
            for old in replaced { state.drop(old) }
            for (position, (load, _)) in loads.enumerated() {
                let locator = load.record.open.locator
                state.records[locator] = load.record
                load.record.setCount(descriptions[position], buffers)
                load.record.show(blocks: descriptions[position].blockCount)
                for (fork, count) in load.furtherForks { load.record.show(fork, blocks: count) }
                load.record.isSettled = true
                addUser(locator, &state)
            }
        }
        return zip(loads, descriptions).map { one, description in
            Relation(self, description, one.load.record)
        }
    }

    /// Makes a load's pages part of the relation in the catalog.
    ///
    /// - Returns: the relation, and the one that it replaces, with its toast relation.
    private static func add(
        _ load: PendingLoad, _ rowCount: UInt64?, isExact: Bool, to catalog: inout Catalog
    ) -> (new: RelationDescription, replaced: [RelationDescription]) {
        let locator = load.record.open.locator
        let name = load.target.relation
        let count = load.firstBlock + UInt32(load.pageCount)
        catalog.remains[locator] = nil
        let old = catalog.relations[name]
        if var grown = old, grown.locator == locator {
            grown.blockCount = count
            grown.addRows(rowCount)
            if load.changedLastPage != nil { grown.fillCount += 1 }
            if load.toastRole != .none { grown.toast = load.toastRole }
            catalog.relations[name] = grown
            return (grown, [])
        }
        let gone = old.map { catalog.remove($0) } ?? []
        let new = RelationDescription(
            name: name, locator: locator, schema: load.schema, managerName: load.managerName,
            pageKind: load.record.open.pageKind, blockCount: count, furtherForks: load.furtherForks,
            rowCount: rowCount,
            isRowCountExact: isExact, toast: load.toastRole)
        catalog.relations[name] = new
        return (new, gone)
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
}
