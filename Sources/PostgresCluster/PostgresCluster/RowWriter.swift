internal import AsyncIO
internal import PageFormat
internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes
internal import ValueText

/// What the rows of a relation are written as.
enum RowForm: Sendable {
    case csv(null: String)
    /// As `COPY … TO STDOUT` writes it: fields separated by tabs, null as `\N`.
    case copy
    case json
    /// Nothing: rows are decoded and discarded.
    case none
    /// As a `DatumBatch` holds them.
    case batch

    init(_ format: RowTextFormat) {
        switch format {
        case .csv(let null, _): self = .csv(null: null)
        case .json: self = .json
        case .none: self = .none
        }
    }
}

/// Writes the rows of one relation. Belongs to one thread at a time.
struct RowWriter {
    let plan: RelationPlan
    let form: RowForm
    private let writer: ValueWriter
    let encoding: TextEncoding
    private let csv: CSVText
    /// Whether null is written as empty text, which no number can be mistaken for.
    private let nullIsEmpty: Bool
    var fields: TupleFields
    var toast: ToastReader
    private var scratch = TextOutput()
    /// Why text of a large value could not be delivered.
    var deliveryFailure: StorageError?
    /// The column names as JSON writes them, with the surrounding punctuation.
    private let jsonNames: [[UInt8]]
    /// The columns whose large values are written in pieces.
    let canBeLarge: [Bool]
    /// Writes the common types of CSV and of batches; nil if the columns are out of order.
    private let tupleWriter: TupleWriter?

    init(
        _ plan: RelationPlan, _ form: RowForm, _ writer: ValueWriter,
        _ encoding: TextEncoding, _ storage: DataDirectory, session: Session
    ) {
        self.plan = plan
        self.form = form
        self.writer = writer
        self.encoding = encoding
        var null = ""
        if case .csv(let text) = form { null = text }
        csv = CSVText(null: null, isSingleColumn: plan.columns.count == 1)
        nullIsEmpty = null.isEmpty
        fields = TupleFields(plan.layouts)
        toast = ToastReader(storage, plan.toast, session: session)
        tupleWriter = Self.tupleWriter(plan, form, encoding, csv)
        canBeLarge = plan.columns.map { Self.canBeLarge($0, form, encoding) }
        // A column can be named twice, or be called like one of those that are added.
        let keys = JSONKeys.unique(plan.columns.map(\.name))
        jsonNames = keys.enumerated().map { index, key in
            var text = TextOutput()
            text.append(string: index == 0 ? "{" : ",")
            JSONString.write(key, to: &text)
            text.append(string: ":")
            return text.bytes
        }
    }

    private static func tupleWriter(
        _ plan: RelationPlan, _ form: RowForm, _ encoding: TextEncoding, _ csv: CSVText
    ) -> TupleWriter? {
        let columns = plan.columns.map { column -> TupleWriter.Column? in
            guard case .attribute(let index, _) = column.source else { return nil }
            return TupleWriter.Column(
                index, column.form, isUTF8: encoding.isUTF8 || column.isBinary)
        }
        switch form {
        case .csv, .none: return TupleWriter(columns, plan.layouts, csv)
        case .batch:
            let null = [UInt8](repeating: .max, count: RowForm.lengthSize)
            return TupleWriter(ofBatch: columns, plan.layouts, null: null)
        case .copy, .json: return nil
        }
    }

    /// Appends a row.
    ///
    /// - Parameter largeText: called before and while a large value is written. It may take the
    ///   text.
    mutating func write(
        _ row: borrowing RowVersion, to output: inout TextOutput, _ largeText: LargeText
    ) throws(RowFault) {
        if tupleWriter != nil { return try writeInOnePass(row, &output, largeText) }
        let data = try find(row)
        switch form {
        case .batch:
            for index in plan.columns.indices { try writeStored(index, data, row, &output) }
        case .csv, .none:
            for index in plan.columns.indices {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try writeCSV(index, data, row, &output, largeText)
            }
            output.append(UInt8(ascii: "\n"))
        case .copy: try writeCopy(data, row, &output, largeText)
        case .json:
            if plan.columns.isEmpty { output.append(UInt8(ascii: "{")) }
            for index in plan.columns.indices {
                try writeJSON(index, data, row, &output, largeText)
            }
            output.append(string: "}\n")
        }
        if isDiscarded { output.clear() }
    }

    /// Finds the values of a row.
    @_lifetime(copy row)
    private mutating func find(_ row: borrowing RowVersion) throws(RowFault) -> RawSpan {
        do throws(ValueFault) {
            return try fields.find(row.tuple, upTo: plan.last)
        } catch {
            throw .value(column: nil, error)
        }
    }

