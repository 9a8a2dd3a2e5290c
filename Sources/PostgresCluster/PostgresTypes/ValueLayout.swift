/// How values of a type lie in a tuple: what `pg_attribute` says in `attlen` and `attalign`.
public struct ValueLayout: Hashable, Sendable {
    /// Bytes; -1 where a length stands before the value, -2 where a zero byte ends it.
    public let length: Int
    /// What its offset is a multiple of: 1, 2, 4 or 8.
    public let alignment: Int

    /// Takes what the catalog says; nil for what it cannot say.
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

    /// Whether a length stands before the value.
    @inline(__always)
    public var isVarlena: Bool { length == -1 }
}

extension ValueLayout {
    /// Where the value lies whose predecessor ended at `offset`, and where it ends, its length
    /// included. Mirrors `att_align_pointer` and `att_addlength_pointer`.
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
    /// A value whose length stands before it, aligned to four bytes where it has a length word.
    package static let varlena = ValueLayout(-1, 4)
}
