internal import ArgumentParser
internal import Strata

/// `strata recover`
struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Make a store whole after a crash, and say what that takes.",
        discussion: """
            Pages that were being written when the power failed are restored from the journal, files \
            of unfinished loads and of dropped relations are removed, and blocks of unfinished \
            appends are cut off. A line on standard output tells of each. Every command that changes a \
            store does the same; this one does nothing else. It can be cut short and run again.

            Files that no relation has, and that are not known to be what an unfinished change \
            has left, are named and stay: a newer catalog may know them. --remove-orphans removes \
            those that are named as a relation's.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Flag(help: "Only say what would be done. No file of the store changes.")
    var dryRun = false

    @Flag(
        help: ArgumentHelp(
            "Also remove files that no relation has, and name each.",
            discussion: "With --dry-run they are only named."))
    var removeOrphans = false

    func run() throws {
        // What was done is told here, not by the log.
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
        for path in try engine.removeOrphans(session: session) { printLine("removed \"\(path)\"") }
    }
}
