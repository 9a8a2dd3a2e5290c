internal import RowSchema

/// `jsonb` as text. Mirrors `jsonb_out`.
package enum JSONText {
    /// Writes the value in `value`, the bytes after its length word.
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        var reader = JSONBReader()
        let start = output.count
        while let token = try next(&reader, value) {
            try output.checkSize(from: start)
            output.append(reader.separator)
            switch token {
            case .key(let range), .string(let range):
                escape(value.extracting(range), to: &output)
            case .number(let range):
                try NumericText.write(value.extracting(range), to: &output)
            default: output.append(token.literal)
            }
        }
    }

    private static func next(
        _ reader: inout JSONBReader, _ value: RawSpan
    ) throws(ValueFault) -> JSONBReader.Token? {
        do throws(JSONBReader.Fault) {
            return try reader.next(value)
        } catch {
            throw .malformed("a jsonb value is damaged: \(error.reason)")
        }
    }

    /// Writes a JSON string. Mirrors `escape_json`.
    package static func escape(_ text: RawSpan, to output: inout TextOutput) {
        output.append("\"" as Unicode.Scalar)
        escapeContents(text, to: &output)
        output.append("\"" as Unicode.Scalar)
    }

    /// Writes what is between the marks of a JSON string, or a part of that.
    package static func escapeContents(_ text: RawSpan, to output: inout TextOutput) {
        let mayNeedEscapes = text.contains { word in
            word.marks(below: 32) | word.marks(of: UInt8(ascii: "\""))
                | word.marks(of: UInt8(ascii: "\\")) != 0
        } whereByte: { byte in
            byte < 32 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
        }
        guard mayNeedEscapes else { return output.append(text) }
        text.forEachByte { byte in
            switch byte {
            case 8: output.append("\\b")
            case 12: output.append("\\f")
            case 10: output.append("\\n")
            case 13: output.append("\\r")
            case 9: output.append("\\t")
            case UInt8(ascii: "\""): output.append("\\\"")
            case UInt8(ascii: "\\"): output.append("\\\\")
            case 0..<32:
                output.append("\\u00")
                output.append(hexadecimal: byte)
            default: output.append(byte)
            }
        }
    }
}
