internal import RelationLoader
internal import Strata

/// What the tool says.
enum Wording {
    /// `1 row`, `2 rows`.
    static func count<Number: BinaryInteger>(_ number: Number, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }

    /// Bytes in a unit that gives few digits: `812 bytes`, `4.2 MB`. Units are powers of 1000.
    static func size(_ bytes: Double) -> String {
        if bytes < 1000 { return count(Int(bytes), "byte") }
        var rest = bytes / 1000
        for unit in ["kB", "MB", "GB"] {
            if rest < 999.95 { return "\(decimal(rest, places: 1)) \(unit)" }
            rest /= 1000
        }
        return "\(decimal(rest, places: 1)) TB"
    }

    /// A number with that many digits after the point.
    static func decimal(_ number: Double, places: Int) -> String {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        guard number.isFinite, number.magnitude < 1e15 else { return "\(number)" }
        let scaled = Int((number * Double(scale)).rounded())
        let sign = scaled < 0 ? "-" : ""
        if places == 0 { return "\(sign)\(scaled.magnitude)" }
        let digits = String(scaled.magnitude % UInt(scale))
        let zeros = String(repeating: "0", count: places - digits.count)
        return "\(sign)\(scaled.magnitude / UInt(scale)).\(zeros)\(digits)"
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

    /// The last line of a load.
    static func summary(of load: LoadSummary, _ relation: String) -> String {
        let rate = Double(load.byteCount) / max(Double(load.elapsedNanoseconds) / 1e9, 1e-9)
        let rejected =
            load.rejectedCount > 0 ? ", \(count(load.rejectedCount, "record")) skipped" : ""
        return "loaded \(count(load.rowCount, "row")) into \(relation)\(rejected):"
            + " \(count(load.pageCount, "page")) from \(size(Double(load.byteCount)))"
            + " in \(seconds(load.elapsedNanoseconds)) (\(size(rate))/s),"
            + " IO method \(load.methodName)"
    }

    /// The last line of a scan.
    static func summary(of scan: ScanSummary, _ relation: String) -> String {
        "scanned \(count(scan.rowCount, "row")) of \(relation): \(count(scan.pageCount, "page")),"
            + " \(size(Double(scan.byteCount))) written in \(seconds(scan.elapsedNanoseconds)),"
            + " IO method \(scan.methodName)"
    }

    /// The line that tells how far a load has come: rows, bytes a second, time left.
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
