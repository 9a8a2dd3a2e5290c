internal import AsyncIO
internal import PageFormat
internal import PostgresCatalogs
internal import PostgresTypes

/// Makes the texts of a tuple's columns. What cannot be had of a value does not hinder the others.
/// Belongs to one thread.
struct RowMaking {
    let shape: RescueShape
    private let writer: ValueWriter
    private let encoding: TextEncoding
    private var slots: [Slot]
    private var text = TextOutput()
    /// Whether a value may come from a damaged page.
    private var checksValues = false

    /// A stored attribute.
    private enum Slot {
        case null
        case absent
        case stored(Range<Int>)
        case lost(String)
    }

    /// A row's texts.
    struct Fields {
        var texts: [[UInt8]?] = []
        /// The columns whose values are lost, and why.
        var lost: [(column: Int, reason: String)] = []
        /// Whether no value came from a damaged page of a TOAST relation.
        var isSure = true
    }

    init(_ shape: RescueShape, _ writer: ValueWriter, _ encoding: TextEncoding) {
        self.shape = shape
        self.writer = writer
        self.encoding = encoding
        slots = Array(repeating: .absent, count: shape.attributes.count)
    }

    /// The texts of a tuple's columns.
    ///
    /// - Parameters:
    ///   - isSure: whether the tuple's page is whole; otherwise its values are checked first.
    ///   - toast: gathers values that are stored out of line.
    /// - Throws: what `toast` throws.
    mutating func fields(
        of tuple: HeapTupleView, isSure: Bool,
        _ toast: (ToastPointer) throws(StorageError) -> GatheredValue
    ) throws(StorageError) -> Fields {
        let data = tuple.bytes.extracting(tuple.dataOffset..<tuple.bytes.byteCount)
        find(tuple, data)
        checksValues = !isSure
        var fields = Fields()
        fields.texts.reserveCapacity(shape.columns.count)
        for (index, column) in shape.columns.enumerated() {
            guard let attribute = column.attribute else {
                fields.texts.append(nil)
                continue
            }
            switch slots[attribute] {
            case .null: fields.texts.append(nil)
            case .absent:
                do throws(ValueFault) {
                    fields.texts.append(try missing(column.missing, attribute))
                } catch {
                    fields.texts.append(nil)
                    fields.lost.append((index, error.description))
                }
            case .lost(let reason):
                fields.texts.append(nil)
                fields.lost.append((index, reason))
            case .stored(let extent):
                try append(data, extent, attribute, index, &fields, toast)
            }
        }
        return fields
    }

    /// The text of a column in rows older than the column; nil for null.
    private mutating func missing(
        _ value: MissingValue, _ attribute: Int
    ) throws(ValueFault) -> [UInt8]? {
        switch value {
        case .null: nil
        case .value(let bytes): try written(unsafe bytes.span.bytes, attribute)
        case .damaged(let fault): throw fault
        }
    }

    private mutating func append(
        _ data: RawSpan, _ extent: Range<Int>, _ attribute: Int, _ column: Int,
        _ fields: inout Fields, _ toast: (ToastPointer) throws(StorageError) -> GatheredValue
    ) throws(StorageError) {
        var pointer: ToastPointer?
        do throws(ValueFault) {
            if let bytes = try inline(data, extent, attribute, &pointer) {
                return fields.texts.append(bytes)
            }
        } catch {
            fields.texts.append(nil)
            return fields.lost.append((column, error.description))
        }
        guard let pointer else { return fields.texts.append(nil) }
        switch try toast(pointer) {
        case .incomplete(let reason):
            fields.texts.append(nil)
            fields.lost.append((column, reason))
        case .complete(let bytes, let isSure):
            do throws(ValueFault) {
                checksValues = checksValues || !isSure
                fields.texts.append(try unsafe written(bytes.span.bytes, attribute))
                fields.isSure = fields.isSure && isSure
            } catch {
                fields.texts.append(nil)
                fields.lost.append((column, error.description))
            }
        }
    }

    /// The text of a value in the tuple; nil, with the pointer, if it is stored out of line.
    private mutating func inline(
        _ data: RawSpan, _ extent: Range<Int>, _ attribute: Int, _ pointer: inout ToastPointer?
    ) throws(ValueFault) -> [UInt8]? {
        guard shape.attributes[attribute].layout.isVarlena else {
            return try written(try data.part(extent.lowerBound, extent.count), attribute)
        }
        switch try Varlena.form(of: data, extent) {
        case .plain(let range):
            return try written(try data.part(range.lowerBound, range.count), attribute)
        case .compressed(let range, let compression):
            let bytes = try compression.decompress(try data.part(range.lowerBound, range.count))
            return try unsafe written(bytes.span.bytes, attribute)
        case .external(let found):
            pointer = found
            return nil
        }
    }

    private mutating func written(
        _ value: RawSpan, _ attribute: Int
    ) throws(ValueFault) -> [UInt8] {
        if checksValues,
            let fault = shape.attributes[attribute].fault(in: value, isUTF8: shape.isUTF8)
        {
            throw .malformed(fault)
        }
        text.clear()
        try writer.write(value, as: shape.attributes[attribute].form, to: &text)
        try encoding.convert(&text, from: 0)
        return text.bytes
    }

    /// Finds the values. Behind the first that is impossible, all are lost.
    private mutating func find(_ tuple: HeapTupleView, _ data: RawSpan) {
        var offset = 0
        var fault: String?
        for index in shape.attributes.indices {
            if let fault {
                slots[index] = .lost(fault)
            } else if index >= tuple.attributeCount {
                slots[index] = .absent
            } else if tuple.isNull(index) {
                slots[index] = .null
            } else {
                do throws(ValueFault) {
                    let extent = try shape.attributes[index].layout.extent(in: data, from: offset)
                    slots[index] = .stored(extent)
                    offset = extent.upperBound
                } catch {
                    slots[index] = .lost(error.description)
                    fault = "a value before it is damaged"
                }
            }
        }
    }
}