    /// Writes fields by ``tupleWriter`` in place: a copy would be retained for each row.
    private func writeFields(
        _ row: borrowing RowVersion, from position: inout TupleWriter.Position,
        to output: inout TextOutput
    ) throws(ValueFault) {
        try tupleWriter?.write(row.tuple, from: &position, to: &output)
    }

    /// Appends a row, the common types without finding its values first.
    private mutating func writeInOnePass(
        _ row: borrowing RowVersion, _ output: inout TextOutput, _ largeText: LargeText
    ) throws(RowFault) {
        var position = TupleWriter.Position()
        var isFound = false
        while true {
            do throws(ValueFault) {
                try writeFields(row, from: &position, to: &output)
            } catch {
                // Where a value does not end, the row itself is wrong.
                _ = try find(row)
                throw .value(column: plan.columns[position.field].name, error)
            }
            if position.field == plan.columns.count { break }
            if !isFound {
                _ = try find(row)
                isFound = true
            }
            let tuple = row.tuple
            let data = tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount)
            if case .batch = form {
                try writeStored(position.field, data, row, &output)
            } else {
                try writeCSV(position.field, data, row, &output, largeText)
            }
            position.field += 1
        }
        if isDiscarded { output.clear() }
    }

    /// Whether rows are only decoded, as CSV.
    private var isDiscarded: Bool { if case .none = form { true } else { false } }

    /// Appends one field of CSV.
    private mutating func writeCSV(
        _ index: Int, _ data: RawSpan, _ row: borrowing RowVersion, _ output: inout TextOutput,
        _ largeText: LargeText
    ) throws(RowFault) {
        // While a large value is read, text may be delivered.
        if isDiscarded { output.clear() }
        let start = output.count
        if try writeLarge(index, data, row, &output, largeText) { return }
        if try !field(index, data, row, &output) {
            output.append(csv.null)
        } else if !(plan.columns[index].isPlain && nullIsEmpty) {
            csv.quote(&output, from: start)
        }
    }

    /// Appends a row as COPY's text format has it. Mirrors `CopyAttributeOutText`.
    private mutating func writeCopy(
        _ data: RawSpan, _ row: borrowing RowVersion, _ output: inout TextOutput,
        _ largeText: LargeText
    ) throws(RowFault) {
        for index in plan.columns.indices {
            if index > 0 { output.append(UInt8(ascii: "\t")) }
            if try writeLarge(index, data, row, &output, largeText) { continue }
            let start = output.count
            if try field(index, data, row, &output) {
                escape(&output, from: start)
            } else {
                output.append(string: "\\N")
            }
        }
        output.append(UInt8(ascii: "\n"))
    }

    /// Puts backslashes into what was written from `start` on, if necessary.
    private mutating func escape(_ output: inout TextOutput, from start: Int) {
        let end = output.count
        let isPlain = output.bytes[start..<end].allSatisfy { CopyText.letter($0) == nil }
        if isPlain { return }
        scratch.clear()
        unsafe CopyText.write(output.bytes.span.extracting(start..<end).bytes, to: &scratch)
        output.bytes.removeLast(end - start)
        output.append(scratch.bytes)
    }

    /// Appends a value with its length, as `DatumBatch` describes it.
    private mutating func writeStored(
        _ index: Int, _ data: RawSpan, _ row: borrowing RowVersion, _ output: inout TextOutput
    ) throws(RowFault) {
        let start = output.count
        // Replaced by the length, unless the value is null.
        for _ in 0..<RowForm.lengthSize { output.append(UInt8.max) }
        guard try field(index, data, row, &output) else { return }
        let length = output.count - start - RowForm.lengthSize
        guard length <= ValueLimits.byteCount else {
            throw .value(column: plan.columns[index].name, .tooLarge(length))
        }
        for byte in 0..<RowForm.lengthSize {
            output.bytes[start + byte] = UInt8(truncatingIfNeeded: length >> (8 * byte))
        }
    }

    private mutating func writeJSON(
        _ index: Int, _ data: RawSpan, _ row: borrowing RowVersion, _ output: inout TextOutput,
        _ largeText: LargeText
    ) throws(RowFault) {
        output.append(jsonNames[index])
        if try writeLarge(index, data, row, &output, largeText) { return }
        // Moved out, so that the field can be written while `self` changes.
        var text = scratch
        scratch = TextOutput()
        defer { scratch = text }
        text.clear()
        guard try field(index, data, row, &text) else { return output.append(string: "null") }
        let column = plan.columns[index]
        if column.isBoolean {
            output.append(string: text.bytes.first == UInt8(ascii: "t") ? "true" : "false")
        } else if column.isNumber, text.bytes.last.map({ $0 <= UInt8(ascii: "9") }) ?? false {
            output.append(text.bytes)
        } else {
            // NaN and the infinities are not numbers in JSON.
            JSONString.write(text.bytes, to: &output)
        }
    }

    /// Appends the text of a field in UTF-8. For null, appends nothing and returns false.
    @inline(__always)
    mutating func field(
        _ index: Int, _ data: RawSpan, _ row: borrowing RowVersion, _ output: inout TextOutput
    ) throws(RowFault) -> Bool {
        switch plan.columns[index].source {
        case .attribute(let attribute, let missing):
            switch fields.slot(attribute) {
            case .null: return false
            case .stored(let extent):
                if let found = try remains(index, data, extent, row, &output) { return found }
                try value(index, data, extent, &output)
                return true
            case .absent:
                switch missing {
                case .null: return false
                case .value(let bytes): try writeMissing(index, bytes, &output)
                case .damaged(let fault):
                    throw .value(column: plan.columns[index].name, fault)
                }
                return true
            }
        case .null: return false
        case .insertedBy: output.append(string: String(row.tuple.header.xmin))
        case .deletedBy: output.append(string: String(row.tuple.header.xmax))
        case .state: output.append(string: row.state.rawValue)
        }
        return true
    }

    private mutating func value(
        _ index: Int, _ data: RawSpan, _ extent: Range<Int>, _ output: inout TextOutput
    ) throws(RowFault) {
        let start = output.count
        do throws(ValueFault) {
            guard plan.columns[index].isVarlena else {
                try writer.write(
                    try data.part(extent.lowerBound, extent.count), as: plan.columns[index].form,
                    to: &output)
                return try convert(index, &output, from: start)
            }
            switch try Varlena.form(of: data, extent) {
            case .plain(let range):
                try writer.write(
                    try data.part(range.lowerBound, range.count), as: plan.columns[index].form,
                    to: &output)
                return try convert(index, &output, from: start)
            case .compressed(let range, let compression):
                let part = try data.part(range.lowerBound, range.count)
                if let prefix = textBefore(index, &output) {
                    output.bytes = try compression.decompress(part, behind: prefix)
                } else {
                    try write(index, try compression.decompress(part), &output)
                }
                return
            case .external(let pointer): return try external(index, pointer, &output)
            }
        } catch {
            throw .value(column: plan.columns[index].name, error)
        }
    }

    private mutating func external(
        _ index: Int, _ pointer: ToastPointer, _ output: inout TextOutput
    ) throws(ValueFault) {
        let bytes: [UInt8]
        do throws(StorageError) {
            if let prefix = textBefore(index, &output) {
                output.bytes = try toast.value(pointer, behind: prefix)
                return
            }
            bytes = try toast.value(pointer)
        } catch {
            throw .malformed(error.description)
        }
        try write(index, bytes, &output)
    }

    /// Takes what was written so far, if the value's bytes are its text and so can be put directly
    /// behind it. Otherwise returns nil.
    private func textBefore(_ index: Int, _ output: inout TextOutput) -> [UInt8]? {
        guard case .text = plan.columns[index].form, encoding.isUTF8 || plan.columns[index].isBinary
        else { return nil }
        var taken: [UInt8] = []
        swap(&taken, &output.bytes)
        return taken
    }

    func write(
        _ index: Int, _ bytes: [UInt8], _ output: inout TextOutput
    ) throws(ValueFault) {
        let start = output.count
        unsafe try writer.write(bytes.span.bytes, as: plan.columns[index].form, to: &output)
        try convert(index, &output, from: start)
    }

    /// Turns text in the database's encoding into UTF-8.
    @inline(__always)
    private func convert(
        _ index: Int, _ output: inout TextOutput, from start: Int
    ) throws(ValueFault) {
        if plan.columns[index].isBinary { return }
        try encoding.convert(&output, from: start)
    }

    private func writeMissing(
        _ index: Int, _ bytes: [UInt8], _ output: inout TextOutput
    ) throws(RowFault) {
        do throws(ValueFault) {
            try write(index, bytes, &output)
        } catch {
            throw .value(column: plan.columns[index].name, error)
        }
    }
}

/// Why a row cannot be written.
enum RowFault: Error {
    /// A value, or the row if no column is named, is malformed.
    case value(column: String?, ValueFault)
    /// Text could not be delivered.
    case delivery(StorageError)

    var reason: String {
        switch self {
        case .value(nil, let fault): "a row cannot be taken apart: \(fault)"
        case .value(let column?, let fault): "column \(column): \(fault)"
        case .delivery(let error): error.description
        }
    }
}
