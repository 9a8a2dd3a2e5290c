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
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Flag(help: "Only say what would be done. No file of the store changes.")
    var dryRun = false

    func run() throws {
        // What was done is told here, not by the log.
        try storeArguments.withStore(
            creating: false, access: dryRun ? .readOnly : .readWrite, logLevel: .warning
        ) { engine in
            if engine.recovery.actions.isEmpty {
                printLine("nothing to do: the store is whole")
                return
            }
            if dryRun { printLine("nothing was changed; without --dry-run it would be reported:") }
            for action in engine.recovery.actions { printLine("\(action)") }
        }
    }
}
