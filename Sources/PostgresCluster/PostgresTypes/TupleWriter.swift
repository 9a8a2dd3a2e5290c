/// Writes the values of a tuple in one pass: the common types as CSV fields, or values as they are
/// stored as those of a `DatumBatch`. The caller writes other types, and values that are compressed
/// or out of line. What runs for every value stays in this module, so that the compiler can inline
/// it.
package struct TupleWriter: Sendable {
    /// Where the writing of a row has come.
    package struct Position: Sendable {
        /// The next field.
        package var field = 0
        /// The tuple's next attribute, and where its predecessor ends.
        fileprivate var attribute = 0
        fileprivate var offset = 0

        package init() {}
    }

    /// A column of the scan.
    package struct Column {
        let attribute: Int
        let form: ValueForm
        /// Whether its text, if it has one, is in UTF-8. The caller writes other text.
        let isUTF8: Bool

        /// Makes a column that shows an attribute of the tuple, counted from zero.
        package init(_ attribute: Int, _ form: ValueForm, isUTF8: Bool) {
            self.attribute = attribute
            self.form = form
            self.isUTF8 = isUTF8
        }
    }

    /// An attribute of the tuple: how it is laid out, and how its values are written.
    private struct Step: Sendable {
        let layout: ValueLayout
        let writer: AttributeWriter
    }

    /// The attributes, up to the last one that is shown.
    private let steps: [Step]
    private let csv: CSVText
    private let null: [UInt8]
    /// Whether fields are separated, and rows are lines.
    private let isText: Bool
    /// What an ordinary row needs: a constant, and for each byte of the tuple. Rows that need more
    /// are written in pieces.
    private let rowSize: Int

    /// Makes a writer of rows of CSV.
    ///
    /// - Parameters:
    ///   - columns: the columns; nil where the tuple has no value of one.
    ///   - layouts: the tuple's attributes.
    /// - Returns: nil if the columns are in another order than the attributes, or one has no
    ///   attribute, or null is written as text that a value can look like.
    package init?(_ columns: [Column?], _ layouts: [ValueLayout], _ csv: CSVText) {
        // Values other than texts never look like these.
        guard csv.null.isEmpty || csv.null == Array("\\N".utf8) else { return nil }
        let steps = Self.steps(columns, layouts) { column, layout in
            AttributeWriter(column.form, layout, isUTF8: column.isUTF8)
        }
        guard let steps else { return nil }
        self.init(steps, csv, null: csv.null, isText: true)
    }

    /// Makes a writer of rows of a batch. Values of the form `text` are written as they are stored;
    /// the caller writes all others.
    ///
    /// - Parameter null: what stands for null.
    /// - Returns: as for CSV.
    package init?(ofBatch columns: [Column?], _ layouts: [ValueLayout], null: [UInt8]) {
        let steps = Self.steps(columns, layouts) { column, _ in
            if case .text = column.form, column.isUTF8 { .stored } else { .other }
        }
        guard let steps else { return nil }
        self.init(steps, CSVText(null: "", isSingleColumn: false), null: null, isText: false)
    }

    private init(_ steps: [Step], _ csv: CSVText, null: [UInt8], isText: Bool) {
        self.steps = steps
        self.csv = csv
        self.null = null
        self.isText = isText
        rowSize = steps.reduce(16) { $0 + $1.writer.size }
    }

    private static func steps(
        _ columns: [Column?], _ layouts: [ValueLayout],
        _ writer: (Column, ValueLayout) -> AttributeWriter
    ) -> [Step]? {
        var steps: [Step] = []
        for column in columns {
            guard let column, column.attribute >= steps.count, column.attribute < layouts.count
            else { return nil }
            for skipped in steps.count..<column.attribute {
                steps.append(Step(layout: layouts[skipped], writer: .skipped))
            }
            let layout = layouts[column.attribute]
            steps.append(Step(layout: layout, writer: writer(column, layout)))
        }
        return steps
    }

    /// Writes fields, starting at a position.
    ///
    /// - Parameters:
    ///   - data: what follows the tuple's header, aligned to 8.
    ///   - bitmap: one bit for each stored value, set if it is not null.
    ///   - position: on return, where the caller must go on: it writes the field, or, behind the
    ///     last one, has nothing to do, since the line, if it is one, has been ended.
    /// - Throws: the fault of the value at `position`.
    package func write(
        _ data: RawSpan, _ header: TupleFields.Header, bitmap: RawSpan,
        from position: inout Position, to output: inout TextOutput
    ) throws(ValueFault) {
        try output.write(atMost: rowSize &+ 3 &* data.byteCount) { cursor throws(ValueFault) in
            try write(data, header, bitmap, &position, &cursor)
        }
    }

    private func write(
        _ data: RawSpan, _ header: TupleFields.Header, _ bitmap: RawSpan,
        _ position: inout Position, _ cursor: inout TextCursor
    ) throws(ValueFault) {
        let stored = min(header.storedCount, steps.count)
        while position.attribute < stored {
            let attribute = position.attribute
            let step = steps[attribute]
            if header.hasNulls,
                try bitmap.byte(attribute >> 3) >> UInt8(truncatingIfNeeded: attribute & 7) & 1 == 0
            {
                position.attribute &+= 1
                if step.writer.isSkipped { continue }
                guard cursor.room >= null.count &+ 2 else { return begin(&position, &cursor) }
                begin(&position, &cursor)
                cursor.append(null)
                position.field &+= 1
                continue
            }
            let extent = try step.layout.extent(in: data, from: position.offset)
            position.offset = extent.upperBound
            position.attribute &+= 1
            if step.writer.isSkipped { continue }
            begin(&position, &cursor)
            guard
                try step.writer.write(
                    data, extent, isVarlena: step.layout.isVarlena, csv, &cursor)
            else { return }
            position.field &+= 1
        }
        // Rows that are older than a column have no value of it.
        while position.attribute < steps.count {
            position.attribute &+= 1
            if steps[position.attribute &- 1].writer.isSkipped { continue }
            return begin(&position, &cursor)
        }
        if isText { cursor.append(UInt8(ascii: "\n")) }
    }

    /// Separates a field from the one before it.
    @inline(__always)
    private func begin(_ position: inout Position, _ cursor: inout TextCursor) {
        if isText && position.field > 0 { cursor.append(UInt8(ascii: ",")) }
    }
}
