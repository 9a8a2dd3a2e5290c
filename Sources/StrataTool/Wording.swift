internal import BenchSuite
internal import RelationLoader
internal import Strata

/// Formats what the tool prints.
enum Wording {
    /// `1 row`, `2 rows`.
    static func count<Number: BinaryInteger>(_ number: Number, _ thing: String) -> String {
        Figures.count(number, thing)
    }

    /// A size in the power of 1000 that gives few digits: `812 bytes`, `4.2 MB`.
    static func size(_ bytes: Double) -> String { Figures.size(bytes) }

    /// A number with that many digits after the point.
    static func decimal(_ number: Double, places: Int) -> String {
        Figures.decimal(number, places: places)
    }

    static func seconds(_ nanoseconds: UInt64) -> String {
        decimal(Double(nanoseconds) / 1e9, places: 2) + " s"
    }

    /// `3:07`, `1:02:45`.
    static func clock(_ seconds: Double) -> String {
        let total = Int(min(max(seconds, 0), 1e9).rounded())
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0
            ? "\(hours):\(padded(minutes)):\(padded(rest))" : "\(minutes):\(padded(rest))"
    }

    /// The lines about what was recognised in a file.
    static func lines(of findings: [CSVDetection.Finding], _ file: String) -> [String] {
        func option(_ delimiter: String) -> String {
            "--delimiter '\(delimiter.replacing("\t", with: "\\t"))'"
        }
        var taken: [String] = []
        var others: [String] = []
        var mark: InputEncoding?
        for finding in findings {
            switch finding {
            case .encoding(let encoding): taken.append("--encoding \(encoding.rawValue)")
            case .separatorLine(let delimiter):
                taken.append("first line sep=\(delimiter), which is skipped")
            case .delimiter(let delimiter): taken.append(option(delimiter))
            case .escape: taken.append("--escape '\\'")
            case .noQuotes: taken.append("--quote '' (quotes are ordinary characters)")
            case .otherDelimiter(let delimiter): others.append(option(delimiter))
            case .otherMark(let encoding): mark = encoding
            }
        }
        var lines: [String] = []
        if !taken.isEmpty {
            lines.append(
                "strata: \(file): recognised \(taken.joined(separator: ", ")); --dialect none turns"
                    + " this off")
        }
        if let mark {
            lines.append(
                "strata: \(file): it begins with the byte order mark of \(mark.displayName), which"
                    + " the given encoding takes for text; leave --encoding out if that is wrong")
        }
        if !others.isEmpty {
            lines.append(
                "strata: \(file): \(others.joined(separator: " or ")) would split most lines; give"
                    + " it if it separates the fields, and --skip if lines precede the table")
        }
        return lines
    }

    /// The last line of a load.
    static func summary(of load: LoadSummary, _ relation: String) -> String {
        let rate = Double(load.byteCount) / max(Double(load.elapsedNanoseconds) / 1e9, 1e-9)
        let rejected =
            load.rejectedCount > 0 ? ", \(count(load.rejectedCount, "record")) skipped" : ""
        return "loaded \(count(load.rowCount, "row")) into \(relation)\(rejected):"
            + " \(count(load.pageCount, "new page")) from \(size(Double(load.byteCount)))"
            + " in \(seconds(load.elapsedNanoseconds)) (\(size(rate))/s),"
            + " IO method \(load.methodName)"
    }

    /// Why a load begins again, and with which columns.
    static func message(of widening: LoadWidening) -> String {
        let columns = widening.columns.map { "\(Schema.quoted($0.name)) \($0.type)" }
        return "\(widening.cause.message); the load begins again with"
            + " \(columns.joined(separator: ", ")) (--no-widen stops instead)"
    }

    /// The last line of a scan.
    static func summary(of scan: ScanSummary, _ relation: String) -> String {
        "scanned \(count(scan.rowCount, "row")) of \(relation): \(count(scan.pageCount, "page")),"
            + " \(size(Double(scan.byteCount))) written in \(seconds(scan.elapsedNanoseconds)),"
            + " IO method \(scan.methodName)"
    }

    /// The progress line of a load: rows, bytes per second, time left.
    static func line(of progress: LoadProgress) -> String {
        let rows = count(progress.rowCount, "row")
        if progress.phase == .committing { return "\(rows), making them durable" }
        let elapsed = max(Double(progress.elapsedNanoseconds) / 1e9, 1e-9)
        let rate = Double(progress.byteCount) / elapsed
        var line = "\(rows), \(size(rate))/s"
        if let total = progress.totalByteCount, total > 0, rate > 0 {
            let done = min(progress.byteCount, total)
            line += ", \(100 * done / total) %, \(clock(Double(total - done) / rate)) left"
        }
        return line
    }
}
