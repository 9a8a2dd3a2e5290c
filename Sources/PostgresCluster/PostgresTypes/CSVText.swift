/// Fields of CSV as `COPY … TO (FORMAT csv)` writes them.
public struct CSVText: Sendable {
    /// The text for null. A value that looks like it is quoted.
    public let null: [UInt8]
    /// Whether a row has only one field. Then `\.` is quoted, which ends data in older servers.
    let isSingle: Bool

    /// Makes a writer of fields.
    public init(null: String, isSingleColumn: Bool) {
        self.null = Array(null.utf8)
        isSingle = isSingleColumn
    }

    /// Appends `text` as a field.
    @inline(__always)
    public func write(_ text: RawSpan, to output: inout TextOutput) {
        if needsQuotes(text) {
            writeQuoted(text, to: &output)
        } else {
            output.append(text)
        }
    }

    package func needsQuotes(_ text: RawSpan) -> Bool {
        if text.equals(null) { return true }
        if isSingle && text.equals("\\.") { return true }
        // Everything that needs quotes is a comma or a smaller byte.
        return text.contains(where: { byte in
            byte <= UInt8(ascii: ",")
                && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 10
                    || byte == 13)
        })
    }

    package func writeQuoted(_ text: RawSpan, to output: inout TextOutput) {
        output.append("\"" as Unicode.Scalar)
        text.forEachByte { byte in
            if byte == UInt8(ascii: "\"") { output.append(byte) }
            output.append(byte)
        }
        output.append("\"" as Unicode.Scalar)
    }
}
