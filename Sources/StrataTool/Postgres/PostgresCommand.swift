internal import ArgumentParser

/// `strata postgres`
struct PostgresCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postgres",
        abstract: "Read a PostgreSQL data directory, 13 to 18, without its server.",
        discussion: """
            Never writes to the directory. If the server is running or has crashed, the rows on \
            disk are shown, with a warning.
            """,
        subcommands: [
            PostgresTablesCommand.self, PostgresScanCommand.self, PostgresVerifyCommand.self,
            PostgresSalvageCommand.self,
        ])
}
