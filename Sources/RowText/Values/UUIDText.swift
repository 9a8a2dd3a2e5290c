import RowSchema

/// UUIDs between text and their 16 bytes. Mirrors PostgreSQL's `uuid_in` and `uuid_out`.
public enum UUIDText {
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

    /// Appends the digits of 16 bytes in lower case, with hyphens after the 8th, 12th, 16th and
    /// 20th.
    public static func write(_ bytes: Span<UInt8>, to output: inout ByteOutput) {
        for index in 0..<bytes.count {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                output.append(UInt8(ascii: "-"))
            }
            ByteaText.writeHex(bytes[index], to: &output)
        }
    }
}
