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
        while let token = try next(&reader, bytes) {
            output.append(reader.separator)
            switch token {
            case .key(let range), .string(let range):
                let start = output.count
                output.append(bytes.extracting(range))
                JSONStrings.quote(&output, from: start)
            case .number(let range):
                try NumericText.write(
                    unsafe bytes.extracting(range)._unsafeView(as: UInt8.self), to: &output)
            default: output.append(token.literal)
            }
        }
    }

    private static func next(
        _ reader: inout JSONBReader, _ bytes: RawSpan
    ) throws(ValueError) -> JSONBReader.Token? {
        do throws(JSONBReader.Fault) {
            return try reader.next(bytes)
        } catch {
            throw ValueError(.jsonb, .damaged)
        }
    }
}
