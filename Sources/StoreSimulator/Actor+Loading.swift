internal import StorageTesting
internal import Strata

/// Loads, slice by slice.
extension Actor {
    func beginLoad(_ name: String, _ session: Session) throws(Violation) {
        let current = world.model.current(name)
        var target = LoadTarget(relation: name, mode: current == nil ? .create : .replace)
        target.managerName = world.plan.managers[world.random.below(world.plan.managers.count)]
        if let current, world.random.below(3) > 0 {
            target.mode = .append
            target.managerName = nil
            // Beginning makes the relation's present contents durable.
            current.attemptCount(current.pages.count)
        }
        let mark = world.content.nextVersion
        let started = try attempt("begins to \(target.mode) \(name)") {
            () throws(StorageError) in
            load = try engine.beginLoad(target, session: session)
        }
        loaded = []
        loadedValues = []
        appended = nil
        loadManager = target.managerName ?? ""
        if started, target.mode == .append, let current {
            current.settle(before: mark, count: current.pages.count)
            appended = current
        }
    }

    func stepLoad(_ session: Session) throws(Violation) {
        switch world.random.below(8) {
        case 0..<4: try addPages()
        case 4: try addValues()
        case 5, 6: try commitLoad()
        default: abortLoad()
        }
    }

    private func addPages() throws(Violation) {
        guard let load else { return }
        for _ in 0...world.random.below(8) {
            let added = try attempt("adds page \(loaded.count)") { () throws(StorageError) in
                let page = try load.nextPage()
                loaded.append(RelationModel.Page([world.content.write(on: page)]))
            }
            if !added { return }
        }
    }

    /// Adds a page to the toast relation.
    private func addValues() throws(Violation) {
        guard let load else { return }
        try attempt("adds value \(loadedValues.count)") { () throws(StorageError) in
            let page = try load.beginToast().nextPage()
            loadedValues.append(world.valueContent.write(on: page))
        }
    }

    private func commitLoad() throws(Violation) {
        guard let load else { return }
        self.load = nil
        let name = load.target.relation
        let wasFailed = world.hasFailedSync
        let mark = world.content.nextVersion
        let next = beginCommit(name)
        // Most loads tell how many rows they add.
        let rows =
            world.random.below(4) == 0
            ? nil : loaded.reduce(0) { $0 + PageContent.rows(of: $1.current) }
        load.toastLoad?.toastRowCount = UInt64(loadedValues.count)
        let committed = try attempt("commits \(loaded.count) pages to \(name)") {
            () throws(StorageError) in
            try load.commit(rowCount: rows)
        }
        if committed {
            try world.acknowledged("a commit", despiteFailedSync: wasFailed)
            if let appended {
                appended.pages += loaded
                appended.values += loadedValues
                (appended.tail, appended.valuesTail) = ([], [])
                appended.settle(before: mark, count: appended.pages.count)
            } else {
                world.model.commit(name, next)
            }
        } else if !world.disk.isWithoutPower && !world.mustReopen {
            if let appended {
                appended.possibleCounts.removeLast()
                (appended.tail, appended.valuesTail) = ([], [])
            } else {
                world.model.revert(name)
            }
        }
        loaded = []
        loadedValues = []
        appended = nil
    }

    /// Records that the load may count from here on.
    private func beginCommit(_ name: String) -> RelationModel? {
        if let appended {
            (appended.tail, appended.valuesTail) = (loaded, loadedValues)
            appended.possibleCounts.append(appended.pages.count + loaded.count)
            return appended
        }
        let next = RelationModel(manager: loadManager, pages: loaded, values: loadedValues)
        world.model.attempt(name, next)
        return next
    }

    func abortLoad() {
        guard let load else { return }
        world.note("session \(number): aborts its load of \(load.target.relation)")
        load.abort()
        self.load = nil
        loaded = []
        loadedValues = []
        appended = nil
    }
}

extension World {
    /// Checks a call that has returned and thereby promised durability.
    func acknowledged(_ what: String, despiteFailedSync wasFailed: Bool) throws(Violation) {
        report.acknowledgements += 1
        if wasFailed { throw Violation(reason: "\(what) was acknowledged after a failed sync") }
    }
}
