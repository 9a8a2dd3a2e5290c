internal import ArgumentParser
internal import RelationLoader
internal import Strata
internal import Threads

/// `strata scan`
struct ScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Write the rows of a relation to standard output.",
        discussion: """
            Rows are written in the order they were loaded. A damaged page ends the scan with an \
            error that names it, after all rows before it. A scan of all rows ends with an error \
            if their number differs from the number that was loaded. The summary goes to \
            standard error. No file of the store changes.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp("The relation to scan.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: String

    @Option(
        help: ArgumentHelp(
            "The columns to write, such as \"code,name\"; by default all.",
            discussion: "Put a name that contains a comma in double quotes.",
            valueName: "names"),
        transform: TextArgument.plain)
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

    @OptionGroup var csv: CSVArguments

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case csv, json, none

        var scanFormat: ScanOptions.Format {
            switch self {
            case .csv: .csv
            case .json: .jsonLines
            case .none: .none
            }
        }
    }

    func validate() throws {
        if let limit, UInt64(limit) == nil {
            throw ValidationError(
                "--limit must be a number of rows, 0 or more, not \"\(limit)\".")
        }
    }

    func run() throws {
        let environment = ToolEnvironment.current
        let interruption = Interruption()
        var options = ScanOptions()
        options.columns = try columns.map(CSVArguments.names)
        options.limit = limit.flatMap(UInt64.init)
        options.format = format.scanFormat
        options.csv = csv.options
        options.cancellation = interruption.cancellation
        try storeArguments.withStore(creating: false, access: .readOnly) { engine in
            StoreArguments.sayWhatRecoveryWillDo(engine)
            let source = try engine.relation(named: relation)
            let output = DescriptorOutput(
                descriptor: environment.standardOutput.descriptor,
                name: environment.standardOutput.name)
            do throws(LoaderError) {
                let summary = try RelationLoader.scan(source, to: output, options: options)
                printMessage(Wording.summary(of: summary, relation))
            } catch {
                switch error {
                case .cancelled:
                    throw interruption.exit("interrupted, not all rows were written")
                case .storage(let failure) where failure.code == .invalidPage:
                    throw ToolError(
                        description: "\(failure.message). Run strata verify to find all damage,"
                            + " and load the relation again.")
                case .text(let failure) where failure.reason == .write(code: EPIPE):
                    // The reader has seen enough, as `head` does.
                    return
                default:
                    throw error
                }
            }
        }
    }
}
