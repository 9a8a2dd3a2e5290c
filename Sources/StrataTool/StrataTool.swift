internal import ArgumentParser

/// The command line tool `strata`.
@main
struct StrataTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strata",
        abstract: "Keep relations in a store: load them from CSV, scan them, check them.",
        discussion: """
            A store is a directory. Exit codes: 0 when done, 1 when it failed, 64 when the \
            command line is wrong, 128 and the signal's number when a signal ended it.
            """,
        subcommands: [LoadCommand.self, ScanCommand.self])
}
