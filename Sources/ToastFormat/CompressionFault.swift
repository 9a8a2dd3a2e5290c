/// Why compressed bytes are not those of a value. It names no place: the caller knows the row.
public struct CompressionFault: Error, Hashable, Sendable {
    /// What is wrong.
    public let reason: String

    package init(_ reason: String) { self.reason = reason }
}

extension RawSpan {
    /// The byte at `offset`.
    @inline(__always)
    func byte(_ offset: Int) throws(CompressionFault) -> UInt8 {
        guard offset >= 0, offset < byteCount else {
            throw CompressionFault("it ends within its compressed bytes, after \(byteCount)")
        }
        // In bounds: checked above.
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The little-endian integer at `offset`, aligned or not. Callers have checked the bounds, and
    /// the span checks them again.
    @inline(__always)
    func word(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
