internal import ArgumentParser

/// `strata postgres`
struct PostgresCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postgres",
        abstract: "Read a PostgreSQL data directory, 13 to 18, without its server.",
        discussion: """
            Nothing is ever written to the directory. Of a server that runs, or crashed, what is \
            on disk is shown, with a warning.
            """,
        subcommands: [PostgresTablesCommand.self, PostgresScanCommand.self])
}
