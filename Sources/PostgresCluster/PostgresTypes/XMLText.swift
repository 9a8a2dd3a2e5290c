/// `xml`: its text, with only the necessary parts of its declaration. Mirrors `xml_out`.
enum XMLText {
    /// The contents of an XML declaration.
    private struct Declaration {
        var version: Range<Int>?
        var isStandalone: Bool?
        /// The start of the text after it.
        var end = 0
    }

    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        guard let declaration = try declaration(value) else { return output.append(value) }
        var start = declaration.end
        var isPlain = declaration.isStandalone == nil
        if let version = declaration.version {
            let number = try value.part(version.lowerBound, version.count)
            isPlain = isPlain && number.equals("1.0")
        }
        if isPlain {
            // Without its declaration the text would begin with an empty line.
            if start < value.byteCount, try value.byte(start) == UInt8(ascii: "\n") { start += 1 }
        } else {
            output.append("<?xml version=\"")
            if let version = declaration.version {
                output.append(try value.part(version.lowerBound, version.count))
            } else {
                output.append("1.0")
            }
            output.append("\"" as Unicode.Scalar)
            if let isStandalone = declaration.isStandalone {
                output.append(isStandalone ? " standalone=\"yes\"" : " standalone=\"no\"")
            }
            output.append("?>")
        }
        output.append(try value.rest(start))
    }

    /// The declaration at the start of the text, empty if there is none. Nil if the server could
    /// not read it either; the server then writes the text unchanged.
    private static func declaration(_ value: RawSpan) throws(ValueFault) -> Declaration? {
        var cursor = XMLCursor()
        guard try cursor.take("<?xml", value) else { return Declaration() }
        // Another instruction may begin with these letters.
        if try cursor.isNameCharacter(value) { return Declaration() }
        guard try cursor.skipSpace(value), try cursor.take("version", value) else { return nil }
        var result = Declaration()
        guard let version = try cursor.quoted(value) else { return nil }
        result.version = version
        let afterVersion = cursor.position
        if try cursor.skipSpace(value), try cursor.take("encoding", value) {
            guard try cursor.quoted(value) != nil else { return nil }
        } else {
            cursor.position = afterVersion
        }
        let afterEncoding = cursor.position
        if try cursor.skipSpace(value), try cursor.take("standalone", value) {
            guard let word = try cursor.quoted(value) else { return nil }
            let text = try value.part(word.lowerBound, word.count)
            guard text.equals("yes") || text.equals("no") else { return nil }
            result.isStandalone = text.equals("yes")
        } else {
            cursor.position = afterEncoding
        }
        _ = try cursor.skipSpace(value)
        guard try cursor.take("?>", value) else { return nil }
        result.end = cursor.position
        return result
    }
}

/// A position in an XML text.
private struct XMLCursor {
    var position = 0

    /// Moves past `word` if it is here.
    mutating func take(_ word: StaticString, _ value: RawSpan) throws(ValueFault) -> Bool {
        let length = word.utf8CodeUnitCount
        guard length <= value.byteCount - position,
            (try value.part(position, length)).equals(word)
        else { return false }
        position += length
        return true
    }

    /// Moves past white space. Returns false if there is none.
    mutating func skipSpace(_ value: RawSpan) throws(ValueFault) -> Bool {
        let start = position
        while position < value.byteCount {
            let byte = try value.byte(position)
            guard byte == 32 || byte == 9 || byte == 10 || byte == 13 else { break }
            position += 1
        }
        return position > start
    }

    /// Whether a name character is here.
    func isNameCharacter(_ value: RawSpan) throws(ValueFault) -> Bool {
        guard position < value.byteCount else { return false }
        let byte = try value.byte(position)
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
            return true
        case UInt8(ascii: "0")...UInt8(ascii: ":"), 0x80...0xFF: return true
        default:
            return byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".")
        }
    }

    /// Moves past an equals sign and a quoted text, and returns the range of the text.
    mutating func quoted(_ value: RawSpan) throws(ValueFault) -> Range<Int>? {
        _ = try skipSpace(value)
        guard try take("=", value) else { return nil }
        _ = try skipSpace(value)
        guard position < value.byteCount else { return nil }
        let mark = try value.byte(position)
        guard mark == UInt8(ascii: "\"") || mark == UInt8(ascii: "'") else { return nil }
        let start = position + 1
        var end = start
        while end < value.byteCount, try value.byte(end) != mark { end += 1 }
        guard end < value.byteCount else { return nil }
        position = end + 1
        return start..<end
    }
}
