internal import ArgumentParser
internal import RelationLoader
internal import Strata

/// `strata load`
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load a CSV file into a relation: all of it, or nothing.",
        discussion: """
            Creates the store if there is none. Without --schema, the columns' types are \
            inferred from the beginning of the file and printed in the form that --schema \
            takes. A column gets a type only if scan writes each of its values exactly as the \
            file has it. If a later value breaks that rule, the load says so and begins again \
            with a wider type. With --append, the columns are those of the relation, the header \
            must name them, and such a value is an error.

            If the load fails or is interrupted, the store is unchanged. The summary goes to \
            standard output, progress and errors to standard error.
            """)

    @Argument(
        help: ArgumentHelp("The CSV file; - for standard input.", valueName: "file"))
    var file: PathArgument

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp("The relation to load into.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: String

    @OptionGroup(title: "Columns") var columns: ColumnArguments

    @OptionGroup(title: "Format") var csv: CSVArguments

    @OptionGroup(title: "Dialect") var dialect: DialectArguments

    @OptionGroup var managerArguments: ManagerArguments

    @Flag(help: "Add the rows to an existing relation; they start on a new page.")
    var append = false

    @Flag(
        help: ArgumentHelp(
            "Replace the rows of the relation, if it exists.",
            discussion: "It keeps its storage manager and options unless others are given."))
    var replace = false

    @Flag(
        help: ArgumentHelp(
            "Stop at a value that an inferred type does not keep exactly.",
            discussion: "Without it, the load begins again with a wider type for the column."))
    var noWiden = false

    @Option(
        help: ArgumentHelp(
            "What to do about a record that cannot be loaded: stop, or skip it.",
            discussion: """
                A stray quote, or one that is not closed, always ends the load, since the start \
                of the next record is then unknown. If all records are skipped, the load fails.
                """,
            valueName: "stop|skip"))
    var onError = OnError.stop

    @Option(
        help: ArgumentHelp(
            "With --on-error skip: the file for records that were skipped.",
            discussion: """
                CSV with the columns line, column, reason and record; the last is the record as it \
                is in the file. A file that has contents is not overwritten, and the file \
                must be outside the store.
                """,
            valueName: "file"))
    var rejects: PathArgument?

    @Option(
        help: ArgumentHelp(
            "The number of the toast relation in rows' pointers to values stored out of line.",
            discussion: """
                For PostgreSQL, which finds these values by the reltoastrelid of the table that \
                the files are given to. By default it is the number of the toast relation's file.
                """,
            valueName: "number"))
    var toastOid: UInt32?

    @OptionGroup var threads: ThreadArguments

    enum OnError: String, ExpressibleByArgument, CaseIterable {
        case stop, skip
    }

    func validate() throws {
        if append && managerArguments.manager != nil {
            throw ValidationError("--manager is for new relations; omit it with --append.")
        }
        if append && (columns.allText || !columns.types.isEmpty) {
            throw ValidationError(
                "--type and --all-text are for new relations; omit them with --append.")
        }
        if columns.match != nil && !append && columns.schema == nil {
            throw ValidationError("--match needs --append or --schema.")
        }
        if columns.match == .name && csv.noHeader {
            throw ValidationError("--match name needs a header; omit --no-header.")
        }
        if toastOid == 0 { throw ValidationError("--toast-oid must be at least 1.") }
        try managerArguments.check(in: storeArguments, managerMayBeKnown: replace)
        if append && replace { throw ValidationError("--append and --replace exclude each other.") }
        if rejects != nil && onError == .stop {
            throw ValidationError("--rejects needs --on-error skip.")
        }
        if let identity = rejects.flatMap({ FileIdentity($0.path) }),
            identity == FileIdentity(file.path)
        {
            throw ValidationError("--rejects names the file to load.")
        }
        if let path = rejects?.path, FileIdentity.isRegularOutput(path) {
            throw ValidationError(
                "--rejects names the file that the command's output goes to. Give another one.")
        }
    }

    func run() throws {
        let interruption = Interruption()
        var options = LoadOptions()
        options.mode = append ? .append : replace ? .replace : .create
        options.managerName = managerArguments.manager
        options.managerOptions = managerArguments.options
        options.csv = csv.options
        dialect.apply(to: &options.csv)
        options.onError = onError == .skip ? .skip : .stop
        options.threadCount = threads.count
        options.rejectsPath = rejects?.path
        options.widens = !noWiden
        options.toastNumber = toastOid
        options.cancellation = interruption.cancellation
        let messages = ToolEnvironment.current.standardError
        options.onWarning = { messages.write("strata: \(OptionNames.translated($0))") }
        try columns.apply(to: &options)

        // Errors in the source or the rejects must show before a store is created.
        let file = try FileSource(path: file.path, cancellation: interruption.cancellation)
        if let rejects {
            try RelationLoader.checkRejects(rejects.path, store: storeArguments.store.path)
        }
        var source: (any ByteSource)?
        if !append {
            let columnCount = options.schema?.columns.count
            source = try examine(file, &options, columnCount, interruption)
        }
        try storeArguments.withNewStoreOnSuccess { engine in
            // The relation tells how many columns there should be.
            let known = source == nil ? try? engine.relation(named: relation).schema : nil
            let source =
                try source ?? examine(file, &options, known?.columns.count, interruption)
            do throws(LoaderError) {
                var wasWidened = false
                let line = ProgressLine()
                defer { line.clear() }
                let summary = try RelationLoader.load(
                    source, into: relation, of: engine, options: options,
                    progress: line.isWatched ? { line.show($0) } : nil,
                    onWidening: { widening in
                        line.clear()
                        wasWidened = true
                        printMessage("strata: \(Wording.message(of: widening))")
                    })
                line.clear()
                if wasWidened {
                    printLine("schema of the relation: \(summary.schema.sqlText)")
                }
                printLine(Wording.summary(of: summary, relation))
                if let first = summary.firstRejection {
                    let count = Wording.count(summary.rejectedCount, "record")
                    printMessage("strata: \(count) skipped, the first: \(first.message)")
                }
                managerArguments.warnIfNotKept(relation)
            } catch {
                switch error {
                case .storage(let failure) where failure.code == .alreadyExists:
                    throw Self.alreadyExists(failure)
                case _ where interruption.cancellation.isCancelled:
                    throw interruption.exit(Self.interruptedMessage)
                case .text(let failure): throw hinted(failure, options)
                case .storage, .cancelled: throw error
                }
            }
        }
    }

    /// The error of a load into a relation that exists, with the options that help.
    static func alreadyExists(_ failure: StorageError) -> ToolError {
        ToolError(
            description: "\(failure.message). Use --append to add the rows, --replace to replace"
                + " those of the relation, or name another relation.")
    }

    /// What helps if a value is none of its column's type, and rows are there already.
    private static let fixedTypes =
        "Correct it, load all rows into a new relation, in which the column gets another type,"

    static let interruptedMessage = "interrupted, nothing was loaded"

    /// Opens the file in its dialect, and infers what columns it has if they are not given.
    private func examine(
        _ file: FileSource, _ options: inout LoadOptions, _ columnCount: Int?,
        _ interruption: Interruption
    ) throws -> any ByteSource {
        do throws(LoadError) {
            let input = try RelationLoader.open(
                file, options: options.csv, encoding: dialect.encoding?.value,
                recognising: dialect.unknowns(csv), columnCount: columnCount)
            options.csv = input.options
            for line in Wording.lines(of: input.findings, file.name) { printMessage(line) }
            if options.schema != nil || append { return input.source }
            let outcome = try SchemaInference.infer(
                from: input.source, options: options.csv, onError: options.onError)
            let schema = try options.retyped(outcome.schema, source: file.name)
            options.schema = schema
            warn(of: outcome.header ?? [])
            printLine(
                "schema inferred from \(Wording.count(outcome.recordCount, "row")):"
                    + " \(schema.sqlText)")
            return outcome.source
        } catch {
            if interruption.cancellation.isCancelled {
                throw interruption.exit(Self.interruptedMessage)
            }
            throw hinted(error, options)
        }
    }

    /// The error, with the options that help if there are some.
    private func hinted(_ error: LoadError, _ options: LoadOptions) -> any Error {
        if case .value(let value) = error.reason, columns.schema == nil {
            if options.typedColumns.contains(where: { $0.name == error.column }) {
                return ToolError(
                    description: "\(error.message). Correct it, give another type with --type, or"
                        + " skip such records with --on-error skip.")
            }
            let remedy =
                if !append {
                    "The type was inferred from the beginning of the file: leave out --no-widen,"
                        + " give another with --schema or --type,"
                } else if value.reason == .otherSpelling {
                    "Correct it, give the relation's columns with --schema to accept every spelling"
                        + " of their types,"
                } else {
                    Self.fixedTypes
                }
            return ToolError(
                description: "\(error.message). \(remedy) or skip such records with"
                    + " --on-error skip.")
        }
        if case .value = error.reason, append {
            return ToolError(
                description: "\(error.message). \(Self.fixedTypes) or skip such records with"
                    + " --on-error skip.")
        }
        if error.reason == .missingHeader || error.reason == .noRecords, !dialect.passing.isEmpty {
            let options = dialect.passing.joined(separator: " and ")
            return ToolError(
                description: "\(error.source): no line of the input is left by \(options). Check"
                    + " the file and the options.")
        }
        let hints = LoadHints(error, hasHeader: !csv.noHeader, delimiter: csv.delimiter).texts
        return hints.isEmpty
            ? error : ToolError(description: ([error.description] + hints).joined(separator: " "))
    }

    /// Warns about a header that another delimiter would split.
    private func warn(of header: [String]) {
        guard header.count == 1, let found = LoadHints.separator(in: header[0]) else { return }
        printMessage(
            "strata: the header names one column, which contains \(found.noun); if that separates"
                + " the fields, load with --delimiter \(found.option)")
    }
}
