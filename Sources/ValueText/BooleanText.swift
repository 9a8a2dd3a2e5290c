public import RowSchema

/// Booleans between text and memory. Mirrors PostgreSQL's `boolin` and `boolout`.
public enum BooleanText {
    /// Reads a boolean: `true`, `false`, `yes`, `no`, `on`, `off`, an unambiguous prefix of these,
    /// `1` or `0`. Ignores letter case and surrounding white space.
    public static func parse(_ text: Span<UInt8>) throws(ValueError) -> Bool {
        if text.count == 1 {
            switch text[0] {
            case UInt8(ascii: "t"), UInt8(ascii: "1"): return true
            case UInt8(ascii: "f"), UInt8(ascii: "0"): return false
            default: break
            }
        }
        return try parseWord(text)
    }

    private static func parseWord(_ text: Span<UInt8>) throws(ValueError) -> Bool {
        let range = TextScan.trimmed(text)
        guard !range.isEmpty else { throw ValueError(.boolean, .invalidSyntax) }
        if TextScan.isPrefix(text, range, of: "true") || TextScan.isPrefix(text, range, of: "yes")
            || TextScan.matches(text, range, "on") || TextScan.matches(text, range, "1")
        {
            return true
        }
        if TextScan.isPrefix(text, range, of: "false") || TextScan.isPrefix(text, range, of: "no")
            || (range.count > 1 && TextScan.isPrefix(text, range, of: "off"))
            || TextScan.matches(text, range, "0")
        {
            return false
        }
        throw ValueError(.boolean, .invalidSyntax)
    }

    /// Reads one of the two words of a spelling.
    ///
    /// - Throws: ``ValueError`` if the text is another word.
    public static func parse(
        _ text: Span<UInt8>, spelled spelling: Spelling
    ) throws(ValueError) -> Bool {
        if spelling == .standard && text.count == 1 {
            if text[0] == UInt8(ascii: "t") { return true }
            if text[0] == UInt8(ascii: "f") { return false }
        }
        return try parseWord(text, spelling)
    }

    private static func parseWord(
        _ text: Span<UInt8>, _ spelling: Spelling
    ) throws(ValueError) -> Bool {
        let words = spelling.booleanWords
        if TextScan.equals(text, 0..<text.count, words.true) { return true }
        if TextScan.equals(text, 0..<text.count, words.false) { return false }
        _ = try parse(text)
        throw ValueError(.boolean, .otherSpelling)
    }

    /// Appends `t` or `f`, or the words of another spelling.
    public static func write(
        _ value: Bool, spelled spelling: Spelling = .standard, to output: inout ByteOutput
    ) {
        if spelling == .standard {
            return output.append(value ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        }
        let words = spelling.booleanWords
        output.append(value ? words.true : words.false)
    }
}
