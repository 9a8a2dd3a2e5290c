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
        if text.byteCount == null.count && text.equals(null) { return true }
        if isSingle && text.equals("\\.") { return true }
        return Self.hasSpecials(text)
    }

    /// Whether a part of a text has a byte that lets the whole be quoted.
    package static func hasSpecials(_ text: RawSpan) -> Bool {
        let mayNeedQuotes = text.contains { word in
            word.marks(below: endOfLineEnds) | word.marks(of: quote) | word.marks(of: comma) != 0
        } whereByte: {
            needsQuotes($0)
        }
        return mayNeedQuotes && text.contains(where: needsQuotes)
    }

    /// Whether a word of a text has such a byte.
    @inline(__always)
    static func hasSpecials(_ word: ByteWord) -> Bool {
        let marks = word.marks(below: endOfLineEnds) | word.marks(of: quote) | word.marks(of: comma)
        if marks == 0 { return false }
        return word.marks(of: 10) | word.marks(of: 13) | word.marks(of: quote)
            | word.marks(of: comma) != 0
    }

    /// Whether a text is quoted although it has no such byte: it looks like null, or like the end
    /// of data.
    @inline(__always)
    func isReserved(_ data: RawSpan, _ range: Range<Int>) -> Bool {
        if range.count > 2 && range.count != null.count { return false }
        let text = data.extracting(range)
        return text.equals(null) || isSingle && text.equals("\\.")
    }

    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")
    /// The number behind those of the characters that end lines.
    private static let endOfLineEnds: UInt8 = 14

    @inline(__always)
    private static func needsQuotes(_ byte: UInt8) -> Bool {
        byte == comma || byte == quote || byte == 10 || byte == 13
    }

    package func writeQuoted(_ text: RawSpan, to output: inout TextOutput) {
        output.append(Self.quote)
        Self.writeQuotedContents(text, to: &output)
        output.append(Self.quote)
    }

    /// Appends what is between the marks of a quoted field, or a part of that.
    package static func writeQuotedContents(_ text: RawSpan, to output: inout TextOutput) {
        output.bytes.append(addingCapacity: 2 * text.byteCount) { field in
            text.forEachByte { byte in
                if byte == quote { field.append(byte) }
                field.append(byte)
            }
        }
    }

    /// Quotes what was written from `start` on if necessary.
    package func quote(_ output: inout TextOutput, from start: Int) {
        let end = output.count
        guard needsQuotes(unsafe output.bytes.span.extracting(start..<end).bytes) else { return }
        var added = 2
        for index in start..<end where output.bytes[index] == Self.quote { added += 1 }
        for _ in 0..<added { output.append(Self.quote) }
        unsafe output.bytes.withUnsafeMutableBufferPointer { bytes in
            // From the end, so that nothing is overwritten before it is moved: the target is
            // ahead of the source by as many marks as are still to come.
            var target = end + added - 2
            for source in stride(from: end - 1, through: start, by: -1) {
                let byte = unsafe bytes[source]
                unsafe bytes[target] = byte
                target -= 1
                if byte == Self.quote {
                    unsafe bytes[target] = byte
                    target -= 1
                }
            }
            unsafe bytes[start] = Self.quote
        }
    }
}
