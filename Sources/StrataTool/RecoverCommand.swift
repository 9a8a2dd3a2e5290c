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
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Flag(help: "Only print what would be done. No file of the store changes.")
    var dryRun = false

    @Flag(
        help: ArgumentHelp(
            "Also remove files that belong to no relation, and list each.",
            discussion: "With --dry-run they are only listed."))
    var removeOrphans = false

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
            if !report.changesStore {
                let isWhole = report.actions.allSatisfy { action in
                    if case .leftAlone = action { true } else { false }
                }
                printLine(isWhole ? "nothing to do: the store is whole" : "nothing to do")
            }
            for action in report.actions { printLine("\(action)") }
            if removeOrphans { try removeOrphans(of: engine) }
        }
    }

    private func removeOrphans(of engine: Engine) throws {
        if dryRun {
            for path in try engine.orphans() { printLine("would remove \"\(path)\"") }
            return
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
    }
}
