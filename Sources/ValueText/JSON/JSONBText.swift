import RowSchema

/// `jsonb` as text. Mirrors PostgreSQL's `jsonb_out`.
package enum JSONBText {
    /// Appends the text of a value.
    ///
    /// - Throws: ``ValueError`` with ``ValueError/Reason/damaged`` if the bytes are no value.
    package static func write(
        _ bytes: RawSpan, to output: inout ByteOutput
    ) throws(ValueError) {
        var reader = JSONBReader()
        // Whether a comma must precede the next key or element.
        var needsComma = false
        while true {
            let token: JSONBReader.Token?
            do throws(JSONBReader.Fault) { token = try reader.next(bytes) } catch {
                throw ValueError(.jsonb, .damaged)
            }
            guard let token else { return }
            switch token {
            case .endObject: output.append(UInt8(ascii: "}"))
            case .endArray: output.append(UInt8(ascii: "]"))
            default: if needsComma { output.append(", ") }
            }
            needsComma = true
            switch token {
            case .endObject, .endArray: break
            case .beginObject:
                output.append(UInt8(ascii: "{"))
                needsComma = false
            case .beginArray:
                output.append(UInt8(ascii: "["))
                needsComma = false
            case .key(let range):
                quote(bytes.extracting(range), to: &output)
                output.append(": ")
                needsComma = false
            case .string(let range): quote(bytes.extracting(range), to: &output)
            case .number(let range):
                try NumericText.write(
                    unsafe bytes.extracting(range)._unsafeView(as: UInt8.self), to: &output)
            case .boolean(let value): output.append(value ? "true" : "false")
            case .null: output.append("null")
            }
        }
    }

    private static func quote(_ bytes: RawSpan, to output: inout ByteOutput) {
        let start = output.count
        output.append(bytes)
        JSONStrings.quote(&output, from: start)
    }
}
