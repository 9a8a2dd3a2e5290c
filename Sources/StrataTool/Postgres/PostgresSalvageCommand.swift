internal import ArgumentParser
internal import PostgresCluster
internal import PostgresRescue
internal import RelationLoader
internal import Strata

/// `strata postgres salvage`
struct PostgresSalvageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage",
        abstract: "Rescue the rows of a table from a damaged data directory or a disk image.",
        discussion: """
            Writes every row that can still be had to standard output. Pages that fail are tried \
            row by row. Two columns follow the table's own: ctid, the row's block and line \
            pointer, and confidence. That is whole; plausible, if a page is damaged but the row \
            on it is possible, or if the files do not tell whether it was committed; or \
            incomplete, if values are lost, which are shown as null. Lost files, blocks, rows and \
            values are named on standard error. Nothing is written to the directory.

            A table is found by what is left of the catalogs. Without them, give its file and \
            columns: --file base/5/16384 --schema "id bigint, name text". --schema takes every \
            type that all servers have, arrays of them, and enum; name dropped columns too.

            With --image, pages of a dropped table are found in a disk image or block device by \
            their headers and --schema. The directory may be given too, so that its log tells \
            which rows were committed.

            Exit codes: 0 if everything was whole; 1 if something is lost or not sure, if no page \
            was found that fits --schema, or if the command failed.
            """)

    @Argument(help: ArgumentHelp("The cluster's data directory.", valueName: "directory"))
    var directory: PathArgument?

    @OptionGroup(title: "What to rescue") var choice: SalvageChoice
    @OptionGroup var output: SalvageOutputArguments
    @OptionGroup var ioArguments: IOArguments

    func validate() throws {
        if directory == nil && choice.image == nil {
            throw ValidationError("Give a data directory, or a disk image with --image.")
        }
    }

    func run() throws {
        let interruption = Interruption()
        let writer = SalvageWriter(output, interruption)
        if let image = choice.image {
            try salvageImage(image, writer)
        } else if let directory {
            try withRescue(directory) { rescue in try salvage(rescue, writer) }
        }
        try writer.finish()
    }

    private func withRescue(
        _ directory: PathArgument, _ body: (ClusterRescue) throws -> Void
    ) throws {
        let opened = try open(directory)
        let outcome = Result {
            let rescue = try ClusterRescue(opened)
            for warning in rescue.warnings { printMessage("strata: \(warning)") }
            try body(rescue)
        }
        try opened.close()
        try outcome.get()
    }

    private func open(_ directory: PathArgument) throws(StorageError) -> DataDirectory {
        var options = ioArguments.postgresOptions()
        options.toleratesDamagedControl = true
        return try DataDirectory.open(directory.path, options: options)
    }

    private func salvage(_ rescue: ClusterRescue, _ writer: SalvageWriter) throws {
        var options = SalvageOptions()
        options.includesDead = choice.dead
        options.onlyOwnRows = choice.only
        let schema = try choice.rescueSchema()
        if choice.orphans {
            guard let schema else { return try list(rescue, writer) }
            writer.marks.insert(.file)
            writer.isSearch = true
            for target in try rescue.orphans(fitting: schema) {
                try writer.write(target, of: rescue, options)
            }
        } else if let file = choice.file {
            let target = try rescue.file(file, schema: schema, toast: choice.toast)
            try writer.write(target, of: rescue, options)
        } else if let table = choice.table, let database = choice.database {
            let name = try TableName(table)
            let target = try rescue.database(named: database).table(name, options: options)
            try writer.write(target, of: rescue, options)
        }
    }

    private func list(_ rescue: ClusterRescue, _ writer: SalvageWriter) throws {
        let orphans = try rescue.orphans { name, error in
            printMessage("strata: the catalogs of \(name) cannot be read: \(error.message)")
        }
        try writer.list(orphans)
    }

    private func salvageImage(_ path: PathArgument, _ writer: SalvageWriter) throws {
        guard let schema = try choice.rescueSchema() else { return }
        writer.isSearch = true
        var options = ImageOptions()
        options.includesDead = choice.dead
        options.acceptsShortRows = choice.shortRows
        let image = try ImageRescue.open(path.path, options: ioArguments.postgresOptions())
        defer { image.close() }
        let log = try directory.map { try open($0) }
        let outcome = Result { try writer.write(image, schema, options, log) }
        try log?.close()
        try outcome.get()
    }
}

/// What to rescue.
struct SalvageChoice: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The table's database, or its number if the list of databases is lost.",
            valueName: "name"), transform: TextArgument.plain)
    var database: String?

    @Option(
        help: ArgumentHelp(
            "The table, as SQL names it: orders, public.orders, '\"We ird\".\"a.b\"'.",
            valueName: "name"), transform: TextArgument.plain)
    var table: String?

    @Option(
        help: ArgumentHelp(
            "A relation's first file below the directory, such as base/5/16384.",
            valueName: "path"), transform: TextArgument.plain)
    var file: String?

    @Flag(
        help: """
            The files that no catalog names: a list of them, or with --schema the rows of those \
            that fit.
            """)
    var orphans = false

    @Option(
        help: ArgumentHelp(
            "Find the table's pages in this disk image or block device.", valueName: "path"))
    var image: PathArgument?

    @Option(
        help: ArgumentHelp(
            "The columns, such as \"id bigint, name text\".", valueName: "columns"),
        transform: TextArgument.plain)
    var schema: String?

    @Option(
        help: ArgumentHelp(
            "The file of the values that --file stores out of line.", valueName: "path"),
        transform: TextArgument.plain)
    var toast: String?

    @Flag(help: "Omit the rows of partitions and inheriting tables.")
    var only = false

    @Flag(help: "Include row versions that no transaction sees, with xmin, xmax and state.")
    var dead = false

    @Flag(help: "In an image, take pages too on which every row lacks the last columns.")
    var shortRows = false

    func validate() throws {
        let chosen = [table != nil, file != nil, orphans, image != nil].count { $0 }
        guard chosen == 1 else {
            throw ValidationError("Give one of --table, --file, --orphans and --image.")
        }
        if table != nil && database == nil { throw ValidationError("--table needs --database.") }
        if database != nil && table == nil { throw ValidationError("--database needs --table.") }
        if image != nil && schema == nil { throw ValidationError("--image needs --schema.") }
        if table != nil && schema != nil {
            throw ValidationError("--schema goes with --file, --orphans or --image.")
        }
        if toast != nil && (file == nil || schema == nil) {
            throw ValidationError("--toast needs --file and --schema.")
        }
        if shortRows && image == nil { throw ValidationError("--short-rows needs --image.") }
    }

    func rescueSchema() throws(StorageError) -> RescueSchema? {
        guard let schema else { return nil }
        return try RescueSchema(parsing: schema)
    }
}

/// How to print rescued rows.
struct SalvageOutputArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "csv, json (one object per line), or none: rows are only decoded and counted.",
            valueName: "csv|json|none"))
    var format = PostgresScanCommand.Format.csv

    @Option(
        help: ArgumentHelp("The text for null in CSV.", valueName: "text"),
        transform: TextArgument.plain)
    var null = ""

    @Flag(name: .customLong("no-header"), help: "Omit the header from CSV.")
    var noHeader = false

    @Flag(name: .customLong("no-marks"), help: "Omit the columns ctid and confidence.")
    var noMarks = false

    @Flag(
        help: """
            Print what is lost, the summary, and the list of --orphans as objects on lines of \
            their own.
            """)
    var json = false
}
