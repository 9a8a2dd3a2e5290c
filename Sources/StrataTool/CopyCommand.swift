internal import ArgumentParser
internal import AsyncIO
internal import RelationLoader
internal import Strata

/// `strata copy`
struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy a relation within a store, possibly to another storage manager.",
        discussion: """
            The new relation has the same rows on the same pages. If the number of rows differs \
            from the number that was loaded, nothing is copied. If the copy fails or is \
            interrupted, the store is unchanged.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp("The relation to copy.", valueName: "name"),
        transform: TextArgument.plain)
    var from: String

    @Option(
        help: ArgumentHelp("The new relation.", valueName: "name"),
        transform: TextArgument.plain)
    var to: String

    @OptionGroup var managerArguments: ManagerArguments

    func validate() throws { try managerArguments.check(in: storeArguments) }

    func run() throws {
        let interruption = Interruption()
        try storeArguments.withStore(creating: false, isDone: true) { engine in
            let session = try engine.makeSession()
            defer { session.close() }
            let copy = try engine.copyRelation(
                named: from,
                to: LoadTarget(
                    relation: to, managerName: managerArguments.manager,
                    managerOptions: managerArguments.options),
                session: session
            ) { interruption.cancellation.isCancelled }
            guard let copy else {
                throw interruption.exit("interrupted, nothing was copied")
            }
            // The copy counts, even if its files cannot be measured.
            let bytes = (try? engine.space(ofRelation: to))?.fileBytes
            let size = bytes.map { " in \(Wording.size(Double($0)))" } ?? ""
            printLine(
                "copied \(from) to \(to): \(Wording.count(copy.blockCount, "page")), kept by"
                    + " \(copy.managerName)\(size)")
        }
    }
}
