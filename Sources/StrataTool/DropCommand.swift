internal import ArgumentParser
internal import AsyncIO
internal import Strata

/// `strata drop`
struct DropCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Remove a relation and its files from a store.",
        discussion: "This cannot be undone: the rows are gone when the command ends.")

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp("The relation to remove.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: String

    func run() throws {
        try storeArguments.withStore(creating: false, isDone: true) { engine in
            let session = try engine.makeSession()
            defer { session.close() }
            let description = engine.description(of: relation)
            try engine.dropRelation(named: relation, session: session)
            var parts: [String] = []
            if let rows = description?.rowCount { parts.append(Wording.count(rows, "row")) }
            if let pages = description?.blockCount { parts.append(Wording.count(pages, "page")) }
            printLine("dropped \(relation): \(parts.joined(separator: ", "))")
        }
    }
}
