/// The results of all rounds of one quantity.
struct BenchSeries {
    private(set) var sorted: [Double] = []

    mutating func add(_ value: Double) {
        sorted.insert(value, at: sorted.firstIndex { $0 > value } ?? sorted.count)
    }

    var least: Double { sorted.first ?? 0 }
    var most: Double { sorted.last ?? 0 }

    /// The middle value, or the mean of the two in the middle.
    var median: Double {
        if sorted.isEmpty { return 0 }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}

/// The limit that a ratio should reach.
enum BenchBar {
    case atMost(Double)
    case atLeast(Double)

    var limit: Double {
        switch self {
        case .atMost(let limit), .atLeast(let limit): limit
        }
    }

    func isMet(by ratio: Double) -> Bool {
        switch self {
        case .atMost(let limit): ratio <= limit
        case .atLeast(let limit): ratio >= limit
        }
    }

    var text: String {
        switch self {
        case .atMost(let limit): "≤ \(Figures.decimal(limit, places: 2))"
        case .atLeast(let limit): "≥ \(Figures.decimal(limit, places: 2))"
        }
    }
}

/// One line of the results.
package struct BenchRow {
    let name: String
    let method: String
    let unit: String
    /// The limit that the ratio should reach; nil if there is none.
    let bar: BenchBar?
    private(set) var value = BenchSeries()
    private(set) var ceiling = BenchSeries()
    private(set) var ratio = BenchSeries()
    private(set) var processor = BenchSeries()

    init(_ name: String, method: String, unit: String, bar: BenchBar?) {
        (self.name, self.method, self.unit, self.bar) = (name, method, unit, bar)
    }

    /// Adds a round's results.
    ///
    /// - Parameters:
    ///   - value: the result of the case, in ``unit``.
    ///   - ceiling: the result without Strata, in ``unit``.
    ///   - processorMicroseconds: the time per page on all cores together.
    mutating func add(value: Double, ceiling: Double, processorMicroseconds: Double) {
        self.value.add(value)
        self.ceiling.add(ceiling)
        ratio.add(value / ceiling)
        processor.add(processorMicroseconds)
    }

    private var isMet: Bool? { bar?.isMet(by: ratio.median) }

    /// The row as a JSON object on one line. No text in it needs escaping. Numbers are not rounded,
    /// so that they show whether a ratio meets its bar.
    package var json: String {
        func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
        let fields = [
            ("case", "\"\(name)\""), ("method", "\"\(method)\""),
            ("value", number(value.median)), ("unit", "\"\(unit)\""),
            ("ceiling", number(ceiling.median)), ("ratio", number(ratio.median)),
            ("cpuMicrosecondsPerPage", number(processor.median)),
            ("bar", bar.map { number($0.limit) } ?? "null"),
            ("met", isMet.map { "\($0)" } ?? "null"),
            ("minimum", number(value.least)), ("maximum", number(value.most)),
            ("minimumRatio", number(ratio.least)), ("maximumRatio", number(ratio.most)),
            ("rounds", "\(value.sorted.count)"),
        ]
        return "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    /// The rows as a table for people.
    package static func table(_ rows: [BenchRow]) -> String {
        var table = TextTable(
            titles: [
                "case", "method", "unit", "result", "(min–max)", "ceiling", "(min–max)", "ratio",
                "(min–max)", "CPU µs/page", "bar", "",
            ], rightAligned: [3, 4, 5, 6, 7, 8, 9])
        for row in rows {
            table.add(
                [row.name, row.method, row.unit] + cells(row.value) + cells(row.ceiling)
                    + cells(row.ratio) + [
                        Figures.decimal(row.processor.median, places: 3), row.bar?.text ?? "",
                        row.isMet.map { $0 ? "met" : "missed" } ?? "",
                    ])
        }
        return table.text
    }

    private static func cells(_ series: BenchSeries) -> [String] {
        let (least, most) = (
            Figures.decimal(series.least, places: 2), Figures.decimal(series.most, places: 2)
        )
        return [Figures.decimal(series.median, places: 2), "(\(least)–\(most))"]
    }
}
