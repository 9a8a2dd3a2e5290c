public import PageFormat
public import RowSchema
package import ToastFormat
public import ValueText

/// Writes heap tuples as text, row by row, into a buffer that the caller empties.
///
/// The CSV is what PostgreSQL's `COPY … TO … (FORMAT csv)` writes, but the values of a column with
/// a spelling are written in it. Lines end in LF. A value is quoted only if it contains the
/// delimiter's first character, a quote or a line break, or equals a text for NULL, so NULL is
/// empty and an empty string is `""`. Unlike COPY, a value that begins with U+FEFF is quoted too,
/// since at the start of a file it would read as a byte order mark.
///
/// JSON lines are one object per row, with numbers and booleans bare, NULL as `null`, and
/// everything else as strings, including numbers that are not finite. A column that is selected
/// twice has a number behind its second key.
///
/// Owned by one thread at a time. Allocates nothing per row.
public struct RowWriter: ~Copyable {
    /// The output format.
    public enum Format: Sendable, Hashable {
        /// Comma-separated values.
        case csv
        /// One JSON object per line.
        case jsonLines
    }

    let format: Format
    let options: CSVOptions
    private let delimiter: [UInt8]
    /// The text for NULL.
    private let null: [UInt8]
    /// The texts that mean NULL.
    private let nulls: [[UInt8]]
    let forms: [FieldForm]
    let names: [String]
    /// The columns to write, in order.
    let selection: [Int]
    /// The texts before the selected values in JSON, one after the other, and where each ends: an
    /// array for each would be retained for each value.
    private let keys: [UInt8]
    private let keyEnds: [Int]
    private var decoder: RowDecoder

