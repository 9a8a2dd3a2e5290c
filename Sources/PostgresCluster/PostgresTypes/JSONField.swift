/// Writes `jsonb` values as CSV fields: those that have quotation marks or commas in any case, and
/// few levels. The same text as ``JSONText`` makes, quoted on the way.
///
/// Every function returns false if the general way must write the value: it is damaged, deeper, or
/// there is no room. Part of it may have been written then.
enum JSONField {
    /// The deepest level.
    private static let levels = 8

    /// Writes the value in `value`, the bytes after its length word.
    static func write(_ value: RawSpan, to cursor: inout TextCursor) throws(ValueFault) -> Bool {
        let header = try value.load(0, as: UInt32.self)
        // A key has marks, and two elements have a comma between them.
        let isQuoted =
            header & flags == object && header & countMask >= 1
            || header & flags == array && header & countMask >= 2
        guard isQuoted, cursor.room >= 2 else { return false }
        cursor.append(UInt8(ascii: "\""))
        guard try writeContainer(value, 0, value.byteCount, levels, &cursor) else { return false }
        cursor.append(UInt8(ascii: "\""))
        return true
    }

    private static let countMask: UInt32 = 0x0FFF_FFFF
    private static let flags: UInt32 = 0xF000_0000
    private static let object: UInt32 = 0x2000_0000
    private static let array: UInt32 = 0x4000_0000
    /// An entry has the end of its data instead of the length.
    private static let hasEnd: UInt32 = 0x8000_0000

    /// Moves an entry's data behind that of its predecessor.
    @inline(__always)
    private static func end(_ entry: UInt32, after offset: Int) -> Int {
        let number = Int(entry & countMask)
        return entry & hasEnd != 0 ? number : offset &+ number
    }

    private static func writeContainer(
        _ value: RawSpan, _ start: Int, _ end: Int, _ levels: Int, _ cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        let header = try value.load(start, as: UInt32.self)
        let count = Int(header & countMask)
        let isObject = header & flags == object
        guard levels > 0, isObject || header & flags == array else { return false }
        let entries = start &+ 4
        let data = entries &+ 4 &* count &* (isObject ? 2 : 1)
        guard data <= end, end <= value.byteCount else { return false }
        var keyOffset = 0
        var offset = 0
        if isObject {
            // The data of the values follows that of the keys.
            for index in 0..<count {
                let entry = try value.load(entries &+ 4 &* index, as: UInt32.self)
                let next = self.end(entry, after: offset)
                guard next >= offset, data &+ next <= end else { return false }
                offset = next
            }
        }
        cursor.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        for index in 0..<count {
            if index > 0 { cursor.append(", ") }
            var place = index
            if isObject {
                let entry = try value.load(entries &+ 4 &* index, as: UInt32.self)
                let keyEnd = self.end(entry, after: keyOffset)
                guard entry & 0x7000_0000 == 0, keyEnd >= keyOffset, data &+ keyEnd <= end,
                    writeString(value, data &+ keyOffset..<data &+ keyEnd, &cursor)
                else { return false }
                cursor.append(": ")
                keyOffset = keyEnd
                place &+= count
            }
            let entry = try value.load(entries &+ 4 &* place, as: UInt32.self)
            let valueEnd = self.end(entry, after: offset)
            guard valueEnd >= offset, data &+ valueEnd <= end, cursor.room >= 16,
                try writeValue(
                    value, entry, data &+ offset..<data &+ valueEnd, levels, &cursor)
            else { return false }
            offset = valueEnd
        }
        guard cursor.room >= 4 else { return false }
        cursor.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        return true
    }

    @inline(__always)
    private static func writeValue(
        _ value: RawSpan, _ entry: UInt32, _ range: Range<Int>, _ levels: Int,
        _ cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        // Numbers and containers are aligned to four bytes.
        let start = aligned(range.lowerBound, 4)
        switch entry &>> 28 & 7 {
        case 0: return writeString(value, range, &cursor)
        case 1:
            let size = Int(try value.load(start, as: UInt32.self) &>> 2)
            guard size >= 6, start &+ size == range.upperBound else { return false }
            return try NumericText.write(
                try value.part(start &+ 4, size &- 4), ifRoomIn: &cursor)
        case 2: cursor.append("false")
        case 3: cursor.append("true")
        case 4: cursor.append("null")
        case 5:
            return try writeContainer(value, start, range.upperBound, levels &- 1, &cursor)
        default: return false
        }
        return true
    }

    /// Writes a string between marks, which the quoted field doubles.
    private static func writeString(
        _ value: RawSpan, _ range: Range<Int>, _ cursor: inout TextCursor
    ) -> Bool {
        guard cursor.room >= range.count &+ 16 else { return false }
        cursor.append("\"\"")
        var index = range.lowerBound
        while index < range.upperBound {
            let count = min(8, range.upperBound &- index)
            let word = value.word(at: index, count: count)
            let marks =
                word.marks(below: 32) | word.marks(of: UInt8(ascii: "\""))
                | word.marks(of: UInt8(ascii: "\\"))
            if marks == 0 {
                cursor.append(word.bytes, count: count)
            } else {
                // Each byte may become six.
                guard cursor.room >= 5 &* count &+ range.upperBound &- index &+ 16 else {
                    return false
                }
                for position in 0..<count { writeEscaped(word[position], &cursor) }
            }
            index &+= count
        }
        cursor.append("\"\"")
        return true
    }

    /// Writes one byte of a string, as ``JSONText`` does.
    private static func writeEscaped(_ byte: UInt8, _ cursor: inout TextCursor) {
        switch byte {
        case 8: cursor.append("\\b")
        case 12: cursor.append("\\f")
        case 10: cursor.append("\\n")
        case 13: cursor.append("\\r")
        case 9: cursor.append("\\t")
        case UInt8(ascii: "\""): cursor.append("\\\"\"")
        case UInt8(ascii: "\\"): cursor.append("\\\\")
        case 0..<32:
            cursor.append("\\u00")
            cursor.append(TextCursor.hexadecimal(UInt32(byte)), count: 2)
        default: cursor.append(byte)
        }
    }
}
