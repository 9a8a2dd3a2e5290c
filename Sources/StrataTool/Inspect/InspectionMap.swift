internal import PageInspection

/// A picture of a relation, a character a page, 80 columns wide.
struct InspectionMap {
    private let isColoured: Bool
    private let isJSON: Bool
    private var line = ""
    private var count = 0
    private var damaged = 0
    private var zeroes = 0
    private var unreadable = 0
    /// Whether no page was damaged.
    var isWhole: Bool { damaged == 0 && unreadable == 0 }

    private static let cellsPerLine = 64

    init(isColoured: Bool, isJSON: Bool) {
        self.isColoured = isColoured
        self.isJSON = isJSON
    }

    /// Adds a page. Returns text that is complete.
    mutating func add(_ cell: PageCell) -> String {
        switch cell.state {
        case .damaged: damaged += 1
        case .unreadable: unreadable += 1
        case .zero: zeroes += 1
        case .whole: break
        }
        if isJSON { return cell.json + "\n" }
        if count % Self.cellsPerLine == 0 { line = Self.label(cell.block) }
        count += 1
        line += colored(cell)
        if count % Self.cellsPerLine != 0 { return "" }
        defer { line = "" }
        return line + "\n"
    }

    /// The last line, and what the characters mean.
    mutating func end() -> String {
        if isJSON { return "" }
        let rest = line.isEmpty ? "" : line + "\n"
        return rest + """
            0-9 tenths of free space, a-j the same where all rows are visible to everyone
            . zeroes: \(zeroes), ! damaged: \(damaged), ? unreadable: \(unreadable)

            """
    }

    private static func label(_ block: UInt32) -> String {
        let digits = "\(block)"
        return String(repeating: " ", count: max(0, 10 - digits.count)) + digits + "  "
    }

    private func colored(_ cell: PageCell) -> String {
        let text = String(cell.character)
        guard isColoured else { return text }
        let color: String
        switch cell.state {
        case .zero: color = "2"
        case .damaged: color = "1;37;41"
        case .unreadable: color = "1;33;41"
        case .whole(_, isAllVisible: true): color = "32"
        case .whole(_, isAllVisible: false): color = "36"
        }
        return "\u{1B}[\(color)m\(text)\u{1B}[0m"
    }
}
