internal import ArgumentParser
internal import BenchSuite
internal import PostgresCluster
internal import StorageManager

/// `strata postgres tables`
struct PostgresTablesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tables",
        abstract: "List the tables of a data directory.",
        discussion: """
            Prints a line for each relation that a committed transaction made: database, schema, \
            name, kind, pages on disk, their size, the server's last estimate of its rows (? if \
            there is none), tablespace, and first file.
            """)

    @OptionGroup var arguments: PostgresArguments

    @Option(
        help: ArgumentHelp("Only tables of this database.", valueName: "name"),
        transform: TextArgument.plain)
    var database: String?

    @Flag(help: "Include the server's own catalogs.")
    var system = false

    @Flag(help: "Print one object per line: database, schema, name, kind, file, pages, columns …")
    var json = false

    func run() throws {
        try arguments.withCluster { cluster in
            var rows: [(String, PostgresTable)] = []
            var isIncomplete = false
            for name in database.map({ [$0] }) ?? cluster.databaseNames {
                do throws(StorageError) {
                    let tables = try cluster.databaseWithWarnings(named: name)
                        .tables(includingSystem: system)
                    rows += tables.map { (name, $0) }
                } catch {
                    // A database that cannot be read must not hide the others.
                    guard database == nil, error.leavesOthersReadable else { throw error }
                    printMessage("strata: database \(name) is not listed: \(error)")
                    isIncomplete = isIncomplete || error.code != .unsupported
                }
            }
            if json { try printJSON(rows) } else { printTable(rows) }
            if isIncomplete { throw ExitCode(1) }
        }
    }

    private func printTable(_ rows: [(String, PostgresTable)]) {
        if rows.isEmpty { return printMessage("there are no tables") }
        var text = TextTable(
            titles: [
                "database", "schema", "name", "kind", "pages", "size", "rows", "tablespace", "file",
            ],
            rightAligned: [4, 5, 6])
        for (database, table) in rows {
            let cells = [
                database, table.schema, table.name, table.kind.rawValue, "\(table.pages)",
                Wording.size(Double(table.pages) * Double(blockSize)),
                table.estimatedRows.map { Wording.decimal($0, places: 0) } ?? "?",
                table.tablespace ?? "", table.file ?? "",
            ]
            text.add(cells.map(PrintableText.line))
        }
        ToolEnvironment.current.standardOutput.write(lines: text.text)
    }

    private func printJSON(_ rows: [(String, PostgresTable)]) throws {
        var output = RawOutput()
        var text: [UInt8] = []
        for (database, table) in rows {
            text += table.json(database: database)
            if text.count > 1 << 16 {
                guard output.write(text) else { break }
                text = []
            }
        }
        _ = output.write(text)
        try output.finish()
    }
}
