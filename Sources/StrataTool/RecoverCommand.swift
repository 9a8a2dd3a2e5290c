internal import ArgumentParser
internal import Strata

/// `strata recover`
struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Recover a store after a crash, and list what that takes.",
        discussion: """
            Restores pages that were being written when the power failed from the journal, \
            removes files of unfinished loads and of dropped relations, and cuts off blocks of \
            unfinished appends. Prints a line for each. Every command that changes a store \
            does the same; this one does nothing else. It can be interrupted and run again.

            Files that belong to no relation, and are not known remains of an unfinished change, \
            are listed and stay, since a newer catalog may know them. --remove-orphans removes \
            those that have a relation's file name. Files that cannot be removed are named, the \
            others are removed, and the exit code is then 1.

            It is 1, too, if a relation's files are missing, too short or unusable, if something \
            could not be undone, or if the catalog is older than the store. Relations to which \
            rows have been added since that catalog then cannot grow, so that nothing is \
            overwritten: put the later catalog back, or drop or replace them, or give up what \
            they had since with --accept-catalog.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Flag(help: "Only print what would be done. No file of the store changes.")
    var dryRun = false

    @Flag(
        help: ArgumentHelp(
            "Also remove files that belong to no relation, and list each.",
            discussion: "With --dry-run they are only listed."))
    var removeOrphans = false

    @Flag(
        help: ArgumentHelp(
            "Give up what was committed after the catalog, if that is older than the store.",
            discussion: "With --dry-run the relations concerned are only listed."))
    var acceptCatalog = false

    func run() throws {
        // The command prints what was done, instead of the log.
        try storeArguments.withStore(
            creating: false, access: dryRun ? .readOnly : .readWrite, logLevel: .warning
        ) { engine in
            let report = engine.recovery
            if report.syncedFiles > 0 {
                printLine(
                    "the store was not closed: made \(Wording.count(report.syncedFiles, "file"))"
                        + " durable")
            }
            if dryRun && report.changesStore {
                printLine("nothing was changed; without --dry-run it would be reported:")
            }
            let bad = unusableRelations(of: engine)
            let faults = report.actions.filter { $0.isFault && !(acceptCatalog && $0.isOfCatalog) }
            for action in report.actions { printLine("\(action)") }
            var hasWork = report.changesStore
            if acceptCatalog, try accept(engine) { hasWork = true }
            var failures = Failures()
            for text in bad { failures.note(text) }
            if removeOrphans, try removeOrphans(of: engine) { hasWork = true }
            if !hasWork {
                let isWhole =
                    bad.isEmpty
                    && report.actions.allSatisfy { action in
                        if case .leftAlone = action { true } else { false }
                    }
                let advice = isWhole ? "; strata verify looks for damage" : ""
                printLine("nothing to recover\(advice)")
            }
            try failures.finish()
            if !faults.isEmpty { throw ExitCode(1) }
        }
    }

    /// What is wrong with the files of relations, as far as their kinds, lengths and maps tell.
    private func unusableRelations(of engine: Engine) -> [String] {
        engine.relations.compactMap { relation in
            do throws(StorageError) {
                _ = try engine.relation(named: relation.name)
                guard try engine.space(ofRelation: relation.name).lostBytes > 0 else { return nil }
                return "relation \"\(relation.name)\" has lost pages. Run strata verify to find all"
                    + " damage, and put its files back as they were, or load it again."
            } catch {
                return "relation \"\(relation.name)\" is not as it should be: \(error)"
            }
        }
    }

    /// Accepts the catalog, or says what that would do. Returns whether there is something to do.
    private func accept(_ engine: Engine) throws -> Bool {
        if dryRun {
            var isNeeded = false
            for case .keptBlocks(let relation, let first) in engine.recovery.actions {
                printLine("would give up all after \(first) blocks of relation \"\(relation)\"")
                isNeeded = true
            }
            return isNeeded
        }
        let session = try engine.makeSession()
        defer { session.close() }
        let relations = try engine.acceptCatalog(session: session)
        for relation in relations {
            printLine(
                "gave up the blocks that relation \"\(relation)\" got after this catalog; rows that"
                    + " were added to its last page since then stay")
        }
        return !relations.isEmpty
    }

    /// Removes orphans, or says which. Returns whether there are some.
    private func removeOrphans(of engine: Engine) throws -> Bool {
        let orphans = try engine.orphans()
        if dryRun {
            for path in orphans { printLine("would remove \"\(path)\"") }
            return !orphans.isEmpty
        }
        let session = try engine.makeSession()
        defer { session.close() }
        var failures = Failures()
        var told: Set<String> = []
        do throws(StorageError) {
            try engine.removeOrphans(session: session) { path, failure in
                if let failure {
                    told.insert("\(failure)")
                    failures.note("\(failure)")
                } else {
                    printLine("removed \"\(path)\"")
                }
            }
        } catch {
            if !told.contains("\(error)") { throw error }
        }
        try failures.finish()
        return !orphans.isEmpty
    }
}

extension RecoveryReport.Action {
    /// Whether it says that something is wrong with the store.
    fileprivate var isFault: Bool {
        switch self {
        case .refused, .notUndone: true
        default: isWarning
        }
    }

    /// Whether accepting the catalog settles it.
    fileprivate var isOfCatalog: Bool {
        switch self {
        case .olderCatalog, .keptBlocks: true
        default: false
        }
    }
}
