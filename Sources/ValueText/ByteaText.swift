import RowSchema

/// Byte strings between text and memory. Mirrors PostgreSQL's `byteain` and `byteaout`.
public enum ByteaText {
    /// Appends the bytes that `text` represents: either `\x` and pairs of hexadecimal digits, with
    /// white space allowed between pairs, or the bytes themselves, with `\\` for a backslash and
    /// `\ooo` with three octal digits for any byte.
    public static func parse(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        let backslash = UInt8(ascii: "\\")
        if text.count >= 2 && text[0] == backslash && text[1] == UInt8(ascii: "x") {
            return try parseHex(text, into: &datum)
        }
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            guard byte == backslash else {
                datum.append(byte)
                continue
            }
            if index < text.count && text[index] == backslash {
                datum.append(backslash)
                index += 1
                continue
            }
            guard index + 2 < text.count else { throw ValueError(.bytea, .invalidSyntax) }
            let digits = (
                TextScan.digit(text[index]), TextScan.digit(text[index + 1]),
                TextScan.digit(text[index + 2])
            )
            guard digits.0 <= 3, digits.1 <= 7, digits.2 <= 7 else {
                throw ValueError(.bytea, .invalidSyntax)
            }
            datum.append(digits.0 << 6 | digits.1 << 3 | digits.2)
            index += 3
        }
    }

    /// Appends the bytes of a text that is written as ``write(_:to:)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not a byte string, or has another spelling.
    public static func parseExactly(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        try parse(text, into: &datum)
        let isWritten = TextScan.isWritten(text, by: { write(datum.span, to: &$0) })
        if !isWritten { throw ValueError(.bytea, .otherSpelling) }
    }

    private static func parseHex(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        var index = 2
        while index < text.count {
            let byte = text[index]
            if byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
                index += 1
                continue
            }
            guard index + 1 < text.count, let high = TextScan.hexDigit(byte),
                let low = TextScan.hexDigit(text[index + 1])
            else { throw ValueError(.bytea, .invalidSyntax) }
            datum.append(high << 4 | low)
            index += 2
        }
    }

    /// Appends `\x` and the bytes as hexadecimal digits in lower case.
    public static func write(_ bytes: Span<UInt8>, to output: inout ByteOutput) {
        output.append("\\x")
        for index in 0..<bytes.count { writeHex(bytes[index], to: &output) }
    }

    /// Appends the two digits of a byte.
    @inline(__always)
    static func writeHex(_ byte: UInt8, to output: inout ByteOutput) {
        output.append(hexDigit(byte >> 4))
        output.append(hexDigit(byte & 15))
    }

    @inline(__always)
    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ value &- 10
    }
}
