/// Text in columns.
package struct TextTable {
    private var rows: [[String]]
    private let rightAligned: Set<Int>

    /// Makes a table with a line of titles.
    ///
    /// - Parameter rightAligned: the columns of numbers, from 0 on.
    package init(titles: [String], rightAligned: Set<Int>) {
        rows = [titles]
        self.rightAligned = rightAligned
    }

    /// Adds a row, whose cells can be printed as they are.
    package mutating func add(_ row: [String]) { rows.append(row) }

    /// The lines, each ended; the last column is not padded.
    package var text: String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        var text = ""
        for row in rows {
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { text += "  " }
                if rightAligned.contains(column) {
                    text += padding + cell
                } else if column == row.count - 1 {
                    text += cell
                } else {
                    text += cell + padding
                }
            }
            text += "\n"
        }
        return text
    }
}
