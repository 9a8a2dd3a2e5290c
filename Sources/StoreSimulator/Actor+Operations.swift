internal import FreeSpaceMap
internal import StorageTesting
internal import Strata

/// Renaming and cutting relations, their further forks, and the maps of their free space.
extension Actor {
    static let operationCount = 12

    func operate(_ draw: Int, _ name: String, _ session: Session) throws(Violation) {
        switch draw {
        case 0, 1: return try rename(name, session)
        case 2..<4: try cut(name, .main, session)
        case 4..<6: try extendFork(name, session)
        case 6: try cut(name, .visibilityMap, session)
        case 7: try touchFork(name, session)
        case 8, 9: try recordSpace(name, session)
        case 10: try findSpace(name, session)
        default: try vacuum(name, session)
        }
    }

    private func rename(_ name: String, _ session: Session) throws(Violation) {
        let free = world.plan.names.filter { world.model.current($0) == nil }
        guard let target = free.first, let model = world.model.current(name) else { return }
        let wasFailed = world.hasFailedSync
        world.model.attempt(name, nil)
        world.model.attempt(target, model)
        if model.manager != "memory" { world.renaming = (name, target) }
        let renamed = try attempt("renames \(name) to \(target)") { () throws(StorageError) in
            try engine.renameRelation(name, to: target, session: session)
        }
        try settle(name, nil, renamed, "a rename", wasFailed)
        try settle(target, model, renamed, "a rename", wasFailed)
        if world.disk.isWithoutPower || world.mustReopen { return }
        world.renaming = nil
        if renamed { world.report.operations += 1 }
    }

    /// Cuts a fork. The other sessions' scans of it end.
    private func cut(_ name: String, _ fork: Fork, _ session: Session) throws(Violation) {
        guard let (relation, model) = try relation(name) else { return }
        let before = fork == .main ? model.possibleCounts : model.fork.possibleCounts
        let length = fork == .main ? model.pages.count : model.fork.pages.count
        if length == 0 { return }
        let count = world.random.below(length)
        let isInUse =
            fork == .main && world.actors.contains { $0.uses(model, from: UInt32(count)) }
        // It takes a while until pins count as such.
        if isInUse && world.random.below(32) > 0 { return }
        let wasFailed = world.hasFailedSync
        let mark = world.content.nextVersion
        model.attempt(count, of: fork)
        var isRefused = false
        let done = try attempt("cuts \(name)\(fork.suffix) to \(count)") {
            () throws(StorageError) in
            do throws(StorageError) {
                try relation.truncate(fork, to: UInt32(count), session: session)
            } catch {
                guard error.code == .pageInUse, isInUse else { throw error }
                isRefused = true
            }
        }
        if done && !isRefused {
            try world.acknowledged("a cut", despiteFailedSync: wasFailed)
            world.report.operations += 1
            model.cut(fork, to: count)
            // What the catalog did not count before is durable by that.
            if fork == .main, before.count == 1, before[0] < count {
                model.settle(before: mark, count: count)
            }
            if fork == .main { for actor in world.actors { actor.dropScan(of: model) } }
        } else if isRefused || !world.disk.isWithoutPower && !world.mustReopen {
            model.revert(to: before, of: fork)
        }
    }

    // MARK: A further fork

