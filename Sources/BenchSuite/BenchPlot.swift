/// A self-contained SVG picture of results: throughput as bars, each with its ceiling, and the time
/// per random block against the depth.
package struct BenchPlot {
    private let bars: [BenchRow]
    private let random: [BenchRow]
    private var canvas = SVGCanvas(width: 860)

    private static let (blue, grey, green) = ("#2563a8", "#c3c9d1", "#2e7d4f")
    private static let colours = [blue, "#c2571a", green]

    /// Draws the rows. Leaves out those that fit neither part.
    package static func svg(_ rows: [BenchRow]) -> String {
        var plot = BenchPlot(rows)
        plot.draw()
        return plot.canvas.text
    }

    private init(_ rows: [BenchRow]) {
        bars = rows.filter { $0.unit == "GB/s" }
        random = rows.filter { Self.depth($0) != nil }
    }

    private static func depth(_ row: BenchRow) -> Double? {
        let parts = row.name.split(separator: "/")
        guard parts.count == 2, parts[0] == "random" else { return nil }
        return Double(parts[1])
    }

    private mutating func draw() {
        canvas.y = 34
        canvas.write("strata bench", x: 20, size: 18, bold: true)
        canvas.y += 12
        if !bars.isEmpty { drawBars() }
        if !random.isEmpty { drawLines() }
        if bars.isEmpty && random.isEmpty {
            canvas.y += 20
            canvas.write("No case with throughput or depth was measured.", x: 20)
        }
        canvas.y += 24
    }

    // MARK: Throughput

    private mutating func drawBars() {
        canvas.y += 22
        canvas.write("Throughput, GB/s", x: 20, size: 14, bold: true)
        canvas.key(Self.blue, "Strata", x: 560)
        canvas.key(Self.grey, "the same work without Strata", x: 640)
        let most = bars.map { max($0.value.median, $0.ceiling.median) }.max() ?? 1
        let scale = 480 / max(most, 1e-9)
        canvas.y += 10
        for row in bars {
            canvas.y += 12
            canvas.write(row.name, x: 20)
            canvas.write(row.method, x: 190, colour: "#5b6470")
            drawBar(row.value, scale, Self.blue)
            canvas.y += 13
            drawBar(row.ceiling, scale, Self.grey)
            canvas.y += 6
        }
        canvas.y += 12
    }

    private mutating func drawBar(_ series: BenchSeries, _ scale: Double, _ colour: String) {
        let width = series.median * scale
        canvas.rectangle(x: 270, y: canvas.y - 10, width: width, height: 11, colour)
        canvas.write(Figures.decimal(series.median, places: 2), x: 276 + width, size: 11)
    }

    // MARK: Time per block

    private mutating func drawLines() {
        canvas.y += 26
        canvas.write("Random blocks: µs per block, by depth", x: 20, size: 14, bold: true)
        let (left, top, width, height) = (70.0, canvas.y + 26, 560.0, 240.0)
        let depths = Set(random.compactMap(Self.depth)).sorted()
        let most = random.map { 1e6 / min($0.value.median, $0.ceiling.median) }.max() ?? 1
        let limit = Self.roundUp(most)
        func x(_ depth: Double) -> Double {
            let position = depths.firstIndex(of: depth) ?? 0
            return left + width * Double(position) / Double(max(1, depths.count - 1))
        }
        func y(_ microseconds: Double) -> Double { top + height * (1 - microseconds / limit) }
        for step in 0...4 {
            let value = limit * Double(step) / 4
            canvas.line(left, y(value), left + width, y(value), "#e3e6ea")
            canvas.y = y(value) + 4
            canvas.write(Figures.decimal(value, places: limit < 8 ? 1 : 0), x: left - 8, end: true)
        }
        canvas.y = top + height + 18
        for depth in depths {
            canvas.write(Figures.decimal(depth, places: 0), x: x(depth), size: 11, centred: true)
        }
        canvas.y = top + 8
        let methods = random.map(\.method).reduce(into: [String]()) { seen, method in
            if !seen.contains(method) { seen.append(method) }
        }
        // The ceiling is drawn once, for the method with the most points.
        var ceiling: [(Double, Double)] = []
        for (number, method) in methods.enumerated() {
            let colour = Self.colours[number % Self.colours.count]
            let points = random.filter { $0.method == method }.map { row in
                (Self.depth(row) ?? 0, 1e6 / row.value.median, 1e6 / row.ceiling.median)
            }
            canvas.path(points.map { (x($0.0), y($0.1)) }, colour, dashed: false)
            canvas.key(colour, method, x: left + width + 24)
            canvas.y += 20
            if points.count >= ceiling.count { ceiling = points.map { (x($0.0), y($0.2)) } }
        }
        canvas.path(ceiling, "#8a939e", dashed: true)
        canvas.key("#8a939e", "without Strata", x: left + width + 24)
        canvas.y = top + height + 30
    }

    /// The least round number that is not below `value`.
    private static func roundUp(_ value: Double) -> Double {
        var unit = 1.0
        while unit * 10 < value { unit *= 10 }
        for factor in [1.0, 2, 4, 5, 8, 10] where unit * factor >= value { return unit * factor }
        return value
    }
}

/// Shapes and text, from the top down.
private struct SVGCanvas {
    private let width: Int
    private var body = ""
    /// The position of the next text.
    var y = 0.0

    init(width: Int) { self.width = width }

    var text: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(Int(y))" \
        viewBox="0 0 \(width) \(Int(y))" font-family="sans-serif" fill="#1d242c">
        <rect width="100%" height="100%" fill="#ffffff"/>
        \(body)</svg>

        """
    }

    mutating func write(
        _ words: String, x: Double, size: Int = 12, bold: Bool = false, colour: String? = nil,
        end: Bool = false, centred: Bool = false
    ) {
        var attributes = "x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(size)\""
        if bold { attributes += " font-weight=\"bold\"" }
        if let colour { attributes += " fill=\"\(colour)\"" }
        if end || centred { attributes += " text-anchor=\"\(end ? "end" : "middle")\"" }
        body += "<text \(attributes)>\(Self.escaped(words))</text>\n"
    }

    /// Draws a colour and its meaning.
    mutating func key(_ colour: String, _ words: String, x: Double) {
        rectangle(x: x, y: y - 9, width: 10, height: 10, colour)
        write(words, x: x + 16)
    }

    mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, _ colour: String
    ) {
        body +=
            "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(max(width, 1.0)))\""
            + " height=\"\(number(height))\" fill=\"\(colour)\"/>\n"
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String) {
        path([(x1, y1), (x2, y2)], colour, dashed: false, width: 1)
    }

    mutating func path(
        _ points: [(Double, Double)], _ colour: String, dashed: Bool, width: Int = 2
    ) {
        let places = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
        body +=
            "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(colour)\""
            + " stroke-width=\"\(width)\"\(dashed ? " stroke-dasharray=\"5 4\"" : "")/>\n"
    }

    private func number(_ value: Double) -> String {
        Figures.decimal(value.isFinite ? value : 0, places: 1)
    }

    private static func escaped(_ words: String) -> String {
        words.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
    }
}
