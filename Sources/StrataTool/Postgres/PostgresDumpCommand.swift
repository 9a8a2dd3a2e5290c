internal import ArgumentParser
internal import PostgresCluster
internal import PostgresDump
internal import RelationLoader

/// `strata postgres dump`
struct PostgresDumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Write a script that makes a database's tables again when psql reads it.",
        discussion: """
            The script goes to standard output: schemas, extensions, enums, domains, composites \
            and ranges, collations, tables with defaults that are constants and with their storage \
            parameters, partitions, sequences with their values, rows as a new transaction would \
            see them, keys, indexes on plain columns, foreign keys, and comments. Load it into an \
            empty database with psql -v ON_ERROR_STOP=1.

            What the files alone do not tell, such as the text of functions and views, is listed \
            at the script's end and counted on standard error. The exit code is 1 if rows of a \
            table could not be written.
            """)

    @OptionGroup var arguments: PostgresArguments

    @Option(
        help: ArgumentHelp("The database.", valueName: "name"), transform: TextArgument.plain)
    var database: String

    @Option(
        help: ArgumentHelp(
            "Only this table, with its partitions and the types that it needs; several times for"
                + " several tables.",
            valueName: "name"), transform: TextArgument.plain)
    var table: [String] = []

    @Flag(help: "Omit rows and the values of sequences.")
    var schemaOnly = false

    @Option(
        help: ArgumentHelp(
            "Threads that produce text; by default one per core.", valueName: "count"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...16).contains(threads) {
            throw ValidationError("--threads must be from 1 to 16, not \(threads).")
        }
    }

    func run() throws {
        let interruption = Interruption()
        var options = DumpOptions()
        if !table.isEmpty { options.tables = try table.map { try TableName($0) } }
        options.includesRows = !schemaOnly
        options.threads = threads
        var losesRows = false
        try arguments.withCluster { cluster in
            let source = try cluster.databaseWithWarnings(named: database)
            var output = RawOutput()
            var isStopped = false
            do throws(StorageError) {
                let summary = try source.dump(options: options) { bytes throws(StorageError) in
                    if interruption.cancellation.isCancelled || !output.write(bytes) {
                        isStopped = true
                        throw StorageError(.closed, "the dump was stopped")
                    }
                }
                report(summary)
                losesRows = summary.losesRows
            } catch {
                if !isStopped { throw error }
            }
            try output.finish()
            if interruption.cancellation.isCancelled {
                throw interruption.exit("interrupted, the script is not complete")
            }
        }
        if losesRows { throw ExitCode(1) }
    }

    private func report(_ summary: DumpSummary) {
        for omission in summary.omissions where omission.losesRows {
            printMessage("strata: \(omission)")
        }
        printMessage(
            "wrote \(Wording.count(summary.tableCount, "table")) with"
                + " \(Wording.count(summary.rowCount, "row"))")
        if !summary.omissions.isEmpty {
            printMessage(
                "strata: the script does not say everything:"
                    + " \(Wording.count(summary.omissions.count, "omission")) at its end")
        }
    }
}
