internal import RowSchema
internal import ValueText

/// Arrays: dimensions, first indexes, a bitmap of nulls where there are any, the elements. Mirrors
/// `array_out`.
extension ValueWriter {
    func writeArray(
        _ value: RawSpan, of element: ElementForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        let shape = try arrayShape(value)
        guard shape.elementCount > 0 else { return output.append("{}") }
        writeBounds(shape, &output)
        var offset = shape.elements
        let start = output.count
        for index in 0..<shape.elementCount {
            try output.checkSize(from: start)
            if index > 0 { output.append(element.delimiter) }
            for _ in 0..<shape.openingCount(index) { output.append("{" as Unicode.Scalar) }
            if shape.isNull(index, in: value) {
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
            for _ in 0..<shape.closingCount(index) { output.append("}" as Unicode.Scalar) }
        }
    }

    private func arrayShape(_ value: RawSpan) throws(ValueFault) -> ArrayShape {
        do throws(ArrayShape.Fault) {
            return try ArrayShape(value)
        } catch {
            throw .malformed("an array is damaged: \(error.reason)")
        }
    }

    private func writeBounds(_ shape: ArrayShape, _ output: inout TextOutput) {
        let dimensions = 0..<shape.dimensionCount
        if dimensions.allSatisfy({ shape.lowerBounds[$0] == 1 }) { return }
        for dimension in dimensions {
            let lower = shape.lowerBounds[dimension]
            output.append("[" as Unicode.Scalar)
            output.append(signed: Int64(lower))
            output.append(":" as Unicode.Scalar)
            output.append(signed: Int64(lower + shape.dimensions[dimension] - 1))
            output.append("]" as Unicode.Scalar)
        }
        output.append("=" as Unicode.Scalar)
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

    /// Quotes the element that was written from `start` on, if it could be mistaken for something
    /// else.
    private static func quoteElement(
        _ output: inout TextOutput, from start: Int, _ delimiter: UInt8
    ) {
        let end = output.count
        guard
            ArrayText.needsQuotes(
                unsafe output.bytes.span.extracting(start..<end).bytes, delimiter: delimiter)
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

    /// White space as the server's parsers see it.
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 32 || byte >= 9 && byte <= 13
    }
}
