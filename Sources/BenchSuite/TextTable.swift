/// Text in columns.
package struct TextTable {
    /// The bytes of all cells, one after the other: a table may have a hundred thousand.
    private var bytes: [UInt8] = []
    private var cells: [Cell] = []
    /// Where the cells of each row end.
    private var rowEnds: [Int] = []
    private var widths: [Int] = []
    private let rightAligned: Set<Int>

    private struct Cell {
        let end: Int
        let width: Int
    }

    /// Makes a table with a line of titles.
    ///
    /// - Parameter rightAligned: the columns of numbers, from 0 on.
    package init(titles: [String], rightAligned: Set<Int>) {
        self.rightAligned = rightAligned
        add(titles)
    }

    /// Adds a row, whose cells can be printed as they are.
    package mutating func add(_ row: [String]) {
        for cell in row { add(cell) }
        endRow()
    }

    /// Adds a cell to the row that ``endRow()`` will end.
    package mutating func add(_ cell: String) {
        let column = cells.count - (rowEnds.last ?? 0)
        let width = Self.width(cell)
        bytes.append(contentsOf: cell.utf8)
        cells.append(Cell(end: bytes.count, width: width))
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], width)
    }

    /// Ends a row of cells that were added one by one.
    package mutating func endRow() { rowEnds.append(cells.count) }

    /// How many characters a cell has. Most have only ASCII ones.
    private static func width(_ cell: String) -> Int {
        let isPlain = cell.utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "\r") }
        return isPlain ? cell.utf8.count : cell.count
    }

    /// The lines, each ended; the last column is not padded.
    package var text: String {
        let rowLength = widths.reduce(0, +) + 2 * widths.count
        let isRight = widths.indices.map { rightAligned.contains($0) }
        var text: [UInt8] = []
        text.reserveCapacity(rowEnds.count * rowLength)
        var (first, start) = (0, 0)
        for end in rowEnds {
            for index in first..<end {
                let (cell, column) = (cells[index], index - first)
                if column > 0 { text.append(contentsOf: repeatElement(0x20, count: 2)) }
                let blanks = repeatElement(UInt8(ascii: " "), count: widths[column] - cell.width)
                if isRight[column] { text.append(contentsOf: blanks) }
                text.append(contentsOf: bytes[start..<cell.end])
                if !isRight[column], index + 1 < end { text.append(contentsOf: blanks) }
                start = cell.end
            }
            text.append(UInt8(ascii: "\n"))
            first = end
        }
        return String(decoding: text, as: UTF8.self)
    }
}
