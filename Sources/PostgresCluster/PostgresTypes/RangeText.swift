/// Ranges and multiranges. Mirrors `range_out` and `multirange_out`.
extension ValueWriter {
    /// The flags byte of a range.
    private struct RangeFlags {
        let rawValue: UInt8
        var isEmpty: Bool { rawValue & 0x01 != 0 }
        var includesLower: Bool { rawValue & 0x02 != 0 }
        var includesUpper: Bool { rawValue & 0x04 != 0 }
        var hasLower: Bool { rawValue & 0x29 == 0 }
        var hasUpper: Bool { rawValue & 0x51 == 0 }
    }

    /// A range: the number of its type, its bounds, a byte of flags.
    func writeRange(
        _ value: RawSpan, of bound: ElementForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        let flags = RangeFlags(rawValue: try value.byte(value.byteCount - 1))
        // Bounds are aligned relative to the length word, four bytes before the span.
        let bounds = try value.part(4, max(0, value.byteCount - 5))
        try writeRange(bounds, 0, flags, bound, depth, &output)
    }

    /// Writes the range whose bounds begin at `offset` of a span that is aligned to 8.
    private func writeRange(
        _ span: RawSpan, _ offset: Int, _ flags: RangeFlags, _ bound: ElementForm, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        if flags.isEmpty { return output.append("empty") }
        output.append(flags.includesLower ? UInt8(ascii: "[") : UInt8(ascii: "("))
        var position = offset
        if flags.hasLower { try writeBound(span, &position, bound, depth, &output) }
        output.append("," as Unicode.Scalar)
        if flags.hasUpper { try writeBound(span, &position, bound, depth, &output) }
        output.append(flags.includesUpper ? UInt8(ascii: "]") : UInt8(ascii: ")"))
    }

    private func writeBound(
        _ span: RawSpan, _ position: inout Int, _ bound: ElementForm, _ depth: Int,
        _ output: inout TextOutput
    ) throws(ValueFault) {
        let extent = try bound.layout.extent(in: span, from: position)
        position = extent.upperBound
        var text = TextOutput()
        try writeStored(span, extent, bound.layout, as: bound.form, depth: depth + 1, to: &text)
        let needsQuotes =
            text.count == 0
            || text.bytes.contains { byte in
                byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                    || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
                    || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]")
                    || byte == UInt8(ascii: ",") || Self.isSpace(byte)
            }
        Self.appendDoubling(text, inQuotes: needsQuotes, to: &output)
    }

    /// A multirange: the number of its type, the count of ranges, a word for each range but the
    /// first that leads to its bounds, a flags byte for each, the bounds.
    func writeMultirange(
        _ value: RawSpan, of bound: ElementForm, _ depth: Int, _ output: inout TextOutput
    ) throws(ValueFault) {
        let count = Int(try value.load(4, as: UInt32.self))
        guard count <= value.byteCount / 5 + 1 else {
            throw .malformed("\(count) ranges do not fit into \(value.byteCount) bytes")
        }
        output.append("{" as Unicode.Scalar)
        let flags = 8 + 4 * max(0, count - 1)
        // Counts from the length word, which is 4 bytes before the span.
        let start = aligned(flags + 4 + count, bound.layout.alignment) - 4
        let base = start & ~7 | 4
        let bounds = try value.rest(base <= start ? base : base - 8)
        let shift = start - (base <= start ? base : base - 8)
        var offset = 0
        let textStart = output.count
        for index in 0..<count {
            try output.checkSize(from: textStart)
            if index > 0 {
                output.append("," as Unicode.Scalar)
                let item = try value.load(8 + 4 * (index - 1), as: UInt32.self)
                let number = Int(item & 0x7FFF_FFFF)
                offset = item & 0x8000_0000 != 0 ? number : offset + number
            }
            let flag = RangeFlags(rawValue: try value.byte(flags + index))
            try writeRange(bounds, shift + offset, flag, bound, depth, &output)
        }
        output.append("}" as Unicode.Scalar)
    }
}
