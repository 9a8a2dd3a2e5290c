/// Arrays: dimensions, first indexes, a bitmap of nulls where there are any, the elements. Mirrors
/// `array_out`.
extension ValueWriter {
    private static let mostDimensions = 6

    /// The positions of the parts of an array in its value.
    private struct ArrayParts {
        var dimensionCount = 0
        var dimensions = InlineArray<6, Int>(repeating: 0)
        var lowerBounds = InlineArray<6, Int64>(repeating: 1)
        /// How many elements there are.
        var count = 1
        /// The start of the bitmap of nulls; nil if there is none.
        var bitmap: Int?
        /// The position of the first element.
        var data = 0
    }

    func writeArray(
        _ value: RawSpan, of element: ElementForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        let parts = try arrayParts(value)
        guard parts.count > 0 else { return output.append("{}") }
        if (0..<parts.dimensionCount).contains(where: { parts.lowerBounds[$0] != 1 }) {
            for dimension in 0..<parts.dimensionCount {
                let (lower, count) = (parts.lowerBounds[dimension], parts.dimensions[dimension])
                output.append("[" as Unicode.Scalar)
                output.append(signed: lower)
                output.append(":" as Unicode.Scalar)
                output.append(signed: lower + Int64(count) - 1)
                output.append("]" as Unicode.Scalar)
            }
            output.append("=" as Unicode.Scalar)
        }
        var offset = parts.data
        let start = output.count
        for index in 0..<parts.count {
            try output.checkSize(from: start)
            open(parts, before: index, element.delimiter, &output)
            if let bitmap = parts.bitmap,
                try value.byte(bitmap + index >> 3) >> UInt8(index & 7) & 1 == 0
            {
                output.append("NULL")
            } else {
                let extent = try elementExtent(value, element.layout, offset)
                let start = output.count
                try writeStored(
                    value, extent, element.layout, as: element.form, depth: depth + 1,
                    to: &output)
                Self.quoteElement(&output, from: start, element.delimiter)
                offset = extent.upperBound
            }
            close(parts, after: index, &output)
        }
    }

    private func arrayParts(_ value: RawSpan) throws(ValueFault) -> ArrayParts {
        var parts = ArrayParts()
        let dimensions = Int(try value.load(0, as: Int32.self))
        let dataOffset = Int(try value.load(4, as: Int32.self))
        guard dimensions >= 0, dimensions <= Self.mostDimensions else {
            throw .malformed("an array of \(dimensions) dimensions")
        }
        for index in 0..<dimensions {
            let count = Int(try value.load(12 + 4 * index, as: Int32.self))
            let lower = try value.load(12 + 4 * (dimensions + index), as: Int32.self)
            guard count >= 0, count < 1 << 27 else {
                throw .malformed("an array with \(count) elements in a dimension")
            }
            parts.dimensions[index] = count
            parts.lowerBounds[index] = Int64(lower)
            let (product, overflow) = parts.count.multipliedReportingOverflow(by: count)
            guard !overflow else { throw .malformed("an array of too many elements") }
            parts.count = product
        }
        parts.dimensionCount = dimensions
        if dimensions == 0 { parts.count = 0 }
        let header = 12 + 8 * dimensions
        if dataOffset != 0 {
            // Offsets on disk count from the length word, which is not in the span.
            parts.bitmap = header
            parts.data = dataOffset - 4
            guard parts.count <= 8 * value.byteCount else {
                throw .malformed("an array of \(parts.count) elements is too short for its nulls")
            }
        } else {
            parts.data = aligned(header + 4, 8) - 4
            guard parts.count <= value.byteCount else {
                throw .malformed("an array of \(parts.count) elements in \(value.byteCount) bytes")
            }
        }
        return parts
    }

    /// The position of an element, aligned whatever the form of its length.
    private func elementExtent(
        _ value: RawSpan, _ layout: ValueLayout, _ offset: Int
    ) throws(ValueFault) -> Range<Int> {
        // The span begins four bytes after the point that offsets are aligned to.
        let start = aligned(offset + 4, layout.alignment) - 4
        let end: Int
        if layout.length > 0 {
            end = start + layout.length
        } else if layout.isVarlena {
            end = start + (try Varlena.storedLength(of: value, at: start))
        } else {
            end = value.terminator(from: start) + 1
        }
        guard start >= 0, start <= end, end <= value.byteCount else {
            throw .truncated(needed: end, available: value.byteCount)
        }
        return start..<end
    }

    /// Writes the opening braces of an element, or the delimiter after the previous one.
    private func open(
        _ parts: ArrayParts, before index: Int, _ delimiter: UInt8, _ output: inout TextOutput
    ) {
        if index > 0 { output.append(delimiter) }
        var size = 1
        for dimension in stride(from: parts.dimensionCount - 1, through: 0, by: -1) {
            size *= parts.dimensions[dimension]
            if index % size != 0 { break }
            output.append("{" as Unicode.Scalar)
        }
    }

    private func close(_ parts: ArrayParts, after index: Int, _ output: inout TextOutput) {
        var size = 1
        for dimension in stride(from: parts.dimensionCount - 1, through: 0, by: -1) {
            size *= parts.dimensions[dimension]
            if (index + 1) % size != 0 { break }
            output.append("}" as Unicode.Scalar)
        }
    }

    /// Quotes the element that was written from `start` on, if it could be mistaken for something
    /// else.
    private static func quoteElement(
        _ output: inout TextOutput, from start: Int, _ delimiter: UInt8
    ) {
        let end = output.count
        guard
            needsQuotes(unsafe output.bytes.span.extracting(start..<end).bytes, delimiter)
        else { return }
        let bytes = Array(output.bytes[start..<end])
        output.bytes.removeLast(end - start)
        output.append("\"" as Unicode.Scalar)
        for byte in bytes {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                output.append("\\" as Unicode.Scalar)
            }
            output.append(byte)
        }
        output.append("\"" as Unicode.Scalar)
    }

    private static func needsQuotes(_ text: RawSpan, _ delimiter: UInt8) -> Bool {
        if text.byteCount == 0 || isNull(text) { return true }
        return text.contains { byte in
            // White space and the quotation mark are below letters and digits.
            byte <= UInt8(ascii: "\"") && (byte == UInt8(ascii: "\"") || isSpace(byte))
                || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "{")
                || byte == UInt8(ascii: "}") || byte == delimiter
        }
    }

    private static func isNull(_ text: RawSpan) -> Bool {
        guard text.byteCount == 4, let word = try? text.load(0, as: UInt32.self) else {
            return false
        }
        // The four letters, whatever their case.
        return word | 0x2020_2020 == 0x6C6C_756E
    }

    /// White space as the server's parsers see it.
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 32 || byte >= 9 && byte <= 13
    }
}
