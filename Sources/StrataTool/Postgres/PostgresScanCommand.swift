internal import ArgumentParser
internal import PostgresCluster
internal import RelationLoader

/// `strata postgres scan`
struct PostgresScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Write the rows of a table to standard output.",
        discussion: """
            Rows are written in physical order, as a new transaction would see them and as COPY \
            prints them: ISO dates, time zone UTC, text in UTF-8. A table with partitions or \
            inheriting tables includes their rows. The summary goes to standard error.
            """)

    @OptionGroup var arguments: PostgresArguments

    @Option(
        help: ArgumentHelp("The database.", valueName: "name"), transform: TextArgument.plain)
    var database: String

    @Option(
        help: ArgumentHelp(
            "The table, as SQL names it: orders, public.orders, '\"We ird\".\"a.b\"'.",
            valueName: "name"), transform: TextArgument.plain)
    var table: String

    @Option(
        help: ArgumentHelp(
            "The columns to write, such as \"code,name\"; by default all.",
            discussion: "Put a name that contains a comma in double quotes.",
            valueName: "names"), transform: TextArgument.plain)
    var columns: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The most rows to write, 0 or more.", valueName: "rows"))
    var limit: String?

    @Option(
        help: ArgumentHelp(
            "csv, json (one object per line), or none: rows are only decoded and counted.",
            valueName: "csv|json|none"))
    var format = Format.csv

    @Option(
        help: ArgumentHelp("The text for null in CSV.", valueName: "text"),
        transform: TextArgument.plain)
    var null = ""

    @Flag(name: .customLong("no-header"), help: "Omit the header from CSV.")
    var noHeader = false

    @Flag(help: "Omit the rows of partitions and inheriting tables.")
    var only = false

    @Flag(help: "Include row versions that no transaction sees, with xmin, xmax and state.")
    var dead = false

    @Flag(help: "Include what is left of dropped columns, in hexadecimal.")
    var dropped = false

    @Option(
        help: ArgumentHelp(
            "What to do about types without a text form: refuse, or hex.",
            valueName: "refuse|hex"))
    var unknownTypes = UnknownTypes.refuse

    @Option(
        help: ArgumentHelp(
            "Threads that produce text; by default one per core.", valueName: "count"))
    var threads: Int?

    enum Format: String, ExpressibleByArgument, CaseIterable { case csv, json, none }
    enum UnknownTypes: String, ExpressibleByArgument, CaseIterable { case refuse, hex }

    func validate() throws {
        if let limit, Int(limit).map({ $0 >= 0 }) != true {
            throw ValidationError(
                "--limit must be a number of rows, 0 or more, not \"\(limit)\".")
        }
        if let threads, !(1...16).contains(threads) {
            throw ValidationError("--threads must be from 1 to 16, not \(threads).")
        }
    }

    private var textFormat: RowTextFormat {
        switch format {
        case .csv: .csv(null: null, header: !noHeader)
        case .json: .json
        case .none: .none
        }
    }

    func run() throws {
        let interruption = Interruption()
        var options = TableScanOptions()
        options.columns = try columns.map(CSVArguments.names)
        options.limit = limit.flatMap(Int.init)
        options.onlyOwnRows = only
        options.includesDead = dead
        options.includesDropped = dropped
        options.unknownTypesAsHexadecimal = unknownTypes == .hex
        options.threads = threads
        let name = try TableName(table)
        try arguments.withCluster { cluster in
            let source = try cluster.databaseWithWarnings(named: database)
            let scan = try source.scan(try source.table(name), options: options)
            for note in scan.notes { printMessage("strata: \(note)") }
            var output = RawOutput()
            var isStopped = false
            do throws(StorageError) {
                let rows = try scan.write(textFormat) { bytes throws(StorageError) in
                    if interruption.cancellation.isCancelled || !output.write(bytes) {
                        isStopped = true
                        throw StorageError(.closed, "the scan was stopped")
                    }
                }
                printMessage(zeroPages: scan.zeroPageCount)
                printMessage("scanned \(Wording.count(rows, "row")) of \(name)")
            } catch {
                if !isStopped { throw error }
            }
            try output.finish()
            if interruption.cancellation.isCancelled {
                throw interruption.exit("interrupted, not all rows were written")
            }
        }
    }
}
