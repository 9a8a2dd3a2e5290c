internal import StorageTesting
internal import Strata

/// Which errors are right, and what must be found after a crash.
extension World {
    /// Errors that calls may throw at any time: another session uses the relation, or there is no
    /// room.
    private static let always: Set<StorageError.Code> = [.relationBusy, .resourcesExhausted]
    /// Errors that report damage.
    private static let damage: Set<String> = [
        "invalidPage", "damagedChunk", "lostChunk", "damagedMap", "damagedSegment",
        "relationDamaged",
        "catalogDamaged", "controlDamaged", "journalDamaged", "notAStore", "storeTooNew",
        "storeMissing", "storeReplaced",
    ]
    /// Errors after a sync failed, now or before.
    private static let afterSync: Set<StorageError.Code> = [
        .syncFailed, .fileSyncFailed, .storeFailed,
    ]

    /// Whether a call was told of a fault since the engine was opened.
    var wasTold: Bool { disk.counts.told > faultsAtOpening.told }

    /// Whether a sync failed since the engine was opened.
    var hasFailedSync: Bool { disk.counts[.failedSync] > faultsAtOpening[.failedSync] }

    /// Whether damage may be found, because a silent fault may have caused it.
    var mayBeDamaged: Bool { disk.counts.silent > 0 }

    /// Decides whether an error is right.
    func judge(_ error: StorageError, _ action: String) throws(Violation) {
        report.failures += 1
        note("\(action): \(error.code): \(error)")
        var cause: StorageError? = error
        while let one = cause {
            if Self.damage.contains(one.code.rawValue) {
                guard mayBeDamaged else {
                    throw Violation(reason: "\(action) found damage: \(error.code): \(error)")
                }
                report.damageReports += 1
                // Without its catalog, for example, a store cannot be opened.
                if engine == nil { isGivenUp = true }
                return
            }
            if Self.afterSync.contains(one.code) { mustReopen = true }
            cause = one.underlying
        }
        if disk.isWithoutPower { return }
        if mustReopen {
            guard hasFailedSync || wasTold else {
                throw Violation(reason: "\(action): \(error), though no sync failed")
            }
            return
        }
        if Self.always.contains(error.code) || wasTold || mayBeDamaged { return }
        // Relations in memory may run out of memory.
        if error.code == .extendFailed, plan.managers.contains("memory") { return }
        throw Violation(reason: "\(action) failed without a fault: \(error.code): \(error)")
    }

    /// Checks that nothing a power cut leaves of the journal is taken for damage.
    func judge(_ recovery: RecoveryReport) throws(Violation) {
        for case .replayedJournal(let journal) in recovery.actions
        where journal.damagedBatches > 0 && !mayBeDamaged {
            throw Violation(reason: "opening found the journal damaged: \(journal)")
        }
        for case .notUndone(let locator, let reason) in recovery.actions
        where !wasTold && !mayBeDamaged {
            throw Violation(reason: "what was left of \(locator) stays without a fault: \(reason)")
        }
    }

    private func violation(_ error: StorageError, _ action: String) -> Violation? {
        do throws(Violation) { try judge(error, action) } catch { return error }
        return nil
    }

    // MARK: After opening

    /// Compares everything in the store with the model.
    func check() throws(Violation) {
        guard let engine else { return }
        let session: Session
        do throws(StorageError) { session = try engine.makeSession() } catch {
            throw Violation(reason: "no session: \(error)")
        }
        defer { session.close() }
        for name in model.names {
            try check(name, engine, session)
            if isGivenUp { return }
        }
        try checkRename(engine)
        if mayBeDamaged { return }
        try checkFiles(engine)
        if random.below(4) == 0 { try verify(engine, session) }
    }

    private func check(_ name: String, _ engine: Engine, _ session: Session) throws(Violation) {
        let candidates = model.candidates(name)
        guard let description = engine.description(of: name) else {
            if !candidates.contains(where: { $0 == nil }) && !mayBeDamaged {
                throw Violation(reason: "relation \(name) is gone")
            }
            model.commit(name, nil)
            return
        }
        var found: [UInt32] = []
        var (values, fork): ([UInt32], [UInt32?]) = ([], [])
        var failure: Violation?
        do throws(StorageError) {
            let relation = try engine.relation(named: name)
            let extent = relation.extent
            var pages = relation.scan(session: session, extent: extent)
            for block in 0..<extent.blockCount where failure == nil {
                do throws(StorageError) {
                    guard let page = try pages.next() else { break }
                    found.append(version(of: page, name, block))
                } catch {
                    failure = violation(error, "reading block \(block) of \(name) after opening")
                    found.append(Self.unread)
                }
            }
            if failure == nil, !found.contains(where: { $0 >= Self.unsealed }) {
                // Whatever happened to its pages, the catalog must not give a wrong row count.
                let rows = found.reduce(0) { $0 + PageContent.rows(of: $1) }
                do throws(StorageError) { try relation.checkRowCount(rows, of: extent) } catch {
                    failure = violation(error, "counting the rows of \(name) after opening")
                }
                if extent.rowCount != nil { report.countsChecked += 1 }
            }
            values = try self.values(of: relation, session)
            fork = try forkVersions(of: relation, session)
            try checkMap(relation, candidates.compactMap { $0?.room }, session)
        } catch {
            try judge(error, "opening \(name) after a crash")
            isGivenUp = true
            return
        }
        if let failure { throw failure }
        try resolve(name, description.managerName, (found, values, fork), candidates)
    }

