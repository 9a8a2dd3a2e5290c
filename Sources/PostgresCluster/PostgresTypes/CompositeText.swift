/// Row types: a value is stored as a tuple with a header of its own. Mirrors `record_out`.
extension ValueWriter {
    /// Offsets in the value without its length word.
    private enum RecordOffset {
        static let attributeCount = 14
        static let flags = 16
        static let data = 18
        static let bitmap = 19
    }

    func writeComposite(
        _ value: RawSpan, of type: CompositeForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        let stored = Int(try value.load(RecordOffset.attributeCount, as: UInt16.self) & 0x7FF)
        let hasNulls = try value.load(RecordOffset.flags, as: UInt16.self) & 1 != 0
        // Attributes are aligned relative to the tuple's beginning.
        let start = Int(try value.byte(RecordOffset.data)) - 4
        guard start >= RecordOffset.bitmap, start & 7 == 4 else {
            throw .malformed("the data of a row value cannot begin at \(start + 4)")
        }
        let data = try value.rest(start)
        var text = TextOutput()
        var offset = 0
        var isFirst = true
        output.append("(" as Unicode.Scalar)
        for (index, attribute) in type.attributes.enumerated() {
            var isNull = index >= stored
            if !isNull && hasNulls {
                let byte = try value.byte(RecordOffset.bitmap + index >> 3)
                isNull = byte >> UInt8(index & 7) & 1 == 0
            }
            if attribute.form != nil {
                if !isFirst { output.append("," as Unicode.Scalar) }
                isFirst = false
            }
            if isNull { continue }
            let extent = try attribute.layout.extent(in: data, from: offset)
            offset = extent.upperBound
            guard let form = attribute.form else { continue }
            text.clear()
            try writeStored(
                data, extent, attribute.layout, as: form, depth: depth + 1, to: &text)
            Self.quoteField(text, to: &output)
        }
        output.append(")" as Unicode.Scalar)
    }

    private static func quoteField(_ text: TextOutput, to output: inout TextOutput) {
        let needsQuotes =
            text.count == 0
            || text.bytes.contains { byte in
                byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                    || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
                    || byte == UInt8(ascii: ",") || isSpace(byte)
            }
        appendDoubling(text, inQuotes: needsQuotes, to: &output)
    }

    /// Appends a text. If requested, puts quotes around it and doubles quotes and backslashes in
    /// it.
    static func appendDoubling(
        _ text: TextOutput, inQuotes: Bool, to output: inout TextOutput
    ) {
        guard inQuotes else { return output.append(text.bytes) }
        output.append("\"" as Unicode.Scalar)
        for byte in text.bytes {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(byte) }
            output.append(byte)
        }
        output.append("\"" as Unicode.Scalar)
    }
}
