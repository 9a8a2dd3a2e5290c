public import PageFormat
public import RowSchema

/// Converts records of CSV into heap tuples.
///
/// ```swift
/// var encoder = RowEncoder(schema: schema)
/// while try reader.next() {
///     try encoder.encode(&reader)
///     if try encoder.builder.place(on: &page, block: block) == nil { … the next page … }
/// }
/// ```
///
/// Values go from the reader's buffer straight to the tuple; nothing is allocated per row. Owned by
/// one thread at a time.
public struct RowEncoder: ~Copyable {
    /// The columns.
    public let schema: Schema
    /// Holds the last encoded row, ready to be placed on a page.
    public var builder: HeapTupleBuilder

    private let types: [ColumnType]
    private let isNullable: [Bool]
    /// The datum of a value whose datum differs from its text.
    private var datum = ByteOutput(capacity: 256)

    /// Makes an encoder for rows of `schema`.
    public init(schema: Schema) {
        self.schema = schema
        types = schema.columns.map(\.type)
        isNullable = schema.columns.map(\.isNullable)
        builder = HeapTupleBuilder(layout: schema.layout)
    }

    /// Encodes the reader's current record, which must have a field for each column.
    ///
    /// - Throws: ``LoadError`` if a field's text is not a value of its column, a field is NULL but
    ///   must not be, the row's tuple cannot fit a page, or the record has the wrong number of
    ///   fields. The encoder can continue with the next record.
    public mutating func encode(_ reader: inout CSVReader) throws(LoadError) {
        let count = types.count
        guard reader.fieldCount == count else { throw wrongCount(reader) }
        builder.begin()
        var index = 0
        while index < count {
            if reader.isNull(index) {
                if !isNullable[index] { throw failure(.nullNotAllowed, index, reader) }
                builder.appendNull()
            } else {
                let reason: ValueError
                do throws(ValueError) {
                    try append(types[index], reader.bytes(index))
                    index &+= 1
                    continue
                } catch {
                    reason = error
                }
                throw failure(.value(reason), index, reader)
            }
            index &+= 1
        }
        if builder.byteCount > PageLayout.maximumTupleSize { throw tooLarge(reader) }
    }

    @inline(__always)
    private mutating func append(
        _ type: ColumnType, _ text: Span<UInt8>
    ) throws(ValueError) {
        switch type {
        case .text:
            builder.appendVariable(text.raw)
        case .integer:
            builder.append(try IntegerText.parse(text, as: .integer, Int32.self))
        case .bigint:
            builder.append(try IntegerText.parse(text, as: .bigint, Int64.self))
        case .smallint:
            builder.append(try IntegerText.parse(text, as: .smallint, Int16.self))
        case .doublePrecision:
            builder.append(try FloatingPointText.parseDouble(text))
        case .real:
            builder.append(try FloatingPointText.parseReal(text))
        case .boolean:
            builder.append(try BooleanText.parse(text))
        case .date:
            builder.append(try DateText.parse(text))
        case .timestamp:
            builder.append(try TimestampText.parse(text))
        case .uuid:
            datum.removeAll()
            try UUIDText.parse(text, into: &datum)
            builder.appendFixed(unsafe datum.rawBuffer.bytes)
        case .bytea:
            datum.removeAll()
            try ByteaText.parse(text, into: &datum)
            builder.appendVariable(unsafe datum.rawBuffer.bytes)
        case .numeric:
            datum.removeAll()
            try NumericText.parse(text, into: &datum)
            builder.appendVariable(unsafe datum.rawBuffer.bytes)
        }
    }

    @inline(never)
    private func failure(
        _ reason: LoadError.Reason, _ index: Int, _ reader: borrowing CSVReader
    ) -> LoadError {
        var error = reader.failure(reason, field: index)
        if index < schema.columns.count { error.column = schema.columns[index].name }
        return error
    }

    @inline(never)
    private func wrongCount(_ reader: borrowing CSVReader) -> LoadError {
        let found = reader.fieldCount
        let expected = types.count
        return found < expected
            ? failure(.missingFields(expected: expected, found: found), found, reader)
            : failure(.extraFields(expected: expected, found: found), expected, reader)
    }

    @inline(never)
    private func tooLarge(_ reader: borrowing CSVReader) -> LoadError {
        var longest = 0
        for index in 1..<max(reader.fieldCount, 1)
        where reader.field(index).length > reader.field(longest).length {
            longest = index
        }
        return failure(
            .rowTooLarge(size: builder.byteCount, limit: PageLayout.maximumTupleSize), longest,
            reader)
    }
}
