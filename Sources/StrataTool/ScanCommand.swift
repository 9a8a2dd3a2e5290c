internal import ArgumentParser
internal import RelationLoader
internal import Strata

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// `strata scan`
struct ScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Write the rows of a relation to standard output.",
        discussion: """
            Rows come in the order they were loaded. A damaged page ends the scan with an error \
            that names it, after all rows before it. The summary goes to standard error.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(help: ArgumentHelp("The relation to scan.", valueName: "name"))
    var relation: String

    @Option(
        help: ArgumentHelp(
            "The columns to write, such as \"code,name\"; all unless given.",
            discussion: "A name that contains a comma is put in double quotes.",
            valueName: "names"))
    var columns: String?

    @Option(help: ArgumentHelp("The most rows to write.", valueName: "rows"))
    var limit: UInt64?

    @Option(
        help: ArgumentHelp(
            "csv, json (an object a line), or none: rows are only decoded and counted.",
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

    func run() throws {
        let interruption = Interruption()
        var options = ScanOptions()
        options.columns = try columns.map(CSVArguments.names)
        options.limit = limit
        options.format = format.scanFormat
        options.csv = csv.options
        options.cancellation = interruption.cancellation
        try storeArguments.withStore(creating: false) { engine in
            let source = try engine.relation(named: relation)
            let output = DescriptorOutput(descriptor: STDOUT_FILENO, name: "standard output")
            do throws(LoaderError) {
                let summary = try RelationLoader.scan(source, to: output, options: options)
                StandardError.write(Wording.summary(of: summary, relation))
            } catch {
                switch error {
                case .cancelled:
                    throw interruption.exit()
                case .text(let failure) where failure.reason == .write(code: EPIPE):
                    // Whoever reads has seen enough, as `head` does.
                    return
                default:
                    throw error
                }
            }
        }
    }
}
