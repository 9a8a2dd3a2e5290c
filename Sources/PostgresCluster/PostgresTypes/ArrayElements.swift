internal import ValueText

/// Writes arrays of the usual shape as CSV fields: of one dimension that begins at 1, without
/// nulls.
struct ArrayElements: Sendable {
    private enum Kind: UInt8 { case text, numeric, fixed }

    private let kind: Kind
    private let fixed: FixedKind
    private let layout: ValueLayout

    /// Texts in UTF-8.
    static let texts = ArrayElements(.text, .boolean, .varlena)

    private init(_ kind: Kind, _ fixed: FixedKind, _ layout: ValueLayout) {
        self.kind = kind
        self.fixed = fixed
        self.layout = layout
    }

    /// Returns nil if elements of that type are not written here.
    init?(_ element: ElementForm, isUTF8: Bool) {
        guard element.delimiter == UInt8(ascii: ",") else { return nil }
        if element.layout.isVarlena {
            switch element.form {
            case .text where isUTF8: self.init(.text, .boolean, element.layout)
            case .numeric: self.init(.numeric, .boolean, element.layout)
            default: return nil
            }
            return
        }
        // The texts of these have nothing that an array quotes.
        switch FixedKind(element.form) {
        case .boolean?, .smallint?, .integer?, .bigint?, .unsigned?, .real?, .double?, .uuid?:
            guard let fixed = FixedKind(element.form) else { return nil }
            self.init(.fixed, fixed, element.layout)
        default: return nil
        }
    }

    /// Writes an array, which is in `value` without its length. Returns false if it has another
    /// shape, or there is no room. Part of it may have been written then.
    func write(_ value: RawSpan, to cursor: inout TextCursor) throws(ValueFault) -> Bool {
        // Dimensions, place of the bitmap of nulls, type, number of elements, first index.
        guard try value.load(0, as: Int32.self) == 1, try value.load(4, as: Int32.self) == 0,
            try value.load(16, as: Int32.self) == 1
        else { return false }
        let count = Int(try value.load(12, as: Int32.self))
        // Each element has a byte at least.
        guard count >= 1, count <= value.byteCount, cursor.room >= 4 else { return false }
        // With a comma in it, the field is quoted. Marks within it are doubled.
        let isQuoted = count > 1
        if isQuoted { cursor.append(UInt8(ascii: "\"")) }
        cursor.append(UInt8(ascii: "{"))
        var offset = 20
        for index in 0..<count {
            if index > 0 { cursor.append(UInt8(ascii: ",")) }
            // Offsets are counted from the length word, which is not part of the span.
            let start = aligned(offset &+ 4, layout.alignment) &- 4
            offset = start &+ (try length(value, start))
            guard offset <= value.byteCount, cursor.room >= FixedKind.size,
                try writeElement(value, start..<offset, isQuoted, &cursor)
            else { return false }
        }
        cursor.append(UInt8(ascii: "}"))
        if isQuoted { cursor.append(UInt8(ascii: "\"")) }
        return true
    }

    @inline(__always)
    private func length(_ value: RawSpan, _ start: Int) throws(ValueFault) -> Int {
        layout.isVarlena ? try Varlena.storedLength(of: value, at: start) : layout.length
    }

    @inline(__always)
    private func writeElement(
        _ value: RawSpan, _ extent: Range<Int>, _ isQuoted: Bool, _ cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        if kind == .fixed {
            try fixed.write(value, at: extent.lowerBound, to: &cursor)
            return true
        }
        guard let range = try AttributeWriter.plain(value, extent) else { return false }
        if kind == .numeric {
            return try NumericText.write(
                try value.part(range.lowerBound, range.count), ifRoomIn: &cursor)
        }
        if try writePlain(value, range, &cursor) { return true }
        guard isQuoted, cursor.room >= 3 &* range.count &+ 8 else { return false }
        writeQuoted(value, range, &cursor)
        return true
    }

    /// Writes a text that needs no marks. Returns false, writing nothing, if it does.
    @inline(__always)
    private func writePlain(
        _ value: RawSpan, _ range: Range<Int>, _ cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        // Four bytes may be the word "null".
        if range.count == 0 || cursor.room < range.count { return false }
        if range.count == 4,
            ArrayText.needsQuotes(
                try value.part(range.lowerBound, 4), delimiter: UInt8(ascii: ","))
        {
            return false
        }
        let start = cursor.count
        var index = range.lowerBound
        while index < range.upperBound {
            let count = min(8, range.upperBound &- index)
            let word = value.word(at: index, count: count)
            // White space, and what the syntax of arrays uses. Other control characters are among
            // them, which would not need marks.
            let marks =
                word.marks(below: 33) | word.marks(of: UInt8(ascii: ","))
                | word.marks(of: UInt8(ascii: "\"")) | word.marks(of: UInt8(ascii: "\\"))
                | word.marks(of: UInt8(ascii: "{")) | word.marks(of: UInt8(ascii: "}"))
            if marks != 0, Self.needsMarks(word, count) {
                cursor.rewind(to: start)
                return false
            }
            cursor.append(word.bytes, count: count)
            index &+= count
        }
        return true
    }

    private static func needsMarks(_ word: ByteWord, _ count: Int) -> Bool {
        for position in 0..<count {
            switch word[position] {
            case 9...13, 32, UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\\"),
                UInt8(ascii: "{"), UInt8(ascii: "}"):
                return true
            default: break
            }
        }
        return false
    }

    /// Writes a text between marks, which the quoted field doubles.
    private func writeQuoted(
        _ value: RawSpan, _ range: Range<Int>, _ cursor: inout TextCursor
    ) {
        cursor.append("\"\"")
        var index = range.lowerBound
        while index < range.upperBound {
            let count = min(8, range.upperBound &- index)
            let word = value.word(at: index, count: count)
            for position in 0..<count {
                let byte = word[position]
                let isMark = byte == UInt8(ascii: "\"")
                if isMark || byte == UInt8(ascii: "\\") { cursor.append(UInt8(ascii: "\\")) }
                if isMark { cursor.append(byte) }
                cursor.append(byte)
            }
            index &+= count
        }
        cursor.append("\"\"")
    }
}
