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
            unused part of the files, file, and the columns in the form that --schema takes. A \
            toast relation, which holds values of another that do not fit its pages, has the name \
            of that one there; its rows are chunks of values. No file of the store changes.

            Relations whose files are missing, too short or unusable, or that have lost pages, \
            are listed too and named on standard error, and the exit code is then 1. Only strata \
            verify checks pages.
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
            var failures = Failures()
            var columns = SchemaTexts()
            var figures = FigureTexts()
            for (relation, space) in zip(relations, try engine.spaces(of: relations)) {
                let pages = relation.furtherForks.values.reduce(UInt64(relation.blockCount)) {
                    $0 + UInt64($1)
                }
                table.add(PrintableText.line(relation.name))
                table.add(relation.rowCount.map(String.init) ?? "?")
                table.add(String(pages))
                table.add(figures.size(ofPages: pages))
                table.add(PrintableText.line(relation.managerName))
                let cells = space.map { figures.cells($0) }
                for cell in cells ?? Self.space(of: relation, engine, &failures) {
                    table.add(cell)
                }
                table.add(relation.locator.description)
                table.add(
                    relation.toastOwner.map { PrintableText.line("values of \"\($0)\"") }
                        ?? columns.text(of: relation.schema))
                table.endRow()
            }
            ToolEnvironment.current.standardOutput.write(lines: table.text)
            try failures.finish()
        }
    }

    /// The columns of the last relation: many have the same.
    private struct SchemaTexts {
        private var last: (schema: Schema, text: String)?

        mutating func text(of schema: Schema?) -> String {
            guard let schema else { return "" }
            if let last, last.schema == schema { return last.text }
            let text = PrintableText.line(schema.sqlText)
            last = (schema, text)
            return text
        }
    }

    /// The figures of the last relation: many have the same.
    private struct FigureTexts {
        private var lastSize: (pages: UInt64, text: String)?
        private var lastCells: (space: RelationSpace, texts: [String])?

        mutating func size(ofPages pages: UInt64) -> String {
            if let lastSize, lastSize.pages == pages { return lastSize.text }
            let text = Wording.size(Double(pages) * Double(blockSize))
            lastSize = (pages, text)
            return text
        }

        mutating func cells(_ space: RelationSpace) -> [String] {
            if let lastCells, lastCells.space == space { return lastCells.texts }
            let texts = RelationsCommand.cells(space)
            lastCells = (space, texts)
            return texts
        }
    }

    private static func cells(_ space: RelationSpace) -> [String] {
        [
            Wording.size(Double(space.fileBytes)), Wording.decimal(space.ratio, places: 2),
            "\(Wording.decimal(space.fragmentation * 100, places: 1))%",
        ]
    }

    /// Cells for the relation's disk space; ? if its files do not tell.
    private static func space(
        of relation: RelationDescription, _ engine: Engine, _ failures: inout Failures
    ) -> [String] {
        var cells = ["?", "?", "?"]
        do throws(StorageError) {
            let space = try engine.space(ofRelation: relation.name)
            cells = Self.cells(space)
            if space.lostBytes > 0 {
                failures.note(
                    "relation \"\(relation.name)\" has lost pages, up to"
                        + " \(Wording.size(Double(space.lostBytes))) of them. Run strata verify"
                        + " to find all damage, and put its files back as they were, or load it"
                        + " again.")
            }
            // Also whether its files are as long as they should be.
            _ = try engine.relation(named: relation.name)
        } catch {
            failures.note("relation \"\(relation.name)\" is not as it should be: \(error)")
        }
        return cells
    }
}
