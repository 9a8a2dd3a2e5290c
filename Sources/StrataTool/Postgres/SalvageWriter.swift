internal import ArgumentParser
internal import BenchSuite
internal import PostgresCluster
internal import PostgresRescue
internal import RelationLoader
internal import Strata

/// Prints the rows of a salvage, what is lost, and the summary.
final class SalvageWriter {
    private let arguments: SalvageOutputArguments
    private let interruption: Interruption
    private let messages = ToolEnvironment.current.standardError
    private var output = RawOutput()
    private var gathered: [UInt8] = []
    private var report = SalvageReport()
    private var isStopped = false
    private var hasHeader = false
    private var hasRows = false
    /// Whether pages were looked for that may not be there.
    var isSearch = false
    /// What is added to the rows' columns.
    var marks: RescuedText.Marks

    private static let mostGathered = 1 << 18

    init(_ arguments: SalvageOutputArguments, _ interruption: Interruption) {
        self.arguments = arguments
        self.interruption = interruption
        marks = arguments.noMarks ? [] : .confidence
    }

    private var format: RowTextFormat {
        switch arguments.format {
        case .csv: .csv(null: arguments.null, header: !arguments.noHeader)
        case .json: .json
        case .none: .none
        }
    }

    private var observer: SalvageObserver {
        var observer = SalvageObserver()
        observer.finding = { [messages, json = arguments.json] finding in
            messages.write(json ? finding.json : "strata: \(finding)")
        }
        if messages.isTerminal {
            observer.progress = { [messages] bytes in
                messages.replaceLine("read \(Wording.size(Double(bytes)))")
            }
        }
        return observer
    }

    /// Writes the rows of a table or file.
    func write(
        _ target: RescueTarget, of rescue: ClusterRescue, _ options: SalvageOptions
    ) throws {
        for note in target.notes { printMessage("strata: \(note)") }
        if options.includesDead { marks.insert(.version) }
        let text = RescuedText(target.columns, format, marks: marks)
        begin(text)
        let found = try rescue.salvage(target, options: options, observer: observer) {
            row throws(StorageError) in
            self.write(row, text)
        }
        add(found)
    }

    /// Writes the rows found in an image.
    func write(
        _ image: ImageRescue, _ schema: RescueSchema, _ options: ImageOptions,
        _ directory: DataDirectory?
    ) throws(StorageError) {
        if options.includesDead { marks.insert(.version) }
        let text = RescuedText(schema.columns, format, marks: marks)
        begin(text)
        let found = try image.salvage(
            schema, options: options, directory: directory, observer: observer
        ) { row throws(StorageError) in
            self.write(row, text)
        }
        if messages.isTerminal { messages.replaceLine("") }
        add(found)
    }

    private func begin(_ text: RescuedText) {
        hasRows = true
        if !hasHeader { gathered += text.header }
        hasHeader = true
    }

    private func add(_ found: SalvageReport) { report.add(found) }

    /// Writes a row. Returns whether to go on.
    private func write(_ row: RescuedRow, _ text: RescuedText) -> Bool {
        gathered += text.text(of: row)
        if gathered.count >= Self.mostGathered { flush() }
        if interruption.cancellation.isCancelled { isStopped = true }
        return !isStopped
    }

    private func flush() {
        if !gathered.isEmpty, !output.write(gathered) { isStopped = true }
        gathered = []
    }

    /// Prints a list of orphans.
    func list(_ orphans: [OrphanFile]) throws {
        if arguments.json {
            for orphan in orphans { gathered += Array("\(orphan.json)\n".utf8) }
            flush()
            return
        }
        if orphans.isEmpty { return printMessage("there are no files that no catalog names") }
        var table = TextTable(
            titles: ["file", "pages", "looks like", "was", "columns"], rightAligned: [1])
        for orphan in orphans {
            let cells = [
                orphan.path, "\(orphan.pages)", orphan.kind, orphan.formerName ?? "?",
                orphan.formerColumns ?? "?",
            ]
            table.add(cells.map(PrintableText.line))
        }
        ToolEnvironment.current.standardOutput.write(lines: table.text)
    }

    /// Ends the output and prints the summary.
    ///
    /// - Throws: the exit code, if something is lost or not sure.
    func finish() throws {
        flush()
        try output.finish()
        if interruption.cancellation.isCancelled {
            throw interruption.exit("interrupted, not all rows were written")
        }
        guard hasRows || isSearch else { return }
        messages.write(arguments.json ? report.json : summary)
        if isSearch && report.pages == 0 {
            printMessage("strata: nothing was found that fits the columns")
            throw ExitCode(1)
        }
        if !report.isWhole { throw ExitCode(1) }
    }

    private var summary: String {
        var parts: [String] = []
        for confidence in RescueConfidence.allCases {
            let count = report.rows[confidence] ?? 0
            if count > 0 || confidence == .whole {
                parts.append("\(count) \(confidence.rawValue)")
            }
        }
        var text =
            "rescued \(Wording.count(report.rowCount, "row")) (\(parts.joined(separator: ", ")))"
            + " from \(Wording.count(report.pages, "page"))"
        if report.zeroPages > 0 { text += ", \(report.zeroPages) of them all zeroes" }
        let findings = SalvageFinding.Kind.allCases.compactMap { kind in
            report.findings[kind].map { Wording.count($0, kind.rawValue) }
        }
        return text + (findings.isEmpty ? "" : "; \(findings.joined(separator: ", "))")
    }
}

extension SalvageFinding {
    /// The finding as an object on one line.
    var json: String {
        JSONLine.object([
            ("type", "\"finding\""), ("kind", JSONLine.quoted(kind.rawValue)),
            ("file", JSONLine.quoted(path)), ("block", block.map { "\($0)" } ?? "null"),
            ("linePointer", linePointer.map { "\($0)" } ?? "null"),
            ("column", JSONLine.quoted(column)), ("reason", JSONLine.quoted(reason)),
        ])
    }
}

extension OrphanFile {
    /// The file as an object on one line.
    var json: String {
        JSONLine.object([
            ("file", JSONLine.quoted(path)), ("database", "\(database)"), ("pages", "\(pages)"),
            ("kind", JSONLine.quoted(kind)), ("name", JSONLine.quoted(formerName)),
            ("columns", JSONLine.quoted(formerColumns)),
        ])
    }
}

extension SalvageReport {
    /// The summary as an object on one line.
    var json: String {
        var fields = [("type", "\"summary\""), ("rows", "\(rowCount)")]
        for confidence in RescueConfidence.allCases {
            fields.append((confidence.rawValue, "\(rows[confidence] ?? 0)"))
        }
        fields += [("pages", "\(pages)"), ("zeroPages", "\(zeroPages)")]
        for kind in SalvageFinding.Kind.allCases {
            fields.append((kind.rawValue, "\(findings[kind] ?? 0)"))
        }
        return JSONLine.object(fields.map { (name: $0.0, value: $0.1) })
    }
}
