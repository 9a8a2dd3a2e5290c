package import RowSchema

/// The syntax of JSON (RFC 8259) as PostgreSQL's `json_in` accepts it.
///
/// Nesting is kept in a list of bits, not on the stack, so no depth overflows the stack.
package struct JSONSyntax {
    /// What the scanner meets.
    enum Token {
        case beginObject, endObject, beginArray, endArray
        /// A string without its quotes, and whether it is a member's key.
        case string(Range<Int>, hasEscapes: Bool, isKey: Bool)
        case number(Range<Int>)
        case boolean(Bool)
        case null
    }

    private var index = 0
    /// The open containers, the innermost last: true for an object.
    private var containers: [Bool] = []
    private var expected = Expected.value
    private let type: ColumnType

    private enum Expected {
        /// A value.
        case value
        /// A value, or the end of an array that has none.
        case valueOrEnd
        /// A key, or the end of an object that has none.
        case keyOrEnd
        case key
        /// A comma, or the end of the container.
        case commaOrEnd
        /// Nothing but white space.
        case end
    }

    /// Begins a text. Errors are those of `type`.
    init(_ type: ColumnType) { self.type = type }

    /// Checks a whole text.
    ///
    /// - Throws: ``ValueError`` if it is not JSON.
    package static func check(_ text: Span<UInt8>, as type: ColumnType) throws(ValueError) {
        var syntax = JSONSyntax(type)
        while try syntax.next(text) != nil {}
    }

    private var failure: ValueError { ValueError(type, .invalidSyntax) }

    /// The next token; nil at the end of a text that is JSON.
    mutating func next(_ text: Span<UInt8>) throws(ValueError) -> Token? {
        while true {
            skipSpace(text)
            guard index < text.count else {
                if expected == .end { return nil }
                throw failure
            }
            let byte = text[index]
            switch expected {
            case .end: throw failure
            case .commaOrEnd where byte == UInt8(ascii: ","):
                index += 1
                expected = containers.last == true ? .key : .value
            case .commaOrEnd: return try end(byte)
            case .keyOrEnd where byte == UInt8(ascii: "}"): return try end(byte)
            case .key, .keyOrEnd: return try key(text)
            case .valueOrEnd where byte == UInt8(ascii: "]"): return try end(byte)
            case .value, .valueOrEnd: return try value(text, byte)
            }
        }
    }

    private mutating func skipSpace(_ text: Span<UInt8>) {
        while index < text.count {
            switch text[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func end(_ byte: UInt8) throws(ValueError) -> Token {
        guard let isObject = containers.popLast(),
            byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        else { throw failure }
        index += 1
        expected = containers.isEmpty ? .end : .commaOrEnd
        return isObject ? .endObject : .endArray
    }

    private mutating func key(_ text: Span<UInt8>) throws(ValueError) -> Token {
        guard text[index] == UInt8(ascii: "\"") else { throw failure }
        let (range, hasEscapes) = try string(text)
        skipSpace(text)
        guard index < text.count, text[index] == UInt8(ascii: ":") else { throw failure }
        index += 1
        expected = .value
        return .string(range, hasEscapes: hasEscapes, isKey: true)
    }

    private mutating func value(_ text: Span<UInt8>, _ byte: UInt8) throws(ValueError) -> Token {
        switch byte {
        case UInt8(ascii: "{"):
            index += 1
            containers.append(true)
            expected = .keyOrEnd
            return .beginObject
        case UInt8(ascii: "["):
            index += 1
            containers.append(false)
            expected = .valueOrEnd
            return .beginArray
        default: break
        }
        expected = containers.isEmpty ? .end : .commaOrEnd
        switch byte {
        case UInt8(ascii: "\""):
            let (range, hasEscapes) = try string(text)
            return .string(range, hasEscapes: hasEscapes, isKey: false)
        case UInt8(ascii: "t"): return try word(text, "true", .boolean(true))
        case UInt8(ascii: "f"): return try word(text, "false", .boolean(false))
        case UInt8(ascii: "n"): return try word(text, "null", .null)
        default: return .number(try number(text))
        }
    }

    private mutating func word(
        _ text: Span<UInt8>, _ word: StaticString, _ token: Token
    ) throws(ValueError) -> Token {
        let range = index..<index + word.utf8CodeUnitCount
        guard range.upperBound <= text.count, TextScan.equals(text, range, word) else {
            throw failure
        }
        index = range.upperBound
        return token
    }

    private mutating func number(_ text: Span<UInt8>) throws(ValueError) -> Range<Int> {
        let start = index
        if text[index] == UInt8(ascii: "-") { index += 1 }
        let whole = index
        try digits(text)
        if text[whole] == UInt8(ascii: "0") && index > whole + 1 { throw failure }
        if index < text.count && text[index] == UInt8(ascii: ".") {
            index += 1
            try digits(text)
        }
        if index < text.count && text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < text.count
                && (text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-"))
            {
                index += 1
            }
            try digits(text)
        }
        return start..<index
    }

    private mutating func digits(_ text: Span<UInt8>) throws(ValueError) {
        let start = index
        while index < text.count && TextScan.digit(text[index]) <= 9 { index += 1 }
        if index == start { throw failure }
    }

    /// Moves past a string. Returns the range between its quotes.
    private mutating func string(
        _ text: Span<UInt8>
    ) throws(ValueError) -> (Range<Int>, hasEscapes: Bool) {
        index += 1
        let start = index
        var hasEscapes = false
        while index < text.count {
            let byte = text[index]
            index += 1
            if byte == UInt8(ascii: "\"") { return (start..<index - 1, hasEscapes) }
            if byte < 0x20 { throw failure }
            guard byte == UInt8(ascii: "\\") else { continue }
            hasEscapes = true
            guard index < text.count else { throw failure }
            let escaped = text[index]
            index += 1
            switch escaped {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
                UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                break
            case UInt8(ascii: "u"):
                guard index + 4 <= text.count else { throw failure }
                for offset in 0..<4 where TextScan.hexDigit(text[index + offset]) == nil {
                    throw failure
                }
                index += 4
            default: throw failure
            }
        }
        throw failure
    }
}
