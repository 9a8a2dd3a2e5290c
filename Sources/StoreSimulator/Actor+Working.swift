internal import StorageTesting
internal import Strata

/// The steps that a session can begin.
extension Actor {
    func begin(_ session: Session) throws(Violation) {
        let names = world.plan.names
        let name = names[world.random.below(names.count)]
        let draw = world.random.below(30 + Actor.operationCount)
        switch draw {
        case 0..<4: if load == nil { try beginLoad(name, session) }
        case 4..<8: try rewrite(name, session)
        case 8, 9: try holdPage(name, session)
        case 10..<12: try readPage(name, session)
        case 12..<15: try scan(name, session)
        case 15..<18: try extend(name, session)
        case 18: try drop(name, session)
        case 19..<23: try checkpoint(session)
        case 23: try copy(name, session)
        case 24: try compact(name, session)
        case 25: engine.system.method.poll(session: session.index)
        case 26: world.disk.revertAbandoned()
        case 27, 28: try writeBehind(session)
        case 29: try reopenSession()
        default: try operate(draw - 30, name, session)
        }
    }

    /// An existing relation, with what it must hold.
    func relation(_ name: String) throws(Violation) -> (Relation, RelationModel)? {
        guard let model = world.model.current(name) else { return nil }
        var found: Relation?
        try attempt("opens \(name)") { () throws(StorageError) in
            found = try engine.relation(named: name)
        }
        guard let found else { return nil }
        guard Int(found.blockCount) == model.pages.count || world.mayBeDamaged else {
            throw Violation(
                reason: "\(name) has \(found.blockCount) pages, not \(model.pages.count)")
        }
        return (found, model)
    }

    private func withPage(
        _ name: String, _ session: Session, _ action: String,
        _ body: (consuming PinnedPage, Relation, RelationModel) throws(Violation) -> Void
    ) throws(Violation) {
        guard let (relation, model) = try relation(name), relation.blockCount > 0 else { return }
        let block = BlockNumber(UInt32(world.random.below(Int(relation.blockCount))))
        var failure: Violation?
        try attempt("\(action) block \(block) of \(name)") { () throws(StorageError) in
            let page = try relation.page(block, session: session)
            do throws(Violation) {
                try check(page, model, "a page of \(name)")
                try body(page, relation, model)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func rewrite(_ name: String, _ session: Session) throws(Violation) {
        for _ in 0...world.random.below(4) {
            try withPage(name, session, "rewrites") { (page, _, model) throws(Violation) in
                world.rewrite(page, model)
            }
        }
    }

    private func readPage(_ name: String, _ session: Session) throws(Violation) {
        try withPage(name, session, "reads") { (_, _, _) throws(Violation) in }
    }

    private func holdPage(_ name: String, _ session: Session) throws(Violation) {
        try withPage(name, session, "holds") { (page, relation, model) throws(Violation) in
            hold(page, relation, model)
        }
    }

    private func scan(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, model) = try relation(name) else { return }
        world.note("session \(number): begins to scan \(name)")
        beginScan(relation, model, session)
    }

    private func extend(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, model) = try relation(name) else { return }
        let count = 1 + world.random.below(6)
        try attempt("extends \(name) by \(count)") { () throws(StorageError) in
            var pages = try relation.extend(by: count, session: session)
            // An extension that failed before may have left pages of zeroes.
            while model.pages.count < Int(pages.first.rawValue) + pages.count {
                model.pages.append(RelationModel.Page([0]))
            }
            for _ in 0..<world.random.below(pages.count + 1) {
                if let page = pages.next() { world.rewrite(page, model) }
            }
        }
    }

    private func drop(_ name: String, _ session: Session) throws(Violation) {
        guard world.model.current(name) != nil else { return }
        let wasFailed = world.hasFailedSync
        world.model.attempt(name, nil)
        let dropped = try attempt("drops \(name)") { () throws(StorageError) in
            try engine.dropRelation(named: name, session: session)
        }
        try settle(name, nil, dropped, "a drop", wasFailed)
    }

    private func copy(_ name: String, _ session: Session) throws(Violation) {
        let targets = world.plan.names.filter { world.model.current($0) == nil }
        guard let target = targets.first, let source = world.model.current(name) else { return }
        let manager = world.plan.managers[world.random.below(world.plan.managers.count)]
        let wasFailed = world.hasFailedSync
        let next = RelationModel(
            manager: manager, pages: source.pages.map { RelationModel.Page([$0.current]) },
            values: source.values)
        next.fork = source.fork
        next.fork.pages = source.fork.pages.map { RelationModel.Page([$0.current]) }
        next.fork.possibleCounts = [next.fork.pages.count]
        next.room = source.room
        world.model.attempt(target, next)
        world.allowsInterjections = false
        defer { world.allowsInterjections = true }
        let copied = try attempt("copies \(name) to \(target) (\(manager))") {
            () throws(StorageError) in
            _ = try engine.copyRelation(
                named: name, to: LoadTarget(relation: target, managerName: manager),
                session: session)
        }
        try settle(target, next, copied, "a copy", wasFailed)
    }

    /// Records that a change of a name's meaning was acknowledged or refused.
    func settle(
        _ name: String, _ next: RelationModel?, _ isDone: Bool, _ what: String, _ wasFailed: Bool
    ) throws(Violation) {
        if isDone {
            try world.acknowledged(what, despiteFailedSync: wasFailed)
            world.model.commit(name, next)
        } else if !world.disk.isWithoutPower && !world.mustReopen {
            world.model.revert(name)
        }
    }

    private func checkpoint(_ session: Session) throws(Violation) {
        let wasFailed = world.hasFailedSync
        let mark = world.content.nextVersion
        for relation in world.model.relations { relation.attemptCounts() }
        let done = try attempt("checkpoints") { () throws(StorageError) in
            try engine.checkpoint(session)
        }
        if done {
            try world.acknowledged("a checkpoint", despiteFailedSync: wasFailed)
            world.model.settle(before: mark)
        }
    }

    private func compact(_ name: String, _ session: Session) throws(Violation) {
        guard world.model.current(name) != nil else { return }
        try attempt("compacts \(name)") { () throws(StorageError) in
            try engine.compact(relation: name, session: session)
        }
    }

    /// One step of the background writer, which has no thread here.
    private func writeBehind(_ session: Session) throws(Violation) {
        let writer = writer ?? BackgroundWriter(engine.buffers, session: session)
        self.writer = writer
        try attempt("writes behind") { () throws(StorageError) in _ = try writer.step() }
    }

    private func reopenSession() throws(Violation) {
        guard load == nil, !isScanning else { return }
        closeSession()
        _ = try openSession()
    }
}
