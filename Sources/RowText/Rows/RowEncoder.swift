public import PageFormat
public import RowSchema
internal import ValueText

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

    private let forms: [FieldForm]
    /// What limits or rounds the values of each column.
    private let modifiers: [TypeModifier?]
    private let isNullable: [Bool]
    /// The text of a value that gets another type.
    private var text = ByteOutput(capacity: 256)
    /// The datum of a value whose datum differs from its text.
    private var datum = ByteOutput(capacity: 256)
    /// Makes rows fit that are larger than a page.
    var shrinker: RowShrinker
    let movesValues: Bool

    /// Makes an encoder for rows of `schema`, each of which must fit a page.
    public init(schema: Schema) {
        self.init(schema: schema, movesValues: false)
    }

    /// Makes an encoder.
    ///
    /// - Parameters:
    ///   - schema: the columns.
    ///   - movesValues: whether values of a row that does not fit a page are compressed, or left to
    ///     be stored elsewhere (``movedCount``).
    package init(schema: Schema, movesValues: Bool) {
        self.schema = schema
        self.movesValues = movesValues
        shrinker = RowShrinker(layout: schema.layout)
        forms = schema.columns.map(FieldForm.init)
        modifiers = schema.columns.map(\.modifier)
        isNullable = schema.columns.map(\.isNullable)
        builder = HeapTupleBuilder(layout: schema.layout)
    }

    /// Encodes the reader's current record, which must have a field for each column.
    ///
    /// - Throws: ``LoadError`` if a field's text is not a value of its column, a field is NULL but
    ///   must not be, the row's tuple cannot fit a page, or the record has the wrong number of
    ///   fields. The encoder can continue with the next record.
    public mutating func encode(_ reader: inout CSVReader) throws(LoadError) {
        try encodeFields(&reader)
        if builder.byteCount > PageLayout.maximumTupleSize {
            let fits = try fit { (encoder) throws(LoadError) in try encoder.encodeFields(&reader) }
            if !fits { throw tooLarge(reader) }
        }
    }

    private mutating func encodeFields(_ reader: inout CSVReader) throws(LoadError) {
        let count = forms.count
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
                    try append(index, reader.bytes(index))
                    index &+= 1
                    continue
                } catch {
                    reason = error
                }
                throw failure(.value(reason), index, reader)
            }
            index &+= 1
        }
    }

    /// Encodes a tuple of another schema's decoder again, of which some columns have another type
    /// here. Their texts stay the same; the values of the others are copied as they are stored.
    ///
    /// - Parameters:
    ///   - tuple: the tuple that `decoder` has decoded last.
    ///   - decoder: a decoder of as many columns.
    ///   - changed: for each column, whether its type is another one here.
    /// - Returns: nil, or the first column whose text does not come back from its new type.
    /// - Throws: ``RowError`` if the tuple is damaged.
    public mutating func encode(
        _ tuple: HeapTupleView, of decoder: borrowing RowDecoder, changed: [Bool]
    ) throws(RowError) -> Int? {
        if let column = try encodeValues(tuple, decoder, changed) { return column }
        if builder.byteCount > PageLayout.maximumTupleSize {
            // A row that does not fit stays as large as it is.
            _ = try fit { (encoder) throws(RowError) in
                _ = try encoder.encodeValues(tuple, decoder, changed)
            }
        }
        return nil
    }

    private mutating func encodeValues(
        _ tuple: HeapTupleView, _ decoder: borrowing RowDecoder, _ changed: [Bool]
    ) throws(RowError) -> Int? {
        builder.begin()
        for index in forms.indices {
            guard let bytes = decoder.value(index, of: tuple) else {
                builder.appendNull()
                continue
            }
            if !changed[index] {
                if builder.layout[index].isVariable {
                    builder.append(bytes, storedAs: decoder.form(index))
                } else {
                    builder.appendFixed(bytes)
                }
                continue
            }
            text.removeAll()
            try decoder.write(index, of: tuple, to: &text)
            do throws(ValueError) {
                // The bytes stay where they are while the value is appended.
                let start = unsafe text.start
                let span = unsafe Span(_unsafeStart: start, count: text.count)
                try append(index, span)
            } catch {
                return index
            }
        }
        return nil
    }

    @inline(__always)
    mutating func append(
        _ column: Int, _ text: Span<UInt8>
    ) throws(ValueError) {
        let form = forms[column]
        if !form.isExact { return try appendLeniently(column, text) }
        let type = form.type
        switch type {
        case .text: builder.appendVariable(text.raw)
        case .smallint: builder.append(try IntegerText.parseExactly(text, as: type, Int16.self))
        case .integer: builder.append(try IntegerText.parseExactly(text, as: type, Int32.self))
        case .bigint: builder.append(try IntegerText.parseExactly(text, as: type, Int64.self))
        case .real: builder.append(try FloatingPointText.parseRealExactly(text))
        case .doublePrecision: builder.append(try FloatingPointText.parseExactly(text))
        case .boolean: builder.append(try BooleanText.parse(text, spelled: form.spelling))
        case .date: builder.append(try DateText.parseExactly(text))
        case .time: builder.append(try TimeText.parseExactly(text))
        case .timestamp, .timestampTZ:
            builder.append(
                try TimestampText.parse(
                    text, spelled: form.spelling, hasZone: type == .timestampTZ))
        case .uuid:
            datum.removeAll()
            try UUIDText.parse(text, spelled: form.spelling, into: &datum)
            builder.appendFixed(unsafe datum.rawBuffer.bytes)
        case .bytea:
            datum.removeAll()
            try ByteaText.parseExactly(text, into: &datum)
            builder.appendVariable(unsafe datum.rawBuffer.bytes)
        case .numeric:
            datum.removeAll()
            try NumericText.parseExactly(text, into: &datum)
            builder.appendVariable(unsafe datum.rawBuffer.bytes)
        case .interval, .varchar, .char, .json, .jsonb, .array:
            // They are not inferred, so a schema gives them no spelling.
            try appendLeniently(column, text)
        }
    }

    @inline(__always)
    private mutating func appendLeniently(
        _ column: Int, _ text: Span<UInt8>
    ) throws(ValueError) {
        switch forms[column].type {
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
            builder.append(try LenientTimes.date(text))
        case .timestamp:
            builder.append(
                DatumText.rounded(try LenientTimes.timestamp(text), modifiers[column]))
        case .timestampTZ:
            builder.append(
                DatumText.rounded(try LenientTimes.timestampTZ(text), modifiers[column]))
        case .time:
            builder.append(DatumText.rounded(try LenientTimes.time(text), modifiers[column]))
        case .varchar:
            let length = try DatumText.length(of: text, modifiers[column])
            builder.appendVariable(text.extracting(0..<length).raw)
        case .json:
            try JSONSyntax.check(text, as: .json)
            builder.appendVariable(text.raw)
        case .interval, .uuid:
            try makeDatum(column, text)
            builder.appendFixed(unsafe datum.rawBuffer.bytes)
        case .char, .jsonb, .bytea, .numeric, .array:
            try makeDatum(column, text)
            builder.appendVariable(unsafe datum.rawBuffer.bytes)
        }
    }

    /// Makes the datum of a value that differs from its text.
    @inline(__always)
    private mutating func makeDatum(_ column: Int, _ text: Span<UInt8>) throws(ValueError) {
        datum.removeAll()
        try DatumText.append(text, as: forms[column].type, modifiers[column], to: &datum)
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
        let expected = forms.count
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
