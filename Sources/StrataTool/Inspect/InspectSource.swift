internal import ArgumentParser
internal import PageInspection
internal import PostgresCluster
internal import PostgresRescue
internal import Strata
internal import SystemPackage

/// Where the pages to show are.
struct InspectSource: ParsableArguments {
    @Argument(help: ArgumentHelp("A relation's first file, or one of its maps.", valueName: "file"))
    var path: PathArgument?

    @Option(help: ArgumentHelp("A PostgreSQL data directory.", valueName: "directory"))
    var postgres: PathArgument?

    @Option(
        help: ArgumentHelp("The table's database.", valueName: "name"),
        transform: TextArgument.plain)
    var database: String?

    @Option(
        help: ArgumentHelp("The table, as SQL names it.", valueName: "name"),
        transform: TextArgument.plain)
    var table: String?

    @Option(help: ArgumentHelp("A store.", valueName: "directory"))
    var store: PathArgument?

    @Option(
        help: ArgumentHelp("The store's relation.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: String?

    @Option(
        help: ArgumentHelp(
            "The relation's rows or index, its free space map, or its visibility map.",
            valueName: "main|fsm|vm"))
    var fork = ForkChoice.main

    @OptionGroup var ioArguments: IOArguments

    enum ForkChoice: String, ExpressibleByArgument, CaseIterable {
        case main, fsm, vm

        var fork: Fork {
            switch self {
            case .main: .main
            case .fsm: .freeSpaceMap
            case .vm: .visibilityMap
            }
        }

        var file: PageInspector.File {
            switch self {
            case .main: .main
            case .fsm: .freeSpaceMap
            case .vm: .visibilityMap
            }
        }
    }

    func validate() throws {
        guard [path != nil, postgres != nil, store != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Give a file, or --postgres, or --store.")
        }
        if (postgres != nil) != (table != nil) || (table != nil) != (database != nil) {
            throw ValidationError("--postgres, --database and --table go together.")
        }
        if (store != nil) != (relation != nil) {
            throw ValidationError("--store and --relation go together.")
        }
    }

    /// Opens the pages for the length of `body`.
    func withPages(_ body: (any InspectedPages) throws -> Void) throws {
        if let path {
            try body(
                try FilePages(path.path, fork, segmentBlocks: FilePages.usualSegmentBlocks))
        } else if let postgres, let table, let database {
            try withTable(postgres, database, try TableName(table), body)
        } else if let store, let relation {
            var options = ioArguments.engineOptions()
            options.access = .readOnly
            options.creation = .never
            let engine = try Engine.open(store.path, options: options)
            let outcome = Result {
                try body(try StorePages(engine, relation, fork))
            }
            try engine.close()
            try outcome.get()
        }
    }

    private func withTable(
        _ path: PathArgument, _ database: String, _ table: TableName,
        _ body: (any InspectedPages) throws -> Void
    ) throws {
        var options = ioArguments.postgresOptions()
        options.toleratesDamagedControl = true
        let directory = try DataDirectory.open(path.path, options: options)
        let outcome = Result {
            let rescue = try ClusterRescue(directory)
            for warning in rescue.warnings { printMessage("strata: \(warning)") }
            var choice = SalvageOptions()
            choice.onlyOwnRows = true
            let target = try rescue.database(named: database).table(table, options: choice)
            guard let file = target.files.first else {
                throw ToolError(description: "\(table) has no file")
            }
            let pages = try FilePages(
                path.path.appending(file), fork,
                segmentBlocks: directory.control.segmentBlocks, name: file)
            pages.target = target
            pages.hasChecksums = directory.control.hasPageChecksums
            try body(pages)
        }
        try directory.close()
        try outcome.get()
    }
}
