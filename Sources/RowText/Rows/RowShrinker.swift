import PageFormat
import ToastFormat

/// A row that is larger than a page, and what is done to make it fit: values are compressed in the
/// row, and the largest are left out, to be stored elsewhere.
///
/// Mirrors PostgreSQL's `heap_toast_insert_or_update` for rows that do not fit a page; others stay
/// as they are. As long as the row has more than ``target`` bytes, the largest value is compressed
/// if that makes it smaller, and left out if it alone is still larger than that; then the largest
/// values are left out. All types of varying length are treated alike.
struct RowShrinker: ~Copyable {
    /// Holds all of the row.
    var wide: HeapTupleBuilder
    /// The row's values, in order.
    private var cells: [Cell] = []
    /// The columns whose values were left out, in order.
    private var moved: [Int] = []
    private let compressor = PGLZCompressor()
    private let layout: [AttributeLayout]

    /// PostgreSQL's `TOAST_TUPLE_TARGET`: four rows fill a page.
    private static let target = 2032
    /// A value of at most this size is not worth a pointer.
    private static let leastSize = 24

    private struct Cell {
        let built: HeapTupleBuilder.Built
        var form: StoredForm
        /// The word and the bytes of a value that was compressed here.
        var compressed: [UInt8]?
        /// Whether compressing it would not help.
        var wasTried: Bool
        /// Whether its value is left out.
        var isMoved = false
        /// The pointer to a value that was left out, once it is stored.
        var pointer: ExternalPointer?

        /// The bytes in the row, without length and tag.
        var byteCount: Int {
            isMoved ? StoredForm.pointerSize : compressed?.count ?? built.byteCount
        }

        mutating func move() {
            isMoved = true
            form = .external
        }
    }

    init(layout: [AttributeLayout]) {
        self.layout = layout
        // A record has less, but values may have more bytes than their text.
        wide = HeapTupleBuilder(layout: layout, dataLimit: ExternalPointer.largestValue)
    }

    // MARK: Deciding

    /// Decides what to do with the values of the row in ``wide``. Returns false if it does not fit
    /// a page whatever is done.
    mutating func decide() -> Bool {
        moved = []
        guard wide.isKept else { return false }
        cells = wide.built.map {
            Cell(built: $0, form: $0.form, wasTried: $0.form != .plain)
        }
        compressLargest()
        moveLargest()
        moved = cells.indices.filter { cells[$0].isMoved }
        return tupleSize <= PageLayout.maximumTupleSize
    }

    private mutating func compressLargest() {
        while tupleSize > Self.target, let column = largest(where: { !$0.wasTried }) {
            cells[column].wasTried = true
            if let bytes = compressor.compress(wide.bytes(of: cells[column].built)) {
                cells[column].compressed = bytes
                cells[column].form = .compressed
            }
            if cells[column].byteCount > Self.target - wide.headerSize { cells[column].move() }
        }
    }

    private mutating func moveLargest() {
        while tupleSize > Self.target, let column = largest(where: { $0.form != .external }) {
            cells[column].move()
        }
    }

    private func largest(where condition: (Cell) -> Bool) -> Int? {
        var found: Int?
        var size = Self.leastSize
        for column in cells.indices where layout[column].isVariable && !cells[column].built.isNull {
            if cells[column].byteCount > size, condition(cells[column]) {
                (found, size) = (column, cells[column].byteCount)
            }
        }
        return found
    }

    /// The size of the row as it is now.
    private var tupleSize: Int {
        var size = 0
        for (attribute, cell) in zip(layout, cells) where !cell.built.isNull {
            let count = cell.byteCount
            if !attribute.isVariable {
                size = PageLayout.align(size, to: attribute.alignment) + count
            } else if cell.form == .external {
                size += 2 + count
            } else if cell.form == .plain && count <= 126 {
                size += 1 + count
            } else {
                size = PageLayout.align(size, to: attribute.alignment) + 4 + count
            }
        }
        return wide.headerSize + size
    }

    // MARK: Values that were left out

    var movedCount: Int { moved.count }

    func size(ofMoved index: Int) -> Int {
        let cell = cells[moved[index]]
        guard cell.built.form == .compressed else { return cell.built.byteCount }
        return PGLZ.expandedSize(of: wide.bytes(of: cell.built))
    }

    /// Calls `body` with the bytes to store of a value.
    func withMoved<Result, Failure>(
        _ index: Int, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let cell = cells[moved[index]]
        if let bytes = cell.compressed { return try body(unsafe bytes.span.bytes) }
        return try body(wide.bytes(of: cell.built))
    }

    mutating func place(_ pointer: ExternalPointer, _ index: Int) {
        cells[moved[index]].pointer = pointer
    }

    /// Forms the row again, with pointers for the values that were left out.
    mutating func form(in builder: inout HeapTupleBuilder) {
        builder.begin()
        for (column, cell) in cells.enumerated() {
            if cell.built.isNull {
                builder.appendNull()
            } else if !layout[column].isVariable {
                builder.appendFixed(wide.bytes(of: cell.built))
            } else if cell.isMoved {
                // Until it is stored, the value has a pointer to nothing.
                let pointer =
                    cell.pointer ?? ExternalPointer(size: 0, storedSize: 0, value: 0, relation: 0)
                let bytes = pointer.bytes
                builder.append(unsafe bytes.span.bytes, storedAs: .external)
            } else if let bytes = cell.compressed {
                builder.append(unsafe bytes.span.bytes, storedAs: .compressed)
            } else {
                builder.append(wide.bytes(of: cell.built), storedAs: cell.form)
            }
        }
    }

    /// Gives the row's memory back.
    mutating func release() {
        cells = []
        moved = []
        wide.releaseMemory()
    }
}
