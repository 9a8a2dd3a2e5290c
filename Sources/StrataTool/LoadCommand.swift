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

    @Option(
        help: ArgumentHelp(
            "The columns, such as \"id bigint, name text NOT NULL\".",
            discussion: """
                They apply to the file's columns by position. A header must have as many names, \
                which are otherwise ignored. Values may be spelled in any way that PostgreSQL \
                accepts, and scan writes them as PostgreSQL does. Types: boolean, smallint, \
                integer, bigint, real, double precision, numeric(p,s), text, varchar(n), char(n), \
                date, time, timestamp, timestamptz, interval, uuid, json, jsonb, bytea, and \
                PostgreSQL's other names for them, such as int4 and float8.
                """,
            valueName: "columns"),
        transform: TextArgument.plain)
    var schema: String?

    @OptionGroup var csv: CSVArguments

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
                of the next record is then unknown.
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

    enum OnError: String, ExpressibleByArgument, CaseIterable {
        case stop, skip
    }

    func validate() throws {
        if append && managerArguments.manager != nil {
            throw ValidationError("--manager is for new relations; omit it with --append.")
        }
        try managerArguments.checkOptions(managerMayBeKnown: replace)
        if append && replace { throw ValidationError("--append and --replace exclude each other.") }
        if rejects != nil && onError == .stop {
            throw ValidationError("--rejects needs --on-error skip.")
        }
        if let identity = rejects.flatMap({ FileIdentity($0.path) }),
            identity == FileIdentity(file.path)
        {
            throw ValidationError("--rejects names the file to load.")
        }
    }

    func run() throws {
        let interruption = Interruption()
        var options = LoadOptions()
        options.mode = append ? .append : replace ? .replace : .create
        options.managerName = managerArguments.manager
        options.managerOptions = managerArguments.options
        options.csv = csv.options
        options.onError = onError == .skip ? .skip : .stop
        options.rejectsPath = rejects?.path
        options.widens = !noWiden
        options.cancellation = interruption.cancellation
        if let schema { options.schema = try Schema(parsing: schema) }

        // Errors in the source or the rejects must show before a store is created.
        var source: any ByteSource = try FileSource(
            path: file.path, cancellation: interruption.cancellation)
        if let rejects {
            try RelationLoader.checkRejects(rejects.path, store: storeArguments.store.path)
        }
        if schema == nil && !append {
            let outcome = try infer(source, options, interruption)
            options.schema = outcome.schema
            source = outcome.source
            warn(of: outcome.header ?? [])
            printLine(
                "schema inferred from \(Wording.count(outcome.recordCount, "row")):"
                    + " \(outcome.schema.sqlText)")
        }
        try withNewStoreOnSuccess { engine in
            do throws(LoaderError) {
                let line = ProgressLine()
                defer { line.clear() }
                let summary = try RelationLoader.load(
                    source, into: relation, of: engine, options: options,
                    progress: line.isWatched ? { line.show($0) } : nil,
                    onWidening: { widening in
                        line.clear()
                        printMessage("strata: \(Wording.message(of: widening))")
                    })
                line.clear()
                printLine(Wording.summary(of: summary, relation))
                if managerArguments.manager == "memory" {
                    printMessage(
                        "strata: manager memory keeps rows only while a program has the store open:"
                            + " those of \"\(relation)\" are gone now")
                }
            } catch {
                switch error {
                case .storage(let failure) where failure.code == .alreadyExists:
                    throw ToolError(
                        description: "\(failure.message). Use --append to add the rows,"
                            + " --replace to replace those of the relation, or name another"
                            + " relation.")
                case _ where interruption.cancellation.isCancelled:
                    throw interruption.exit(Self.interruptedMessage)
                case .text(let failure): throw hinted(failure)
                case .storage, .cancelled: throw error
                }
            }
        }
    }

    /// Opens the store, or creates it. If `body` throws, a created store is removed.
    private func withNewStoreOnSuccess(_ body: (Engine) throws -> Void) throws {
        let hasDirectory = FileIdentity(storeArguments.store.path) != nil
        var isNew = false
        do {
            try storeArguments.withStore(creating: true) { engine in
                isNew = engine.recovery.isNewStore
                try body(engine)
            }
        } catch {
            if isNew, ToolEnvironment.current.fileSystem is KernelFileSystem {
                // The first error matters more than this failure.
                _ = try? Engine.removeEmptyStore(
                    storeArguments.store.path, keepsDirectory: hasDirectory)
            }
            throw error
        }
    }

    private static let interruptedMessage = "interrupted, nothing was loaded"

    private func infer(
        _ source: any ByteSource, _ options: LoadOptions, _ interruption: Interruption
    ) throws -> SchemaInference.Outcome {
        do throws(LoadError) {
            return try SchemaInference.infer(
                from: source, options: options.csv, onError: options.onError)
        } catch {
            if interruption.cancellation.isCancelled {
                throw interruption.exit(Self.interruptedMessage)
            }
            throw hinted(error)
        }
    }

    /// The error, with the option that helps if there is one.
    private func hinted(_ error: LoadError) -> any Error {
        if case .value(let value) = error.reason, schema == nil {
            if append && value.reason != .otherSpelling { return error }
            return ToolError(
                description: "\(error.message). "
                    + (append
                        ? "Correct it, give the relation's columns with --schema to accept every"
                            + " spelling of their types,"
                        : "The type was inferred from the beginning of the file: leave out"
                            + " --no-widen, give another with --schema,")
                    + " or skip such records with --on-error skip.")
        }
        if csv.noHeader || error.location?.line != 1 { return error }
        switch error.reason {
        case .strayQuote, .textAfterQuote, .missingFields(_, 1), .extraFields(1, _):
            return ToolError(
                description: "\(error.message). If another character than \"\(csv.delimiter)\""
                    + " separates the fields, name it with --delimiter.")
        default:
            return error
        }
    }

    /// Warns about a header that another delimiter would split.
    private func warn(of header: [String]) {
        guard header.count == 1 else { return }
        for (character, option) in [(";", "';'"), ("\t", "'\\t'")]
        where header[0].contains(character) {
            printMessage(
                "strata: the header names one column, which contains"
                    + " \(character == ";" ? "a semicolon" : "a tab"); if that separates"
                    + " the fields, load with --delimiter \(option)")
            return
        }
    }
}
