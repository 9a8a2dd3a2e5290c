/// Some rows of a schema on their way from a source that is no text, value after value.
///
/// Each value is preceded by its length in four bytes, least significant first; a length of which
/// all bits are set, with nothing behind it, means NULL. A value's bytes are those of its datum in
/// a heap tuple, without a length word. A batch holds whole rows.
public struct DatumBatch: Sendable {
    /// The rows.
    public private(set) var bytes: [UInt8]

    /// The bytes of a length.
    package static let lengthSize = 4

    /// Makes a batch without rows.
    public init() { bytes = [] }

    /// Makes a batch of rows that were written before. Reading it checks the lengths.
    package init(bytes: [UInt8]) { self.bytes = bytes }

    /// Appends the next value, which is NULL.
    public mutating func appendNull() {
        for _ in 0..<Self.lengthSize { bytes.append(.max) }
    }

    /// Appends the next value.
    ///
    /// - Parameter value: fewer than 2³² - 1 bytes, as no datum has more.
    public mutating func append(_ value: RawSpan) {
        let length = UInt32(value.byteCount)
        for byte in 0..<Self.lengthSize {
            bytes.append(UInt8(truncatingIfNeeded: length >> (8 * byte)))
        }
        unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// The range of the value whose length is at `offset`; nil if it is NULL. Moves `offset` behind
    /// the value.
    ///
    /// - Throws: ``DatumBatchEnd`` if the batch ends within it.
    package func value(at offset: inout Int) throws(DatumBatchEnd) -> Range<Int>? {
        let start = offset + Self.lengthSize
        guard start <= bytes.count else { throw DatumBatchEnd() }
        var length: UInt32 = 0
        for byte in 0..<Self.lengthSize {
            length |= UInt32(bytes[offset + byte]) << UInt32(8 * byte)
        }
        offset = start
        if length == .max { return nil }
        guard Int(length) <= bytes.count - start else { throw DatumBatchEnd() }
        offset += Int(length)
        return start..<offset
    }
}

/// A batch ends within a row.
package struct DatumBatchEnd: Error {}
