internal import ToastFormat

/// The stored forms of a value of varying length, told apart by their first byte. Mirrors the
/// `varattrib` unions.
///
/// | first byte | |
/// |---|---|
/// | `......00` | a length word of four bytes, then the value |
/// | `......10` | a length word, the size and method of compression, then the compressed value |
/// | `.......1` | a length byte, then the value, at most 126 bytes |
/// | `00000001` | a tag byte, then a pointer |
package enum Varlena {
    /// One stored value.
    package enum Form: Hashable, Sendable {
        /// The value itself.
        case plain(Range<Int>)
        /// A compressed value: the bytes after its header, and the header's contents.
        case compressed(Range<Int>, Compression)
        /// A pointer to chunks in a TOAST relation.
        case external(ToastPointer)
    }

    /// The bytes of the value at `offset`, including its length.
    @inline(__always)
    package static func storedLength(
        of span: RawSpan, at offset: Int
    ) throws(ValueFault) -> Int {
        let first = try span.byte(offset)
        if first == 1 {
            guard try span.byte(offset &+ 1) == ToastPointer.tag else {
                throw .malformed("a pointer has an unknown tag")
            }
            return ToastPointer.storedLength
        }
        if first & 1 == 1 { return Int(first >> 1) }
        let length = Int(try span.load(offset, as: UInt32.self) >> 2)
        guard length >= 4 else { throw .malformed("a length word of \(length) is too small") }
        return length
    }

    /// The form of the value in `extent`, which ``ValueLayout/extent(in:from:)`` found.
    @inline(__always)
    package static func form(
        of span: RawSpan, _ extent: Range<Int>
    ) throws(ValueFault) -> Form {
        let first = try span.byte(extent.lowerBound)
        if first == 1 { return .external(try ToastPointer(span, at: extent.lowerBound)) }
        if first & 1 == 1 { return .plain(extent.lowerBound &+ 1..<extent.upperBound) }
        if first & 3 == 0 { return .plain(extent.lowerBound &+ 4..<extent.upperBound) }
        guard extent.count >= 8 else {
            throw .malformed("a compressed value of \(extent.count) bytes is too short")
        }
        let compression = Compression(try span.load(extent.lowerBound &+ 4, as: UInt32.self))
        return .compressed(extent.lowerBound &+ 8..<extent.upperBound, compression)
    }
}

/// How a value was compressed, and its uncompressed size: the word before the compressed bytes.
package struct Compression: Hashable, Sendable {
    /// The uncompressed size in bytes.
    package let size: Int
    /// 0 for pglz, 1 for LZ4.
    package let method: Int

    package init(_ word: UInt32) {
        size = Int(word & 0x3FFF_FFFF)
        method = Int(word >> 30)
    }

    /// Decompresses `bytes`.
    ///
    /// - Parameter prefix: text that the result begins with.
    /// - Returns: exactly ``size`` bytes behind the prefix.
    package func decompress(
        _ bytes: RawSpan, behind prefix: consuming [UInt8]? = nil
    ) throws(ValueFault) -> [UInt8] {
        switch method {
        case 0:
            do throws(CompressionFault) {
                return try PGLZ.decompress(bytes, size: size, behind: prefix)
            } catch {
                throw .malformed(error.reason)
            }
        case 1: return try LZ4.decompress(bytes, size: size, behind: prefix)
        default: throw .malformed("compression method \(method) is not known")
        }
    }
}

extension Compression {
    /// Decompresses `bytes`, and calls `take` with one part of the value after another, until it
    /// returns false. Memory does not grow with ``size``.
    package func forEachPiece(
        of bytes: RawSpan, _ take: (RawSpan) -> Bool
    ) throws(ValueFault) {
        switch method {
        case 0:
            do throws(CompressionFault) {
                try PGLZ.forEachPiece(of: bytes, size: size, take)
            } catch {
                throw .malformed(error.reason)
            }
        case 1: try LZ4.forEachPiece(of: bytes, size: size, take)
        default: throw .malformed("compression method \(method) is not known")
        }
    }
}

/// What a tuple holds instead of a value that is stored out of line. Mirrors `varatt_external`.
package struct ToastPointer: Hashable, Sendable {
    /// The size of the value in memory, including its length word.
    package let rawSize: Int
    /// The bytes stored in chunks.
    package let storedSize: Int
    /// The number of the value in the TOAST relation.
    package let value: UInt32
    /// The TOAST relation.
    package let relation: UInt32

    /// The tag of a pointer to disk (`VARTAG_ONDISK`).
    static let tag: UInt8 = 18
    /// The length of the stored pointer, including the tag.
    static let storedLength = 18

    init(_ span: RawSpan, at offset: Int) throws(ValueFault) {
        rawSize = Int(try span.load(offset &+ 2, as: UInt32.self))
        // Since PostgreSQL 14 the upper two bits name the method of compression.
        storedSize = Int(try span.load(offset &+ 6, as: UInt32.self) & 0x3FFF_FFFF)
        value = try span.load(offset &+ 10)
        relation = try span.load(offset &+ 14)
        guard rawSize >= 4, rawSize <= ValueLimits.byteCount else { throw .tooLarge(rawSize) }
    }

    /// Whether the chunks hold the value compressed, beginning with a ``Compression`` word.
    package var isCompressed: Bool { storedSize < rawSize - 4 }

    /// Makes the value from its chunks' bytes.
    ///
    /// - Parameter prefix: text that the result begins with, if the value is compressed.
    package func value(
        ofChunks bytes: [UInt8], behind prefix: consuming [UInt8]? = nil
    ) throws(ValueFault) -> [UInt8] {
        guard isCompressed else {
            guard bytes.count == rawSize - 4 else {
                throw .malformed("a value of \(rawSize - 4) bytes has \(bytes.count) stored")
            }
            return bytes
        }
        let span = unsafe bytes.span.bytes
        let compression = Compression(try span.load(0, as: UInt32.self))
        guard compression.size == rawSize - 4 else {
            throw .malformed("a pointer and its value disagree about the value's size")
        }
        return try compression.decompress(try span.rest(4), behind: prefix)
    }
    /// Calls `take` with one part of the value after another, until it returns false.
    ///
    /// - Parameter bytes: what the chunks hold.
    package func forEachPiece(
        ofChunks bytes: RawSpan, _ take: (RawSpan) -> Bool
    ) throws(ValueFault) {
        guard isCompressed else {
            guard bytes.byteCount == rawSize - 4 else {
                throw .malformed("a value of \(rawSize - 4) bytes has \(bytes.byteCount) stored")
            }
            var position = 0
            while position < bytes.byteCount {
                let count = min(bytes.byteCount - position, OutputWindow.pieceSize)
                guard take(bytes.extracting(position..<position + count)) else { return }
                position += count
            }
            return
        }
        let compression = Compression(try bytes.load(0, as: UInt32.self))
        guard compression.size == rawSize - 4 else {
            throw .malformed("a pointer and its value disagree about the value's size")
        }
        try compression.forEachPiece(of: try bytes.rest(4), take)
    }
}
