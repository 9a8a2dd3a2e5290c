/// How the values of one attribute are written: as CSV fields, or as they are stored.
struct AttributeWriter: Sendable {
    private enum Kind: UInt8 {
        /// Nothing shows the attribute.
        case skipped
        /// The caller writes it.
        case other
        case fixed, text, numeric, inet, cidr, jsonb, array
        /// Its length in four bytes, and its bytes.
        case stored
    }

    private let kind: Kind
    private let fixed: FixedKind
    private let elements: ArrayElements

    /// An attribute that nothing shows.
    static let skipped = AttributeWriter(.skipped)
    /// An attribute that the caller writes.
    static let other = AttributeWriter(.other)
    /// An attribute whose values are written as they are stored, behind their length.
    static let stored = AttributeWriter(.stored)

    private init(
        _ kind: Kind, _ fixed: FixedKind = .boolean, _ elements: ArrayElements = .texts
    ) {
        self.kind = kind
        self.fixed = fixed
        self.elements = elements
    }

    /// Text is written here only if it is in UTF-8.
    init(_ form: ValueForm, _ layout: ValueLayout, isUTF8: Bool) {
        if !layout.isVarlena {
            self = FixedKind(form).map { AttributeWriter(.fixed, $0) } ?? AttributeWriter(.other)
            return
        }
        switch form {
        case .text where isUTF8: self = AttributeWriter(.text)
        case .jsonb where isUTF8: self = AttributeWriter(.jsonb)
        case .numeric: self = AttributeWriter(.numeric)
        case .inet: self = AttributeWriter(.inet)
        case .cidr: self = AttributeWriter(.cidr)
        case .array(let element):
            let elements = ArrayElements(element, isUTF8: isUTF8)
            self = elements.map { AttributeWriter(.array, .boolean, $0) } ?? AttributeWriter(.other)
        default: self = AttributeWriter(.other)
        }
    }

    @inline(__always)
    var isSkipped: Bool { kind == .skipped }

    /// About how much text there is, apart from the bytes of texts.
    var size: Int {
        switch kind {
        case .skipped, .other: 4
        case .fixed, .inet, .cidr, .numeric: FixedKind.size + 4
        case .text, .stored: 12
        case .jsonb, .array: 2 * FixedKind.size
        }
    }

    /// Writes a value. Returns false, writing nothing, if the caller must write it: it is of
    /// another type, compressed, out of line, or there is no room for it.
    ///
    /// - Parameter isVarlena: whether its length precedes it.
    @inline(__always)
    func write(
        _ data: RawSpan, _ extent: Range<Int>, isVarlena: Bool, _ csv: CSVText,
        _ cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        switch kind {
        case .skipped, .other: return false
        case .fixed:
            guard cursor.room >= FixedKind.size else { return false }
            try fixed.write(data, at: extent.lowerBound, to: &cursor)
            return true
        case .text:
            guard let range = try Self.plain(data, extent) else { return false }
            return Self.writeText(data, range, csv, &cursor)
        case .numeric:
            guard let range = try Self.plain(data, extent) else { return false }
            return try NumericText.write(
                try data.part(range.lowerBound, range.count), ifRoomIn: &cursor)
        case .inet, .cidr:
            guard let range = try Self.plain(data, extent), cursor.room >= FixedKind.size else {
                return false
            }
            return try NetworkText.write4(
                try data.part(range.lowerBound, range.count), isCIDR: kind == .cidr, to: &cursor)
        case .jsonb, .array: return try writeCompound(data, extent, &cursor)
        case .stored:
            guard let range = isVarlena ? try Self.plain(data, extent) : extent,
                cursor.room >= range.count &+ 4
            else { return false }
            cursor.append(UInt64(range.count), count: 4)
            cursor.append(try data.part(range.lowerBound, range.count))
            return true
        }
    }

    @inline(never)
    private func writeCompound(
        _ data: RawSpan, _ extent: Range<Int>, _ cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        guard let range = try Self.plain(data, extent) else { return false }
        let value = try data.part(range.lowerBound, range.count)
        let start = cursor.count
        let isWritten: Bool
        do throws(ValueFault) {
            isWritten =
                kind == .jsonb
                ? try JSONField.write(value, to: &cursor) : try elements.write(value, to: &cursor)
        } catch {
            // The caller's attempt tells what is wrong.
            isWritten = false
        }
        if !isWritten { cursor.rewind(to: start) }
        return isWritten
    }

    /// Where the bytes of a value are; nil if it is compressed or out of line.
    @inline(__always)
    static func plain(_ data: RawSpan, _ extent: Range<Int>) throws(ValueFault) -> Range<Int>? {
        let first = try data.byte(extent.lowerBound)
        if first & 1 == 1 {
            return first == 1 ? nil : extent.lowerBound &+ 1..<extent.upperBound
        }
        return first & 3 == 0 ? extent.lowerBound &+ 4..<extent.upperBound : nil
    }
}

extension AttributeWriter {
    private static let quote = UInt8(ascii: "\"")

    /// Writes a text as a field, in one pass if nothing in it must be quoted.
    @inline(__always)
    private static func writeText(
        _ data: RawSpan, _ range: Range<Int>, _ csv: CSVText, _ cursor: inout TextCursor
    ) -> Bool {
        if csv.isReserved(data, range) { return writeQuoted(data, range, &cursor) }
        guard cursor.room >= range.count else { return false }
        let start = cursor.count
        var index = range.lowerBound
        while index < range.upperBound {
            let count = min(8, range.upperBound &- index)
            let word = data.word(at: index, count: count)
            if CSVText.hasSpecials(word) {
                cursor.rewind(to: start)
                return writeQuoted(data, range, &cursor)
            }
            cursor.append(word.bytes, count: count)
            index &+= count
        }
        return true
    }

    @inline(never)
    private static func writeQuoted(
        _ data: RawSpan, _ range: Range<Int>, _ cursor: inout TextCursor
    ) -> Bool {
        guard cursor.room >= 2 &* range.count &+ 2 else { return false }
        cursor.append(quote)
        var index = range.lowerBound
        while index < range.upperBound {
            let count = min(8, range.upperBound &- index)
            let word = data.word(at: index, count: count)
            if word.marks(of: quote) == 0 {
                cursor.append(word.bytes, count: count)
            } else {
                for position in 0..<count {
                    let byte = word[position]
                    if byte == quote { cursor.append(byte) }
                    cursor.append(byte)
                }
            }
            index &+= count
        }
        cursor.append(quote)
        return true
    }
}
