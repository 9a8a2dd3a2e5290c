public import RowSchema

/// UUIDs between text and their 16 bytes. Mirrors PostgreSQL's `uuid_in` and `uuid_out`.
public enum UUIDText {
    /// Appends the 16 bytes of a UUID with its four hyphens, in the letter case of a spelling.
    ///
    /// - Throws: ``ValueError`` if the text is not a UUID, or has another spelling.
    public static func parse(
        _ text: Span<UInt8>, spelled spelling: Spelling, into datum: inout ByteOutput
    ) throws(ValueError) {
        try parse(text, into: &datum)
        let hyphen = UInt8(ascii: "-")
        guard text.count == 36, text[8] == hyphen, text[13] == hyphen, text[18] == hyphen,
            text[23] == hyphen
        else { throw ValueError(.uuid, .otherSpelling) }
        // Letters have bit 6, and those in lower case bit 5 too.
        var upper: UInt8 = 0
        var lower: UInt8 = 0
        for index in 0..<36 {
            let byte = text[index]
            upper |= byte & ~(byte &<< 1)
            lower |= byte & byte &<< 1
        }
        if (spelling == .uppercase ? lower : upper) & 0x40 != 0 {
            throw ValueError(.uuid, .otherSpelling)
        }
    }

    /// Appends the 16 bytes of 32 hexadecimal digits. Hyphens may follow any four digits, and
    /// braces may surround all.
    public static func parse(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        var index = 0
        var end = text.count
        if end > 0 && text[0] == UInt8(ascii: "{") {
            guard text[end - 1] == UInt8(ascii: "}") else {
                throw ValueError(.uuid, .invalidSyntax)
            }
            index = 1
            end -= 1
        }
        for position in 0..<16 {
            guard index + 1 < end, let high = TextScan.hexDigit(text[index]),
                let low = TextScan.hexDigit(text[index + 1])
            else { throw ValueError(.uuid, .invalidSyntax) }
            datum.append(high << 4 | low)
            index += 2
            if position & 1 == 1 && position < 15 && index < end
                && text[index] == UInt8(ascii: "-")
            {
                index += 1
            }
        }
        guard index == end else { throw ValueError(.uuid, .invalidSyntax) }
    }

    /// Appends the digits of 16 bytes, with hyphens after the 8th, 12th, 16th and 20th, in lower
    /// case unless the spelling is `Spelling.uppercase`.
    public static func write(
        _ bytes: Span<UInt8>, spelled spelling: Spelling = .standard, to output: inout ByteOutput
    ) {
        let start = output.count
        for index in 0..<bytes.count {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                output.append(UInt8(ascii: "-"))
            }
            ByteaText.writeHex(bytes[index], to: &output)
        }
        if spelling != .uppercase { return }
        for index in start..<output.count {
            let byte = output.span[index]
            if byte >= UInt8(ascii: "a") { output.set(index, to: byte & ~0x20) }
        }
    }
}
