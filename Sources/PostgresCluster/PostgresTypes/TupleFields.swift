/// Finds the values of a table's tuples, and writes those of the common types as CSV fields, in one
/// call per row. What runs for every value stays in this module, so that the compiler can inline
/// it. Used by one thread at a time. Mirrors `heap_deform_tuple`.
package struct TupleFields {
    /// The table's columns in order, including dropped ones.
    private let layouts: [ValueLayout]
    private var slots: [Slot]
    /// How many columns at the beginning have fixed lengths, and where they end without nulls.
    private let fixed: (count: Int, end: Int)

    /// A value's place in the tuple's data.
    package enum Slot: Sendable {
        case null
        /// The tuple is older than the column.
        case absent
        /// The stored bytes, including a length.
        case stored(Range<Int>)
    }

    /// The parts of a tuple's header that are needed to find its values.
    package struct Header {
        let storedCount: Int
        let hasNulls: Bool

        package init(storedCount: Int, hasNulls: Bool) {
            self.storedCount = storedCount
            self.hasNulls = hasNulls
        }
    }

    package init(_ layouts: [ValueLayout]) {
        self.layouts = layouts
        slots = Array(repeating: .null, count: layouts.count)
        let leading = layouts.prefix { $0.length > 0 }
        let end = leading.reduce(0) { aligned($0, $1.alignment) + $1.length }
        fixed = (leading.count, end)
    }

    /// Finds the values of a tuple up to column `last`, counted from zero.
    ///
    /// - Parameters:
    ///   - data: what follows the header, aligned to 8.
    ///   - bitmap: one bit for each stored value, set if it is not null.
    package mutating func find(
        _ data: RawSpan, _ header: Header, bitmap: RawSpan, upTo last: Int
    ) throws(ValueFault) {
        var offset = 0
        let stored = min(header.storedCount, layouts.count)
        for index in 0..<min(stored, last &+ 1) {
            if header.hasNulls,
                try bitmap.byte(index >> 3) >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0
            {
                slots[index] = .null
                continue
            }
            let extent = try layouts[index].extent(in: data, from: offset)
            slots[index] = .stored(extent)
            offset = extent.upperBound
        }
        if stored <= last {
            for index in stored..<min(last &+ 1, layouts.count) { slots[index] = .absent }
        }
    }

    /// Checks that all values of a tuple lie within it, and gathers those stored out of line.
    ///
    /// - Parameters:
    ///   - data: what follows the header, aligned to 8.
    ///   - bitmap: one bit for each stored value, set if it is not null.
    ///   - pointers: receives the places of the pointers.
    package func check(
        _ data: RawSpan, _ header: Header, bitmap: RawSpan, pointers: inout [Range<Int>]
    ) throws(ValueFault) {
        let stored = min(header.storedCount, layouts.count)
        var index = 0
        var offset = 0
        if !header.hasNulls && stored >= fixed.count {
            guard fixed.end <= data.byteCount else {
                throw .truncated(needed: fixed.end, available: data.byteCount)
            }
            (index, offset) = (fixed.count, fixed.end)
        }
        while index < stored {
            defer { index &+= 1 }
            if header.hasNulls,
                try bitmap.byte(index >> 3) >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0
            {
                continue
            }
            let layout = layouts[index]
            let extent = try layout.extent(in: data, from: offset)
            offset = extent.upperBound
            if layout.isVarlena, try data.byte(extent.lowerBound) == 1 { pointers.append(extent) }
        }
    }

    /// The position of a column's value in the tuple last searched.
    @inline(__always)
    package func slot(_ index: Int) -> Slot { slots[index] }
}

