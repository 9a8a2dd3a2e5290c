internal import ArgumentParser
internal import BenchSuite
internal import Strata

/// `strata relations`
struct RelationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relations",
        abstract: "List the relations of a store.",
        discussion: """
            Prints a line for each: name, rows (? if unknown), pages, their size, the storage \
            manager, the size of the relation's files, the ratio of the pages' size to that, the \
            unused part of the files, file, and the columns in the form that --schema takes. No \
            file of the store changes.
            """)

    @OptionGroup var storeArguments: StoreArguments

    func run() throws {
        try storeArguments.withStore(creating: false, access: .readOnly) { engine in
            StoreArguments.sayWhatRecoveryWillDo(engine)
            let relations = engine.relations
            if relations.isEmpty {
                printMessage("the store has no relations")
                return
            }
            var table = TextTable(
                titles: [
                    "relation", "rows", "pages", "size", "manager", "on disk", "ratio", "unused",
                    "file", "columns",
                ],
                rightAligned: [1, 2, 3, 5, 6, 7])
            for relation in relations {
                let pages = relation.forks.reduce(UInt64(0)) {
                    $0 + UInt64(relation.blockCount(of: $1) ?? 0)
                }
                table.add(
                    ([
                        relation.name, relation.rowCount.map(String.init) ?? "?", "\(pages)",
                        Wording.size(Double(pages) * Double(blockSize)), relation.managerName,
                    ] + space(of: relation, engine) + [
                        relation.locator.description, relation.schema?.sqlText ?? "",
                    ]).map(PrintableText.line))
            }
            ToolEnvironment.current.standardOutput.write(lines: table.text)
        }
    }

    /// Cells for the relation's disk space; ? if its files do not tell.
    private func space(of relation: RelationDescription, _ engine: Engine) -> [String] {
        guard let space = try? engine.space(ofRelation: relation.name) else {
            return ["?", "?", "?"]
        }
        return [
            Wording.size(Double(space.fileBytes)), Wording.decimal(space.ratio, places: 2),
            "\(Wording.decimal(space.fragmentation * 100, places: 1))%",
        ]
    }
}
