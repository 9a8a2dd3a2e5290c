internal import ArgumentParser
internal import PageFormat
internal import PageInspection
internal import PostgresCluster
internal import PostgresRescue
internal import Strata

/// `strata inspect`
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a page contains, or a map of a relation's pages.",
        discussion: """
            Takes a page of a store, of a PostgreSQL data directory, or of any file of pages, and \
            shows its header, line pointers, tuples with the names of their flags, special space, \
            and bytes. Without --page, prints a map of the whole relation, a character a page: 0 \
            to 9 for tenths of free space, a to j if all rows on the page are visible to everyone, \
            . for zeroes, ! for damage, ? for what cannot be read. Nothing is changed.

            Examples: strata inspect base/5/16384 --page 7; strata inspect --postgres DIR \
            --database shop --table orders --page 7; strata inspect --store S --relation r.

            Exit codes: 0 if what was shown is whole; 1 if a page is damaged, or the command failed.
            """)

    @OptionGroup(title: "What to show") var source: InspectSource

    @Option(
        help: ArgumentHelp(
            "The page to show, by its block counted across all segments.", valueName: "block"))
    var page: UInt32?

    @Option(
        help: ArgumentHelp(
            "The columns of the rows, such as \"id bigint, name text\", to show their values.",
            valueName: "columns"), transform: TextArgument.plain)
    var schema: String?

    @Flag(name: .customLong("no-hex"), help: "Omit the bytes.")
    var noHex = false

    @Flag(help: "Print an object: the page, or one for each page of the map.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Whether to print in colour; by default on terminals.", valueName: "auto|always|never"))
    var color = ColorChoice.auto

    enum ColorChoice: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

    private var isColoured: Bool {
        switch color {
        case .always: true
        case .never: false
        case .auto: ToolEnvironment.current.standardOutput.isTerminal
        }
    }

    func run() throws {
        let schema: RescueSchema?
        if let text = self.schema {
            schema = try RescueSchema(parsing: text)
        } else {
            schema = nil
        }
        var isWhole = true
        try source.withPages { pages in
            isWhole = try page.map { try show($0, pages, schema) } ?? (try showMap(pages))
        }
        if !isWhole { throw ExitCode(1) }
    }

    /// Shows a page. Returns whether it is whole.
    private func show(
        _ block: UInt32, _ pages: any InspectedPages, _ schema: RescueSchema?
    ) throws -> Bool {
        let bytes = try pages.page(block)
        var inspector = PageInspector(checksums: pages.hasChecksums)
        if let schema {
            inspector.useColumns(schema)
        } else {
            pages.giveColumns(to: &inspector)
        }
        let page = inspector.inspect(bytes, block: block, file: pages.file)
        var output = RawOutput()
        if json {
            _ = output.write(Array((page.json(withHex: !noHex) + "\n").utf8))
        } else {
            let text = InspectionText(isColoured: isColoured, showsHex: !noHex)
            let head = "\(pages.name), block \(block): \(page.kind)"
            _ = output.write(Array(text.text(of: page, head).utf8))
        }
        try output.finish()
        let isWhole = try block < pages.blockCount() || !sayWhatIsTorn(pages)
        return page.verification.isUsable && isWhole
    }

    /// Shows all pages as a map. Returns whether all are whole.
    private func showMap(_ pages: any InspectedPages) throws -> Bool {
        var output = RawOutput()
        var map = InspectionMap(isColoured: isColoured, isJSON: json)
        let name = PrintableText.line(pages.name)
        let count = try pages.blockCount()
        if !json {
            _ = output.write(Array("\(name): \(Wording.count(count, "page"))\n".utf8))
        }
        for block in 0..<count {
            let bytes = try? pages.page(block)
            let cell = PageCell(
                bytes, block: block, checksums: pages.hasChecksums,
                isAllVisible: pages.file == .main ? pages.isAllVisible(block) : nil)
            let text = map.add(cell)
            if !text.isEmpty, !output.write(Array(text.utf8)) { break }
        }
        _ = output.write(Array(map.end().utf8))
        try output.finish()
        let isTorn = try sayWhatIsTorn(pages)
        return map.isWhole && !isTorn
    }

    /// Says so if a part of a block follows the last whole one. Returns whether it does.
    private func sayWhatIsTorn(_ pages: any InspectedPages) throws -> Bool {
        let bytes = try pages.tornBytes()
        if bytes == 0 { return false }
        printMessage(
            "strata: \(pages.name) ends with \(Wording.count(bytes, "byte")) of a block: it was"
                + " cut off, or is no file of pages")
        return true
    }
}