/// A CSV field that is written without examining its type's form each time.
package struct FastField: Sendable {
    /// The types that are written here.
    package enum Kind: UInt8, Sendable {
        case boolean, smallint, integer, bigint, unsigned, real, double, numeric, date, timestamp
        case timestampTZ, text, time, interval, uuid, inet, cidr, jsonb
        /// Any other type; the caller writes it.
        case other
    }

    /// The index of the tuple's attribute.
    let attribute: Int
    let kind: Kind

    /// Makes a field. A nil attribute means that the caller writes it.
    package init(_ attribute: Int?, _ form: ValueForm, isUTF8: Bool) {
        self.attribute = attribute ?? 0
        kind = attribute == nil ? .other : Self.kind(form, isUTF8)
    }

    private static func kind(_ form: ValueForm, _ isUTF8: Bool) -> Kind {
        switch form {
        case .boolean: .boolean
        case .smallint: .smallint
        case .integer: .integer
        case .bigint: .bigint
        case .unsigned: .unsigned
        case .real: .real
        case .double: .double
        case .numeric: .numeric
        case .date: .date
        case .timestamp: .timestamp
        case .timestampTZ: .timestampTZ
        case .text: isUTF8 ? .text : .other
        case .jsonb: isUTF8 ? .jsonb : .other
        case .time: .time
        case .interval: .interval
        case .uuid: .uuid
        case .inet: .inet
        case .cidr: .cidr
        default: .other
        }
    }
}

extension TupleFields {
    /// Writes fields of a CSV row, starting at one of them.
    ///
    /// - Parameters:
    ///   - index: the first field to write. On return, it is the next field that the caller must
    ///     write, or the end; everything before it was written.
    /// - Throws: the fault of the value at `index`.
    package func write(
        _ data: RawSpan, _ fields: [FastField], _ csv: CSVText, from index: inout Int,
        to output: inout TextOutput
    ) throws(ValueFault) {
        // Numbers never look like an empty null; the caller handles any other null.
        let isFast = csv.null.isEmpty || csv.null == Self.copyNull
        while index < fields.count {
            if index > 0 { output.append("," as Unicode.Scalar) }
            let field = fields[index]
            guard isFast, field.kind != .other else { return }
            switch slots[field.attribute] {
            case .null: output.append(csv.null)
            case .absent: return
            case .stored(let extent):
                guard try write(data, extent, field.kind, csv, &output) else { return }
            }
            index &+= 1
        }
    }

    private static let copyNull = Array("\\N".utf8)

    /// Writes a value. Returns false, writing nothing, if it is compressed or out of line.
    @inline(__always)
    private func write(
        _ data: RawSpan, _ extent: Range<Int>, _ kind: FastField.Kind, _ csv: CSVText,
        _ output: inout TextOutput
    ) throws(ValueFault) -> Bool {
        let start = extent.lowerBound
        switch kind {
        case .boolean:
            output.append(try data.byte(start) != 0 ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .smallint: output.append(signed: Int64(try data.load(start, as: Int16.self)))
        case .integer: output.append(signed: Int64(try data.load(start, as: Int32.self)))
        case .bigint: output.append(signed: try data.load(start, as: Int64.self))
        case .unsigned: output.append(unsigned: UInt64(try data.load(start, as: UInt32.self)))
        case .real:
            FloatText.write(Float(bitPattern: try data.load(start, as: UInt32.self)), to: &output)
        case .double: FloatText.write(try data.double(start), to: &output)
        case .date: try CalendarText.writeDate(try data.rest(start), to: &output)
        case .timestamp:
            try CalendarText.writeTimestamp(try data.rest(start), zone: false, to: &output)
        case .timestampTZ:
            try CalendarText.writeTimestamp(try data.rest(start), zone: true, to: &output)
        case .time: try CalendarText.writeTimeOfDay(try data.rest(start), zone: false, to: &output)
        case .interval: try IntervalText.write(try data.rest(start), to: &output)
        case .uuid: try UUIDText.write(try data.rest(start), to: &output)
        case .numeric, .text, .inet, .cidr, .jsonb:
            guard case .plain(let range) = try Varlena.form(of: data, extent) else { return false }
            let value = try data.part(range.lowerBound, range.count)
            switch kind {
            case .text: csv.write(value, to: &output)
            case .numeric: try NumericText.write(value, to: &output)
            case .jsonb:
                let start = output.count
                try JSONText.write(value, to: &output)
                csv.quote(&output, from: start)
            default: try NetworkText.write(value, isCIDR: kind == .cidr, to: &output)
            }
        case .other: return false
        }
        return true
    }
}
