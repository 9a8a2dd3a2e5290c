/// How values of a type are laid out in a tuple: `attlen` and `attalign` of `pg_attribute`.
public struct ValueLayout: Hashable, Sendable {
    /// Bytes; -1 if a length precedes the value, -2 if a zero byte ends it.
    public let length: Int
    /// The alignment of its offset: 1, 2, 4 or 8.
    public let alignment: Int

    /// Makes a layout from the catalog's values; nil if they are impossible.
    ///
    /// - Parameters:
    ///   - length: `attlen`.
    ///   - alignment: `attalign`: the ASCII code of `c`, `s`, `i` or `d`.
    public init?(length: Int16, alignment: UInt8) {
        guard length > 0 || length == -1 || length == -2 else { return nil }
        self.length = Int(length)
        switch alignment {
        case UInt8(ascii: "c"): self.alignment = 1
        case UInt8(ascii: "s"): self.alignment = 2
        case UInt8(ascii: "i"): self.alignment = 4
        case UInt8(ascii: "d"): self.alignment = 8
        default: return nil
        }
    }

    package init(_ length: Int, _ alignment: Int) {
        self.length = length
        self.alignment = alignment
    }

    /// Whether a length precedes the value.
    @inline(__always)
    public var isVarlena: Bool { length == -1 }
}

extension ValueLayout {
    /// Returns the range of the value, including its length, given the end of its predecessor.
    /// Mirrors `att_align_pointer` and `att_addlength_pointer`.
    @inline(__always)
    package func extent(in span: RawSpan, from offset: Int) throws(ValueFault) -> Range<Int> {
        var start = offset
        let end: Int
        if length > 0 {
            start = aligned(offset, alignment)
            end = start &+ length
        } else if length == -1 {
            // A length byte is never zero and needs no alignment; padding is zero.
            let first = try span.byte(offset)
            if first == 0 { start = aligned(offset, alignment) }
            end = start &+ (try Varlena.storedLength(of: span, at: start))
        } else {
            start = aligned(offset, alignment)
            end = span.terminator(from: start) &+ 1
        }
        guard start <= end, end <= span.byteCount else {
            throw .truncated(needed: end, available: span.byteCount)
        }
        return start..<end
    }
}

extension ValueLayout {
    /// A value preceded by its length, aligned to four bytes if that is a length word.
    package static let varlena = ValueLayout(-1, 4)
}