    /// The values in a relation's toast relation.
    private func values(of relation: Relation, _ session: Session) throws(StorageError)
        -> [UInt32]
    {
        guard let toast = try relation.toast() else { return [] }
        var found: [UInt32] = []
        var pages = toast.scan(session: session)
        while let page = try pages.next() {
            report.pagesChecked += 1
            found.append(valueContent.value(on: page) ?? Self.foreign)
        }
        return found
    }

    /// The pages' versions, the values out of line, and the versions in the further fork.
    private typealias FoundContents = (pages: [UInt32], values: [UInt32], fork: [UInt32?])

    /// Stands for pages that could not be read. Two others stand for pages that are no version but
    /// have a valid checksum, and for pages without one.
    private static let unread = UInt32.max
    private static let foreign = UInt32.max - 1
    private static let unsealed = UInt32.max - 2

    private func version(of page: borrowing PinnedPage, _ name: String, _ block: UInt32)
        -> UInt32
    {
        report.pagesChecked += 1
        if let version = content.version(on: page) { return version }
        // Without its seal, which is taken off in memory, a page of another kind tells nothing.
        let hasOwnPages = page.relation.pageKind != .postgres
        let isSealed =
            hasOwnPages
            || page.withView { view in
                if case .valid = view.verify(block: block, checksums: true) { true } else { false }
            }
        note("block \(block) of \(name) is nothing that was written, sealed: \(isSealed)")
        return isSealed ? Self.foreign : Self.unsealed
    }

    /// Finds out which of the possible relations this is, and continues with that one.
    private func resolve(
        _ name: String, _ manager: String, _ contents: FoundContents,
        _ candidates: [RelationModel?]
    ) throws(Violation) {
        let (found, values, fork) = contents
        if found.contains(Self.unsealed) {
            throw Violation(reason: "pages of \(name) were given out unverified: \(found)")
        }
        let fits = candidates.contains {
            $0?.manager == manager && $0?.allows(found, values) == true
                && $0?.fork.allows(fork) == true
        }
        if !fits {
            try judgeUnfit(name, manager, contents, candidates)
            isGivenUp = true
            return
        }
        let relation = RelationModel(
            manager: manager, pages: found.map { RelationModel.Page([$0]) }, values: values)
        relation.fork.pages = fork.map { RelationModel.Page([$0 ?? 0]) }
        relation.fork.possibleCounts = [fork.count]
        for case let old? in candidates { relation.room.merge(old.room) { $0.union($1) } }
        model.commit(name, relation)
    }

    /// Judges contents that are none of the possible ones. They are right only if a silent fault
    /// explains them.
    ///
    /// A lost or misdirected write leaves whole pages of another time or relation with valid
    /// checksums. A changed bit must have been reported by an error.
    private func judgeUnfit(
        _ name: String, _ manager: String, _ contents: FoundContents,
        _ candidates: [RelationModel?]
    ) throws(Violation) {
        let (found, values, fork) = contents
        let hidesWrites = disk.counts.silent > disk.counts[.bitRot]
        let isWhole = !found.contains(Self.unread)
        if mayBeDamaged && (hidesWrites || !isWhole) { return }
        let told = candidates.map { candidate in
            candidate.map { model in
                "\(model.manager) of \(model.possibleCounts) pages: "
                    + "\((model.pages + model.tail).map(\.versions)), values"
                    + " \(model.values) + \(model.valuesTail), fork of"
                    + " \(model.fork.possibleCounts) + \(model.fork.slack):"
                    + " \(model.fork.pages.map(\.versions))"
            } ?? "none"
        }
        throw Violation(
            reason:
                "relation \(name) (\(manager)) has \(found), values \(values), fork"
                + " \(fork.map { $0.map(String.init) ?? "none" }), which is none of"
                + " \(told)"
        )
    }

    /// Checks that every file belongs to something.
    private func checkFiles(_ engine: Engine) throws(Violation) {
        let numbers = Set(engine.relations.map { "\($0.locator.number)" })
        try checkStray()
        // A file that could not be removed stays recorded, and is removed later.
        var left: Set<String> = []
        for case .notUndone(let locator, _) in engine.recovery.actions {
            left.insert("\(locator.number)")
        }
        for path in disk.paths where path.hasPrefix("base/1/") && path != Self.strayPath {
            let number = path.dropFirst("base/1/".count).prefix { $0.isNumber }
            if !numbers.contains(String(number)) && !left.contains(String(number)) {
                throw Violation(reason: "file \(path) belongs to nothing")
            }
        }
    }

    private func verify(_ engine: Engine, _ session: Session) throws(Violation) {
        let findings = Findings()
        do throws(StorageError) {
            _ = try engine.verify(
                session: session, observer: VerificationObserver { findings.all.append($0) })
        } catch {
            try judge(error, "verifying")
        }
        for finding in findings.all {
            // Damage behind the end loses nothing, and disappears when the relation grows.
            let relation = finding.relation.flatMap { engine.description(of: $0) }
            let end = finding.fork.flatMap { relation?.blockCount(of: $0) }
            if let block = finding.block, let end, block >= end { continue }
            throw Violation(reason: "verifying found \(finding)")
        }
    }

    private final class Findings {
        var all: [VerificationFinding] = []
    }
}
