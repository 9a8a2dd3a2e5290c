package import RowSchema

/// Texts of limited length: `varchar(n)` and `char(n)`. Mirrors PostgreSQL's `varcharin`,
/// `bpcharin` and their length coercions.
package enum CharacterText {
    /// The text as stored: at most `limit` characters, of which only blanks may be cut off.
    ///
    /// - Returns: how many bytes of the text to store.
    /// - Throws: ``ValueError/Reason/tooLong(limit:)`` if other characters would be lost.
    package static func length(
        of text: Span<UInt8>, limit: Int, as type: ColumnType
    ) throws(ValueError) -> Int {
        // A character has at least a byte.
        if text.count <= limit { return text.count }
        let end = offset(after: limit, in: text)
        for index in end..<text.count where text[index] != UInt8(ascii: " ") {
            throw ValueError(type, .tooLong(limit: limit))
        }
        return end
    }

    /// Appends a `char(n)`: the text with blanks up to `length` characters.
    package static func pad(
        _ text: Span<UInt8>, to length: Int, into datum: inout ByteOutput
    ) throws(ValueError) {
        let end = try Self.length(of: text, limit: length, as: .char)
        datum.append(text.extracting(0..<end))
        var characters = 0
        for index in 0..<end where !isContinuation(text[index]) { characters += 1 }
        while characters < length {
            datum.append(UInt8(ascii: " "))
            characters += 1
        }
    }

    /// The offset behind the first `count` characters, or the end.
    private static func offset(after count: Int, in text: Span<UInt8>) -> Int {
        var characters = 0
        for index in 0..<text.count where !isContinuation(text[index]) {
            if characters == count { return index }
            characters += 1
        }
        return text.count
    }

    /// Whether a byte continues a character of UTF-8.
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
