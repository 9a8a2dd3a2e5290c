internal import StorageTesting
internal import Strata

/// Loads, slice by slice.
extension Actor {
    func beginLoad(_ name: String, _ session: Session) throws(Violation) {
        let current = world.model.current(name)
        var wasExtended = false
        var target = LoadTarget(relation: name, mode: current == nil ? .create : .replace)
        target.managerName = world.plan.managers[world.random.below(world.plan.managers.count)]
        target.pageKind = world.plan.pageKinds[world.random.below(world.plan.pageKinds.count)]
        if let current, world.random.below(3) > 0 {
            target.mode = .append
            target.managerName = nil
            target.pageKind = nil
            wasExtended =
                current.possibleCounts.count == 1
                && current.possibleCounts != [current.pages.count]
            current.attemptCount(current.pages.count)
        }
        let mark = world.content.nextVersion
        let started = try attempt("begins to \(target.mode) \(name)") {
            () throws(StorageError) in
            load = try engine.beginLoad(target, session: session)
        }
        forgetLoad()
        loadManager = target.managerName ?? ""
        if started, target.mode == .append, let current {
            // Pages that the catalog did not count are made durable by that.
            if wasExtended { current.settle(before: mark, count: current.pages.count) }
            appended = current
            if world.random.below(3) > 0 { try fillLastPage() }
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
        for _ in 0..<world.random.below(9) {
            let added = try attempt("adds page \(loaded.count)") { () throws(StorageError) in
                let page = try load.nextPage()
                loaded.append(RelationModel.Page([world.content.write(on: page)]))
            }
            if !added { return }
        }
    }

    /// Puts a new version on a copy of the last page of the relation that is appended to.
    private func fillLastPage() throws(Violation) {
        guard let load, let old = appended?.pages.last?.current else { return }
        try attempt("fills up the last page") { () throws(StorageError) in
            guard let page = try load.lastPage() else { return }
            let new = page.withEditor { world.content.write(on: &$0, page.block) }
            let rows = Int(PageContent.rows(of: new)) - Int(PageContent.rows(of: old))
            filled = (new, rows)
        }
    }

    /// Adds a page to the toast relation.
    private func addValues() throws(Violation) {
        guard let load, load.pageKind == .postgres else { return }
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
        let next = beginCommit(name)
        // Most loads tell how many rows they add. Loads that take some away must not.
        let added = loaded.reduce(filled?.rows ?? 0) { $0 + Int(PageContent.rows(of: $1.current)) }
        let tells =
            load.pageKind == .postgres && world.random.below(4) > 0 && filled?.rows ?? 0 >= 0
        let rows = tells ? UInt64(added) : nil
        load.toastLoad?.toastRowCount = UInt64(loadedValues.count)
        // Others would wait in vain for the last page, on this one thread.
        if filled != nil { world.allowsInterjections = false }
        defer { world.allowsInterjections = true }
        let committed = try attempt("commits \(loaded.count) pages to \(name)") {
            () throws(StorageError) in
            try load.commit(rowCount: rows)
        }
        if committed {
            try world.acknowledged("a commit", despiteFailedSync: wasFailed)
            if let appended {
                // The load's pages are durable; what else has changed need not be.
                appended.commitAppend()
                if filled != nil { world.report.fills += 1 }
            } else {
                world.model.commit(name, next)
            }
        } else if !world.disk.isWithoutPower && !world.mustReopen {
            if let appended {
                appended.possibleCounts.removeLast()
                appended.endAppend()
            } else {
                world.model.revert(name)
            }
        }
        forgetLoad()
    }

    /// Records that the load may count from here on.
    private func beginCommit(_ name: String) -> RelationModel? {
        if let appended {
            (appended.tail, appended.valuesTail) = (loaded, loadedValues)
            appended.filled = filled?.version
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
        forgetLoad()
    }

    private func forgetLoad() {
        (loaded, loadedValues, filled, appended) = ([], [], nil, nil)
    }
}

extension World {
    /// Checks a call that has returned and thereby promised durability.
    func acknowledged(_ what: String, despiteFailedSync wasFailed: Bool) throws(Violation) {
        report.acknowledgements += 1
        if wasFailed { throw Violation(reason: "\(what) was acknowledged after a failed sync") }
    }
}
