internal import ArgumentParser
internal import PostgresCluster
internal import RelationLoader
internal import Strata

/// `strata postgres import`
struct PostgresImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Load the rows of a table into a relation of a store: all of them, or nothing.",
        discussion: """
            The relation gets the rows that a new transaction would see, in physical order, values \
            stored out of line included, and those of partitions and inheriting tables. Columns \
            keep their names, whether they may be NULL, and their types, if the store has them; \
            other types become text, as the server prints it, and domains what they are made of. \
            That is said on standard error.

            Creates the store if there is none. If the import fails or is interrupted, the store \
            is unchanged. Nothing is written to the data directory.
            """)

    @Argument(help: ArgumentHelp("The cluster's data directory.", valueName: "directory"))
    var directory: PathArgument

    @Option(
        help: ArgumentHelp("The database.", valueName: "name"), transform: TextArgument.plain)
    var database: String

    @Option(
        help: ArgumentHelp(
            "The table, as SQL names it: orders, public.orders, '\"We ird\".\"a.b\"'.",
            valueName: "name"), transform: TextArgument.plain)
    var table: String

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp("The relation to load into.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: String

    @Option(
        help: ArgumentHelp(
            "The columns to import, such as \"code,name\"; by default all.",
            discussion: "Put a name that contains a comma in double quotes.",
            valueName: "names"), transform: TextArgument.plain)
    var columns: String?

    @Flag(help: "Omit the rows of partitions and inheriting tables.")
    var only = false

    @Option(
        help: ArgumentHelp(
            "What to do about types without a text form: refuse, or hex.",
            valueName: "refuse|hex"))
    var unknownTypes = PostgresScanCommand.UnknownTypes.refuse

    @OptionGroup var managerArguments: ManagerArguments

    @Flag(help: "Add the rows to an existing relation with the same columns.")
    var append = false

    @Flag(
        help: ArgumentHelp(
            "Replace the rows of the relation, if it exists.",
            discussion: "It keeps its storage manager and options unless others are given."))
    var replace = false

    func validate() throws {
        if append && managerArguments.manager != nil {
            throw ValidationError("--manager is for new relations; omit it with --append.")
        }
        try managerArguments.check(in: storeArguments, managerMayBeKnown: replace)
        if append && replace { throw ValidationError("--append and --replace exclude each other.") }
    }

    func run() throws {
        let interruption = Interruption()
        var options = LoadOptions()
        options.mode = append ? .append : replace ? .replace : .create
        options.managerName = managerArguments.manager
        options.managerOptions = managerArguments.options
        options.cancellation = interruption.cancellation
        let name = try TableName(table)
        try DirectoryPlace.refuse(storeArguments.store.path, within: directory.path)
        var settings = storeArguments.ioArguments.postgresOptions()
        // Each thread that decodes rows has a session.
        settings.maximumSessions = PostgresOptions().maximumSessions
        let cluster = try PostgresDirectory.open(directory.path, options: settings)
        for warning in cluster.warnings { printMessage("strata: \(warning)") }
        let outcome = Result { try load(name, of: cluster, options, interruption) }
        try cluster.close()
        try outcome.get()
    }

    private func load(
        _ name: TableName, of cluster: PostgresDirectory, _ options: LoadOptions,
        _ interruption: Interruption
    ) throws {
        var scanOptions = TableScanOptions()
        scanOptions.columns = try columns.map(CSVArguments.names)
        scanOptions.onlyOwnRows = only
        scanOptions.unknownTypesAsHexadecimal = unknownTypes == .hex
        let source = try cluster.databaseWithWarnings(named: database)
        // Errors in the table must show before a store is created.
        let rows = try source.rows(of: try source.table(name), options: scanOptions)
        defer { rows.end() }
        for note in rows.notes { printMessage("strata: \(note)") }
        try storeArguments.withNewStoreOnSuccess { engine in
            do throws(LoaderError) {
                let line = ProgressLine()
                defer { line.clear() }
                let summary = try RelationLoader.load(
                    rowsOf: ClusterRows(rows, name: "\(database).\(name)"), into: relation,
                    of: engine, options: options,
                    progress: line.isWatched ? { line.show($0) } : nil)
                line.clear()
                printMessage(zeroPages: rows.zeroPageCount)
                printLine(Wording.summary(of: summary, relation))
                managerArguments.warnIfNotKept(relation)
            } catch {
                switch error {
                case .storage(let failure) where failure.code == .alreadyExists:
                    throw LoadCommand.alreadyExists(failure)
                case _ where interruption.cancellation.isCancelled:
                    throw interruption.exit(LoadCommand.interruptedMessage)
                // The advice of loads is about texts and their options.
                case .text(let failure):
                    throw StorageError(
                        .unsupported, failure.message,
                        remedy: "Leave the column out with --columns, or load what strata postgres"
                            + " scan writes.")
                case .storage, .cancelled: throw error
                }
            }
        }
    }
}

/// The rows of a PostgreSQL table as a load takes them.
private struct ClusterRows: RowSource {
    let name: String
    private let rows: TableRows

    init(_ rows: TableRows, name: String) {
        self.rows = rows
        self.name = name
    }

    var schema: Schema { rows.schema }
    var textColumns: Set<Int> { rows.textColumns }

    func next() throws(LoaderError) -> DatumBatch? {
        do throws(StorageError) { return try rows.next() } catch { throw .storage(error) }
    }
}
