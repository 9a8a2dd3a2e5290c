internal import FileAccess

/// Text that is safe to print on a terminal, whatever it contains.
enum PrintableText {
    /// A line with readable escapes, such as `\u{1B}`, instead of control characters, line breaks,
    /// and characters that reorder or hide text. Bytes of arguments that are not UTF-8 become
    /// `\xFF`.
    static func line(_ text: String) -> String {
        if text.utf8.allSatisfy(isPlain) { return text }
        if !text.unicodeScalars.contains(where: isHarmful) { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
            if !isHarmful(scalar) {
                clean.unicodeScalars.append(scalar)
            } else if let byte = PathBytes.byte(scalar) {
                clean += "\\x" + hexadecimal(UInt32(byte))
            } else {
                clean += named(scalar) ?? "\\u{\(hexadecimal(scalar.value))}"
            }
        }
        return clean
    }

    /// Whether a byte is a printable ASCII character.
    static func isPlain(_ byte: UInt8) -> Bool { 0x20...0x7E ~= byte }

    /// Whether a character is not plain text: C0, DEL and C1 controls, line and paragraph
    /// separators, direction changes, and stand-ins for invalid bytes.
    static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E: false
        case 0...0x1F, 0x7F...0x9F: true
        case 0x61C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: PathBytes.byte(scalar) != nil
        }
    }

    private static func named(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: nil
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return digits.count < 2 ? "0" + digits : digits
    }
}
