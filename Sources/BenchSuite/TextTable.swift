/// Text in columns.
package struct TextTable {
    private var rows: [[String]]
    private var widths: [Int] = []
    private let rightAligned: Set<Int>

    /// Makes a table with a line of titles.
    ///
    /// - Parameter rightAligned: the columns of numbers, from 0 on.
    package init(titles: [String], rightAligned: Set<Int>) {
        rows = []
        self.rightAligned = rightAligned
        add(titles)
    }

    /// Adds a row, whose cells can be printed as they are.
    package mutating func add(_ row: [String]) {
        rows.append(row)
        for (column, cell) in row.enumerated() {
            if column == widths.count { widths.append(0) }
            widths[column] = max(widths[column], Self.width(cell))
        }
    }

    /// How many characters a cell has. Most have only ASCII ones.
    private static func width(_ cell: String) -> Int {
        let isPlain = cell.utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "\r") }
        return isPlain ? cell.utf8.count : cell.count
    }

    /// The lines, each ended; the last column is not padded.
    package var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rows.count * (widths.reduce(0, +) + 2 * widths.count))
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column > 0 { bytes += "  ".utf8 }
                let isRight = rightAligned.contains(column)
                if !isRight { bytes += cell.utf8 }
                if isRight || column < row.count - 1 {
                    let blanks = widths[column] - Self.width(cell)
                    bytes += repeatElement(UInt8(ascii: " "), count: blanks)
                }
                if isRight { bytes += cell.utf8 }
            }
            bytes.append(UInt8(ascii: "\n"))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
