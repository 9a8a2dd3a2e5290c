internal import ArgumentParser
internal import Strata

/// `strata relations`
struct RelationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relations",
        abstract: "List the relations of a store.",
        discussion: """
            A line for each: name, rows (? where they are not known), pages, their size, the \
            storage manager, the size of the relation's files, how many times smaller than the \
            pages that is which keeps them, which part of the files holds nothing, file, and the \
            columns as --schema takes them. No file of the store changes.
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
                    [
                        relation.name, relation.rowCount.map(String.init) ?? "?", "\(pages)",
                        Wording.size(Double(pages) * Double(blockSize)), relation.managerName,
                    ] + space(of: relation, engine) + [
                        relation.locator.description, relation.schema?.sqlText ?? "",
                    ])
            }
            ToolEnvironment.current.standardOutput.write(lines: table.text)
        }
    }

    /// Cells that say what the relation takes; ? where its files do not tell.
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

/// Text in columns.
struct TextTable {
    private var rows: [[String]]
    private let rightAligned: Set<Int>

    init(titles: [String], rightAligned: Set<Int>) {
        rows = [titles]
        self.rightAligned = rightAligned
    }

    /// Adds a row, whose cells are cleaned.
    mutating func add(_ row: [String]) { rows.append(row.map(PrintableText.line)) }

    /// The lines, each ended; the last column is not padded.
    var text: String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        var text = ""
        for row in rows {
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { text += "  " }
                if rightAligned.contains(column) {
                    text += padding + cell
                } else if column == row.count - 1 {
                    text += cell
                } else {
                    text += cell + padding
                }
            }
            text += "\n"
        }
        return text
    }
}
