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
    /// Holds all of the row, unless its values were lent.
    var wide: HeapTupleBuilder
    /// The bytes that hold the values of the row instead, so that large ones are in memory once.
    private var lent: [UInt8] = []
    /// The bytes of the row before its values.
    private var headerSize = 0
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

    /// Where the bytes of a value are.
    private enum Source {
        case built(HeapTupleBuilder.Built)
        case lent(Range<Int>)
    }

    private struct Cell {
        let source: Source
        let isNull: Bool
        /// The bytes of the value, without length and tag.
        let sourceCount: Int
        /// The form that it came in, and the one that it has now.
        let sourceForm: StoredForm
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
            isMoved ? StoredForm.pointerSize : compressed?.count ?? sourceCount
        }

        init(_ built: HeapTupleBuilder.Built) {
            source = .built(built)
            isNull = built.isNull
            sourceCount = built.byteCount
            (sourceForm, form) = (built.form, built.form)
            wasTried = built.form != .plain
        }

        /// A plain value that is lent; nil for null.
        init(_ range: Range<Int>?) {
            source = .lent(range ?? 0..<0)
            isNull = range == nil
            sourceCount = range?.count ?? 0
            (sourceForm, form) = (.plain, .plain)
            wasTried = false
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
        cells = wide.built.map { Cell($0) }
        headerSize = wide.headerSize
        return decideOnCells()
    }

    /// Decides like ``decide()`` on a row whose values are plain and lie in `bytes`.
    ///
    /// - Parameters:
    ///   - ranges: where they are; nil for null.
    ///   - headerSize: the bytes of the row before its values.
    mutating func decide(
        on bytes: [UInt8], _ ranges: [Range<Int>?], headerSize: Int
    ) -> Bool {
        moved = []
        self.headerSize = headerSize
        lent = bytes
        cells = ranges.map { Cell($0) }
        return decideOnCells()
    }

    private mutating func decideOnCells() -> Bool {
        compressLargest()
        moveLargest()
        moved = cells.indices.filter { cells[$0].isMoved }
        return tupleSize <= PageLayout.maximumTupleSize
    }

    private mutating func compressLargest() {
        while tupleSize > Self.target, let column = largest(where: { !$0.wasTried }) {
            cells[column].wasTried = true
            if let bytes = compressor.compress(self.bytes(of: cells[column])) {
                cells[column].compressed = bytes
                cells[column].form = .compressed
            }
            if cells[column].byteCount > Self.target - headerSize { cells[column].move() }
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
        for column in cells.indices where layout[column].isVariable && !cells[column].isNull {
            if cells[column].byteCount > size, condition(cells[column]) {
                (found, size) = (column, cells[column].byteCount)
            }
        }
        return found
    }

    /// The size of the row as it is now.
    private var tupleSize: Int {
        var size = 0
        for (attribute, cell) in zip(layout, cells) where !cell.isNull {
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
        return headerSize + size
    }

    /// The bytes of a value as it came.
    @_lifetime(borrow self)
    private func bytes(of cell: Cell) -> RawSpan {
        switch cell.source {
        case .built(let built): return wide.bytes(of: built)
        case .lent(let range): return unsafe lent.span.bytes.extracting(range)
        }
    }

    // MARK: Values that were left out

    var movedCount: Int { moved.count }

    func size(ofMoved index: Int) -> Int {
        let cell = cells[moved[index]]
        guard cell.sourceForm == .compressed else { return cell.sourceCount }
        return PGLZ.expandedSize(of: bytes(of: cell))
    }

    /// Calls `body` with the bytes to store of a value.
    func withMoved<Result, Failure>(
        _ index: Int, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let cell = cells[moved[index]]
        if let bytes = cell.compressed { return try body(unsafe bytes.span.bytes) }
        return try body(self.bytes(of: cell))
    }

    mutating func place(_ pointer: ExternalPointer, _ index: Int) {
        cells[moved[index]].pointer = pointer
    }

    /// Forms the row again, with pointers for the values that were left out.
    mutating func form(in builder: inout HeapTupleBuilder) {
        builder.begin()
        for (column, cell) in cells.enumerated() {
            if cell.isNull {
                builder.appendNull()
            } else if !layout[column].isVariable {
                builder.appendFixed(bytes(of: cell))
            } else if cell.isMoved {
                // Until it is stored, the value has a pointer to nothing.
                let pointer =
                    cell.pointer ?? ExternalPointer(size: 0, storedSize: 0, value: 0, relation: 0)
                let bytes = pointer.bytes
                builder.append(unsafe bytes.span.bytes, storedAs: .external)
            } else if let bytes = cell.compressed {
                builder.append(unsafe bytes.span.bytes, storedAs: .compressed)
            } else {
                builder.append(self.bytes(of: cell), storedAs: cell.form)
            }
        }
    }

    /// Gives the row's memory back.
    mutating func release() {
        cells = []
        moved = []
        lent = []
        wide.releaseMemory()
    }
}
