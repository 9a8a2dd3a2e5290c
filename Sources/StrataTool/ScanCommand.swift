internal import ArgumentParser
internal import RelationLoader
internal import Strata
internal import Synchronization
internal import Threads

/// `strata scan`
struct ScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Write the rows of a relation to standard output.",
        discussion: """
            Rows are written in the order they were loaded. A damaged page ends the scan with an \
            error that names it, after all rows before it. A scan of all rows ends with an error \
            if their number differs from the number that was loaded. --on-damage skip continues \
            behind damage. The summary goes to standard error. No file of the store changes.
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

    @Option(
        help: ArgumentHelp(
            "What to do about damage: stop, or skip the damaged page or row.",
            discussion: """
                What is skipped is named on standard error, and the exit code is 1 then.
                """,
            valueName: "stop|skip"))
    var onDamage = OnDamage.stop

    @OptionGroup var threads: ThreadArguments

    @OptionGroup var csv: CSVArguments

    enum OnDamage: String, ExpressibleByArgument, CaseIterable { case stop, skip }

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
        if csv.null.count > 1 { throw ValidationError("--null can be given once.") }
    }

    func run() throws {
        let environment = ToolEnvironment.current
        let interruption = Interruption()
        var options = ScanOptions()
        options.columns = try columns.map(CSVArguments.names)
        options.limit = limit.flatMap(UInt64.init)
        options.format = format.scanFormat
        options.csv = csv.options
        options.threadCount = threads.count
        options.onDamage = onDamage == .skip ? .skip : .stop
        let losses = LossLines()
        options.onLoss = losses.note
        options.cancellation = interruption.cancellation
        var isDamaged = false
        try storeArguments.withStore(creating: false, access: .readOnly) { engine in
            StoreArguments.sayWhatRecoveryWillDo(engine)
            // Blocks that the files lack are skipped like damaged ones.
            let source =
                onDamage == .skip
                ? try engine.relationOfAnyLength(named: relation)
                : try engine.relation(named: relation)
            let output = DescriptorOutput(
                descriptor: environment.standardOutput.descriptor,
                name: environment.standardOutput.name)
            do throws(LoaderError) {
                let summary = try RelationLoader.scan(source, to: output, options: options)
                printMessage(Wording.summary(of: summary, relation))
                isDamaged = summary.lossCount > 0
                if isDamaged {
                    printMessage(
                        "strata: damage was skipped \(Wording.count(summary.lossCount, "time"));"
                            + " run strata verify to find all of it, and load the relation again")
                }
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
                    isDamaged = losses.hasAny
                default:
                    throw error
                }
            }
        }
        if isDamaged { throw ExitCode(1) }
    }
}

/// Prints what a scan skips, but not without end.
private final class LossLines: Sendable {
    private let count = Atomic<Int>(0)
    private let messages = ToolEnvironment.current.standardError
    private static let limit = 100

    /// Whether something was skipped.
    var hasAny: Bool { count.load(ordering: .relaxed) > 0 }

    @Sendable func note(_ error: StorageError) {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        // The number of missing rows comes last, and says how much was lost.
        if number <= Self.limit || error.code == .relationDamaged {
            messages.write("strata: lost: \(OptionNames.translated(error.message))")
        } else if number == Self.limit + 1 {
            messages.write("strata: further losses are only counted")
        }
    }
}