    private func extendFork(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, model) = try relation(name) else { return }
        let count = 1 + world.random.below(4)
        var failure: Violation?
        let done = try attempt("extends \(name)_vm by \(count)") { () throws(StorageError) in
            var pages = try relation.extend(
                fork: .visibilityMap, by: count, session: session)
            let first = Int(pages.first.rawValue)
            let known = model.fork.pages.count
            if !(known...known + model.fork.slack).contains(first) && !world.mayBeDamaged {
                failure = Violation(reason: "\(name)_vm grows at \(first), not \(known)")
            }
            model.fork.grow(to: first + pages.count)
            for _ in 0..<world.random.below(pages.count + 1) {
                if let page = pages.next() { world.rewriteFork(page, model) }
            }
        }
        if let failure { throw failure }
        if done { world.report.operations += 1 } else { model.fork.slack += count }
    }

    private func touchFork(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, model) = try relation(name), !model.fork.pages.isEmpty else {
            return
        }
        let block = world.random.below(model.fork.pages.count)
        var failure: Violation?
        try attempt("touches block \(block) of \(name)_vm") { () throws(StorageError) in
            let page = try relation.page(
                BlockNumber(UInt32(block)), fork: .visibilityMap, session: session)
            world.report.pagesChecked += 1
            let (found, expected) = (
                world.content.version(on: page), model.fork.pages[block].current
            )
            if found != expected && !world.mayBeDamaged {
                failure = Violation(
                    reason: "block \(block) of \(name)_vm: version"
                        + " \(found.map { "\($0)" } ?? "none"), not \(expected)")
            } else if world.random.below(2) == 0 {
                world.rewriteFork(page, model)
            }
        }
        if let failure { throw failure }
    }

    // MARK: Free space

    private func recordSpace(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, model) = try relation(name), relation.blockCount > 0 else { return }
        for _ in 0...world.random.below(3) {
            let block = UInt32(world.random.below(Int(relation.blockCount)))
            let bytes = world.random.below(8200)
            model.room[block, default: []].insert(FreeSpaceCategory(available: bytes).bytes)
            try attempt("records \(bytes) bytes in block \(block) of \(name)") {
                () throws(StorageError) in
                try relation.recordFreeSpace(bytes, at: BlockNumber(block), session: session)
            }
        }
    }

    private func findSpace(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, _) = try relation(name) else { return }
        let bytes = world.random.below(8161)
        try attempt("looks for \(bytes) bytes in \(name)") { () throws(StorageError) in
            guard let found = try relation.findPage(with: bytes, session: session) else { return }
            let told = try relation.recordedFreeSpace(at: found, session: session)
            if told < bytes && !world.mayBeDamaged {
                throw StorageError(.misuse, "block \(found) has \(told) bytes by the map")
            }
            world.report.operations += 1
        }
    }

    /// After that, everything that was recorded is found.
    private func vacuum(_ name: String, _ session: Session) throws(Violation) {
        guard let (relation, _) = try relation(name) else { return }
        try attempt("vacuums the map of \(name)") { () throws(StorageError) in
            try relation.vacuumFreeSpaceMap(session: session)
            var most = 0
            for block in 0..<relation.blockCount {
                most = max(
                    most,
                    try relation.recordedFreeSpace(at: BlockNumber(block), session: session))
            }
            if most == 0 { return }
            let found = try relation.findPage(with: most, session: session)
            if found == nil && !world.mayBeDamaged {
                throw StorageError(.misuse, "no page with \(most) bytes is found")
            }
        }
    }
}

extension World {
    /// Writes a new version on a page of the further fork.
    func rewriteFork(_ page: borrowing PinnedPage, _ model: RelationModel) {
        let version = content.write(on: page)
        model.fork.pages[Int(page.block.rawValue)].versions.append(version)
    }

    /// The versions on the pages of a relation's further fork.
    func forkVersions(of relation: Relation, _ session: Session) throws(StorageError)
        -> [UInt32?]
    {
        var found: [UInt32?] = []
        for block in 0..<(try relation.blockCount(of: .visibilityMap)) {
            report.pagesChecked += 1
            let page = try relation.page(
                BlockNumber(block), fork: .visibilityMap, session: session)
            found.append(content.version(on: page))
        }
        return found
    }

    /// Checks that a map which a crash has left tells only what was told it.
    func checkMap(
        _ relation: Relation, _ rooms: [[UInt32: Set<Int>]], _ session: Session
    ) throws(StorageError) {
        guard try relation.blockCount(of: .freeSpaceMap) > 0 else { return }
        for block in 0..<relation.blockCount {
            let told = try relation.recordedFreeSpace(at: BlockNumber(block), session: session)
            let isKnown = told == 0 || rooms.contains { $0[block]?.contains(told) == true }
            if !isKnown && !mayBeDamaged {
                throw StorageError(.misuse, "the map tells \(told) bytes of block \(block)")
            }
        }
        _ = try relation.findPage(with: 1 + random.below(8160), session: session)
    }

    /// A rename that a crash has cut short has happened or not.
    func checkRename(_ engine: Engine) throws(Violation) {
        guard let (name, target) = renaming.take(), !mayBeDamaged else { return }
        let found = [name, target].filter { engine.description(of: $0) != nil }
        if found.count == 1 { return }
        throw Violation(reason: "after a rename of \(name) to \(target) there is \(found)")
    }
}
