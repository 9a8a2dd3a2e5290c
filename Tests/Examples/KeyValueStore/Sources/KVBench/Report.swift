import Foundation

/// A sample of measured values.
struct Sample {
    private(set) var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    var sorted: [Double] { values.sorted() }

    var median: Double {
        let sorted = sorted
        if sorted.isEmpty { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// One measured case of one store.
struct Row {
    var name: String
    var store: String
    var unit: String
    var sample = Sample()
    /// Why there are no values.
    var missing: String?

    var json: String {
        func number(_ value: Double?) -> String {
            guard let value, value.isFinite else { return "null" }
            return "\(value)"
        }
        var fields = [
            ("case", "\"\(name)\""), ("store", "\"\(store)\""),
            ("value", number(sample.median)), ("unit", "\"\(unit)\""),
            ("minimum", number(sample.sorted.first)), ("maximum", number(sample.sorted.last)),
            ("rounds", "\(sample.values.count)"),
        ]
        if let missing { fields.append(("note", "\"\(missing)\"")) }
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }
}

/// A bar: how many times as much as another store the example must do.
struct Bar {
    let name: String
    let rival: String
    let limit: Double
    /// Of each round, as all stores are measured in each.
    let ratio: Double

    var isMet: Bool? { ratio.isFinite ? ratio >= limit : nil }

    var json: String {
        let ratio = self.ratio.isFinite ? "\(self.ratio)" : "null"
        return "{\"case\":\"\(name)\",\"store\":\"\(Contenders.ours)\",\"rival\":\"\(rival)\","
            + "\"ratio\":\(ratio),\"bar\":\(limit),"
            + "\"met\":\(isMet.map { "\($0)" } ?? "null")"
            + (isMet == nil ? ",\"note\":\"not measured\"" : "") + "}"
    }

    var text: String {
        let shown = ratio.isFinite ? String(format: "%.2f", ratio) : "not measured"
        let outcome = isMet.map { $0 ? "met" : "missed" } ?? ""
        return "\(name) against \(rival): \(shown), bar \(limit) \(outcome)"
    }
}

/// Prints rows as they are complete, and keeps them.
final class Report {
    private let printsJSON: Bool
    private(set) var rows: [Row] = []
    private(set) var hasMissed = false

    init(printsJSON: Bool) { self.printsJSON = printsJSON }

    func add(_ row: Row) {
        rows.append(row)
        if printsJSON { return say(row.json) }
        let value = row.missing ?? String(format: "%14.1f", row.sample.median)
        let name = row.name.padding(toLength: 34, withPad: " ", startingAt: 0)
        let store = row.store.padding(toLength: 16, withPad: " ", startingAt: 0)
        say("\(name) \(store) \(value) \(row.unit)")
    }

    func add(_ bar: Bar) {
        if bar.isMet == false { hasMissed = true }
        say(printsJSON ? bar.json : bar.text)
    }

    /// A remark that is no row.
    func note(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    private func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    func median(_ name: String, _ store: String) -> Double {
        rows.first { $0.name == name && $0.store == store }?.sample.median ?? .nan
    }
}
