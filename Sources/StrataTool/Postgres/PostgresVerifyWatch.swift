internal import PostgresCluster
internal import Strata

/// Prints what the check of a data directory finds, its progress, and its summary.
final class PostgresVerifyWatch {
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant
    private let output = ToolEnvironment.current.standardError
    private let isJSON: Bool
    private var lines = RawOutput()
    private var gathered: [UInt8] = []
    /// Whether damage was found.
    private(set) var hasFindings = false

    private static let mostGathered = 1 << 16

    init(isJSON: Bool) {
        self.isJSON = isJSON
        begin = clock.now
    }

    /// The observer to give to the check.
    var observer: ClusterObserver {
        var observer = ClusterObserver()
        if isJSON {
            observer.finding = { [self] in
                hasFindings = true
                write($0.json)
            }
            observer.file = { [self] in if $0.zeroPages.count > 0 { write($0.zeroJSON) } }
            observer.doubt = { [self] in write($0.json) }
        } else {
            observer.finding = { [self] _ in hasFindings = true }
            observer.file = { [output] file in
                if file.findings > 0 { output.write("strata: \(file)") }
                // A server leaves such pages in maps as a rule.
                let isMap = file.fork == .freeSpaceMap || file.fork == .visibilityMap
                if file.zeroPages.count > 0 && !isMap {
                    output.write("strata: \(file.zeroDescription)")
                }
            }
            observer.doubt = { [output] in output.write("strata: \($0)") }
        }
        if output.isTerminal {
            observer.progress = { [output] in output.replaceLine(Self.line(of: $0)) }
        }
        return observer
    }

    private static func line(of progress: ClusterProgress) -> String {
        let seconds = max(Double(progress.elapsedNanoseconds) / 1e9, 1e-9)
        var line =
            "checking \(progress.path), \(Wording.size(Double(progress.bytes))) of"
            + " \(Wording.size(Double(progress.totalBytes))),"
            + " \(Wording.size(Double(progress.bytes) / seconds))/s"
        if let left = progress.remainingNanoseconds {
            line += ", \(Wording.clock(Double(left) / 1e9)) left"
        }
        return line
    }

    private func write(_ object: String) {
        gathered += Array((object + "\n").utf8)
        if gathered.count >= Self.mostGathered { flush() }
    }

    private func flush() {
        _ = lines.write(gathered)
        gathered = []
    }

    /// Prints what was gathered, and removes the progress line.
    func end() {
        if isJSON { flush() }
        if output.isTerminal { output.replaceLine("") }
    }

    /// Prints the last line.
    func summarise(_ report: ClusterReport, _ cluster: DataDirectory) throws {
        let nanoseconds = UInt64(max(0, (clock.now - begin) / .nanoseconds(1)))
        if isJSON {
            write(report.json(nanoseconds: nanoseconds))
            flush()
            try lines.finish()
        } else {
            printLine(Self.text(report, cluster, nanoseconds))
        }
    }

    private static func text(
        _ report: ClusterReport, _ cluster: DataDirectory, _ nanoseconds: UInt64
    ) -> String {
        let verdict: String
        switch report.outcome {
        case .clean: verdict = "no damage"
        case .incomplete:
            verdict =
                "no damage found, but \(Wording.count(report.doubts, "thing")) could not be checked"
        case .damaged:
            let doubts = report.doubts > 0 ? ", \(report.doubts) not checked" : ""
            verdict =
                "damage: \(Wording.count(report.findings, "finding")) in"
                + " \(Wording.count(report.damagedFiles, "file"))\(doubts)"
        }
        let zeroes =
            report.zeroPages == 0
            ? "" : " (\(report.zeroPages) \(report.zeroPages == 1 ? "is" : "are") all zeroes)"
        var parts = [
            "\(verdict): checked \(Wording.count(report.pages, "page"))\(zeroes) of"
                + " \(Wording.count(report.relations, "relation"))",
            "\(Wording.size(Double(report.pages) * Double(blockSize))) in"
                + " \(Wording.seconds(nanoseconds))",
            "IO method \(cluster.system.method.name)",
        ]
        switch report.catalogs {
        case .compared(let databases):
            parts.append("compared with the catalogs of \(Wording.count(databases, "database"))")
        case .leftOut: parts.append("not compared with the catalogs")
        case .unreadable: parts.append("without the catalogs, which cannot be read")
        }
        if report.assumesControl { parts.append("without the control file") }
        if !cluster.control.hasPageChecksums { parts.append("without checksums") }
        if report.otherNames > 0 {
            parts.append("passed over \(Wording.count(report.otherNames, "other name"))")
        }
        if report.absentTemplates > 0 {
            let count = Wording.count(report.absentTemplates, "database")
            parts.append("\(count) that allows no connections has no folder")
        }
        if report.vanishedFiles > 0 || report.cutOffPages > 0 {
            parts.append(
                "\(Wording.count(report.vanishedFiles, "file")) and"
                    + " \(Wording.count(report.cutOffPages, "page")) went away meanwhile")
        }
        return parts.joined(separator: ", ")
    }
}
