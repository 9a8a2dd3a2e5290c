internal import PageFormat
public import RowSchema

extension RowEncoder {
    /// Encodes the next row of a batch.
    ///
    /// - Parameters:
    ///   - batch: rows of this encoder's schema.
    ///   - offset: where the row begins in the batch; afterwards, where the next one does.
    ///   - textColumns: the positions of columns whose values are texts to be read, instead of
    ///     datums.
    /// - Throws: ``LoadError`` without source or location if a value is none of its column, one is
    ///   NULL but must not be, the row's tuple cannot fit a page, or the batch ends within the row.
    public mutating func encode(
        _ batch: borrowing DatumBatch, at offset: inout Int, textColumns: Set<Int> = []
    ) throws(LoadError) {
        let start = offset
        try encodeValues(batch, at: &offset, textColumns)
        if builder.byteCount <= PageLayout.maximumTupleSize { return }
        let fits: Bool
        if textColumns.isEmpty {
            fits = fit(valuesIn: batch.bytes, ranges(of: batch, at: start))
        } else {
            fits = try fit { (encoder) throws(LoadError) in
                var offset = start
                try encoder.encodeValues(batch, at: &offset, textColumns)
            }
        }
        if !fits {
            throw LoadError(
                .rowTooLarge(size: builder.byteCount, limit: PageLayout.maximumTupleSize),
                source: "")
        }
    }

    /// Where the values of a row are that was encoded before.
    private func ranges(of batch: borrowing DatumBatch, at start: Int) -> [Range<Int>?] {
        var offset = start
        return schema.columns.map { _ in
            do throws(DatumBatchEnd) { return try batch.value(at: &offset) } catch {
                preconditionFailure("the row was encoded before")
            }
        }
    }

    private mutating func encodeValues(
        _ batch: borrowing DatumBatch, at offset: inout Int, _ textColumns: Set<Int>
    ) throws(LoadError) {
        builder.begin()
        for index in schema.columns.indices {
            let range: Range<Int>?
            do throws(DatumBatchEnd) { range = try batch.value(at: &offset) } catch {
                throw failure(
                    .missingFields(expected: schema.columns.count, found: index), index)
            }
            guard let range else {
                if !schema.columns[index].isNullable { throw failure(.nullNotAllowed, index) }
                builder.appendNull()
                continue
            }
            let value = batch.bytes.span.extracting(range)
            do throws(ValueError) {
                if textColumns.contains(index) {
                    try append(index, value)
                } else {
                    try appendStored(index, value.raw)
                }
            } catch {
                throw failure(.value(error), index)
            }
        }
    }

    /// Appends a value as it is stored.
    private mutating func appendStored(_ column: Int, _ value: RawSpan) throws(ValueError) {
        let type = schema.columns[column].type
        guard type.storedLength == nil || type.storedLength == value.byteCount,
            type.fault(in: value) == nil
        else { throw ValueError(type, .damaged) }
        if type.storedLength == nil {
            builder.appendVariable(value)
        } else {
            builder.appendFixed(value)
        }
    }

    private func failure(_ reason: LoadError.Reason, _ column: Int) -> LoadError {
        var error = LoadError(reason, source: "")
        error.column = schema.columns[column].name
        return error
    }
}
