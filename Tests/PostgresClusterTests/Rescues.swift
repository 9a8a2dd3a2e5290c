import Foundation
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

/// What a salvage gave.
struct Rescued {
    var rows: [RescuedRow] = []
    var findings: [SalvageFinding] = []
    var report = SalvageReport()

    /// The rows' texts by their `ctid`.
    var byPlace: [String: [String]] {
        Dictionary(grouping: rows, by: \.place).mapValues { $0.map(\.line) }
    }

    func text(_ columns: [RescueColumn], marks: RescuedText.Marks = []) -> [UInt8] {
        let text = RescuedText(columns, .csv(null: "\\N", header: true), marks: marks)
        return text.header + rows.flatMap { text.text(of: $0) }
    }
}

extension RescuedRow {
    var place: String { "(\(block),\(linePointer))" }
    var line: String {
        fields.map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "\\N" }
            .joined(separator: "|")
    }
}

/// Opens data directories to rescue rows from them.
enum Rescues {
    static func open(
        _ path: String, _ method: TestedMethod = TestedMethod(.synchronous)
    ) throws -> ClusterRescue {
        var options = PostgresOptions()
        options.poolBytes = 4 << 20
        options.ioMethod = method.choice
        options.toleratesDamagedControl = true
        return try ClusterRescue(try DataDirectory.open(path, options: options))
    }
}

extension ClusterRescue {
    func all(
        _ target: RescueTarget, dead: Bool = false
    ) throws -> Rescued {
        var options = SalvageOptions()
        options.includesDead = dead
        var rescued = Rescued()
        var observer = SalvageObserver()
        observer.finding = { rescued.findings.append($0) }
        var rows: [RescuedRow] = []
        rescued.report = try salvage(target, options: options, observer: observer) { row in
            rows.append(row)
            return true
        }
        rescued.rows = rows
        return rescued
    }

    func close() throws { try directory.close() }
}

extension ImageRescue {
    func all(
        _ schema: String, _ options: ImageOptions = ImageOptions(),
        directory: DataDirectory? = nil
    ) throws -> Rescued {
        var rescued = Rescued()
        var observer = SalvageObserver()
        observer.finding = { rescued.findings.append($0) }
        var rows: [RescuedRow] = []
        rescued.report = try salvage(
            try RescueSchema(parsing: schema), options: options, directory: directory,
            observer: observer
        ) { row in
            rows.append(row)
            return true
        }
        rescued.rows = rows
        return rescued
    }
}