    /// Makes a writer of the columns at the positions `selection`; nil for all columns.
    public init(
        schema: Schema, selection: [Int]? = nil, format: Format = .csv,
        options: CSVOptions = CSVOptions()
    ) {
        let selection = selection ?? Array(schema.columns.indices)
        precondition(selection.allSatisfy(schema.columns.indices.contains))
        self.selection = selection
        self.format = format
        self.options = options
        delimiter = Array(options.delimiter.utf8)
        nulls = options.nulls.map { Array($0.utf8) }
        null = nulls.first ?? []
        forms = schema.columns.map(FieldForm.init)
        names = schema.columns.map(\.name)
        var keys = ByteOutput(capacity: 80)
        var keyEnds: [Int] = []
        let keyNames = JSONKeys.unique(selection.map { schema.columns[$0].name })
        for (position, name) in keyNames.enumerated() {
            keys.append(position == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            let start = keys.count
            keys.append(string: name)
            JSONStrings.quote(&keys, from: start)
            keys.append(UInt8(ascii: ":"))
            keyEnds.append(keys.count)
        }
        self.keys = keys.bytes
        self.keyEnds = keyEnds
        decoder = RowDecoder(schema: schema)
    }

    /// Appends the line of column names, if the format has one.
    public func writeHeader(to output: inout ByteOutput) {
        guard format == .csv, options.hasHeader else { return }
        for (position, column) in selection.enumerated() {
            if position > 0 { for byte in delimiter { output.append(byte) } }
            let start = output.count
            output.append(string: names[column])
            quoteIfNeeded(&output, from: start)
        }
        output.append(CSVSyntax.lineFeed)
    }

    /// Appends a row.
    ///
    /// - Throws: ``RowError`` if the tuple is damaged; nothing is appended then.
    public mutating func write(
        _ tuple: HeapTupleView, to output: inout ByteOutput
    ) throws(RowError) {
        let start = output.count
        do throws(RowError) {
            try decoder.decode(tuple)
            switch format {
            case .csv: try writeCSV(tuple, to: &output)
            case .jsonLines: try writeJSON(tuple, to: &output)
            }
        } catch {
            output.truncate(to: start)
            throw error
        }
    }

    /// Appends a row that may hold values compressed or out of line.
    ///
    /// - Throws: ``RowError`` if the tuple is damaged or a value is lost; nothing is appended then.
    package mutating func write(
        _ tuple: HeapTupleView, from values: inout some ExternalValues, to output: inout ByteOutput
    ) throws(RowError) {
        let start = output.count
        do throws(RowError) {
            try decoder.decode(tuple, from: &values, of: selection)
            switch format {
            case .csv: try writeCSV(tuple, to: &output)
            case .jsonLines: try writeJSON(tuple, to: &output)
            }
            decoder.forgetExpanded()
        } catch {
            output.truncate(to: start)
            throw error
        }
    }

    private func writeCSV(
        _ tuple: HeapTupleView, to output: inout ByteOutput
    ) throws(RowError) {
        for position in selection.indices {
            if position > 0 { for byte in delimiter { output.append(byte) } }
            let column = selection[position]
            if decoder.isNull(column) {
                for byte in null { output.append(byte) }
                continue
            }
            let start = output.count
            try decoder.write(column, of: tuple, to: &output)
            quoteIfNeeded(&output, from: start)
        }
        output.append(CSVSyntax.lineFeed)
    }

    private func writeJSON(
        _ tuple: HeapTupleView, to output: inout ByteOutput
    ) throws(RowError) {
        if selection.isEmpty { output.append(UInt8(ascii: "{")) }
        var keyStart = 0
        for position in selection.indices {
            output.append(keys.span.extracting(keyStart..<keyEnds[position]))
            keyStart = keyEnds[position]
            let column = selection[position]
            if decoder.isNull(column) {
                output.append("null")
                continue
            }
            let start = output.count
            try decoder.write(column, of: tuple, to: &output)
            switch forms[column].type {
            case .smallint, .integer, .bigint:
                break
            case .real, .doublePrecision, .numeric:
                // A finite number ends in a digit, the others do not.
                let last = output.span[output.count - 1]
                if !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last) {
                    JSONStrings.quote(&output, from: start)
                }
            case .boolean:
                let isTrue = try? BooleanText.parse(
                    output.span.extracting(start..<output.count), spelled: forms[column].spelling)
                output.truncate(to: start)
                output.append(isTrue == true ? "true" : "false")
            case .json, .jsonb:
                // A line break can only stand between tokens, and would end the row's line.
                output.joinLines(from: start)
            case .text, .varchar, .char, .interval, .date, .time, .timestamp, .timestampTZ, .uuid,
                .bytea, .array:
                JSONStrings.quote(&output, from: start)
            }
        }
        output.append("}\n")
    }

    /// Quotes the value at the end of `output` from `start` on, if it would not read back unchanged
    /// without quotes.
    @inline(__always)
    private func quoteIfNeeded(_ output: inout ByteOutput, from start: Int) {
        if needsQuotes(output.span, from: start) {
            output.quote(from: start, with: CSVSyntax.quote)
        }
    }

    /// Mirrors the rules of PostgreSQL's `CopyAttributeOutCSV`.
    @inline(__always)
    private func needsQuotes(_ bytes: Span<UInt8>, from start: Int) -> Bool {
        let first = delimiter[0]
        var index = start
        while true {
            // Few values have other control characters.
            index = ByteSearch.first(
                in: bytes, from: index, below: CSVSyntax.carriageReturn + 1,
                or: CSVSyntax.quote, or: first)
            if index == bytes.count { break }
            let byte = bytes[index]
            if byte == first || byte == CSVSyntax.quote || byte == CSVSyntax.lineFeed
                || byte == CSVSyntax.carriageReturn
            {
                return true
            }
            index &+= 1
        }
        let length = bytes.count - start
        for null in nulls where length == null.count {
            var position = 0
            while position < length && bytes[start + position] == null[position] { position += 1 }
            if position == length { return true }
        }
        if length >= 3 && bytes[start] == 0xEF && bytes[start + 1] == 0xBB
            && bytes[start + 2] == 0xBF
        {
            return true
        }
        // Alone on its line, this ended the input of older servers.
        return selection.count == 1 && length == 2 && bytes[start] == UInt8(ascii: "\\")
            && bytes[start + 1] == UInt8(ascii: ".")
    }
}
