package import PageFormat

/// What a tuple holds instead of a value that is stored out of line. Mirrors `varatt_external`.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4 | the value's size with its length word |
/// | 4 | 4 | bits 0 to 29: the bytes stored in chunks; bits 30 and 31: the method of compression |
/// | 8 | 4 | the value's number, which its chunks have |
/// | 12 | 4 | the number of the toast relation, for PostgreSQL |
package struct ExternalPointer: Hashable, Sendable {
    /// The size of the value, without a length word.
    package let size: Int
    /// The bytes stored in chunks.
    package let storedSize: Int
    /// The value's number. Numbers begin at 1 and ascend from block to block.
    package let value: UInt32
    /// The number of the toast relation by which PostgreSQL finds it.
    package let relation: UInt32

    /// The most bytes of a value: its length word counts itself and has 30 bits.
    package static let largestValue = (1 << 30) - 1 - lengthSize
    private static let lengthSize = 4
    private static let sizeMask: UInt32 = 0x3FFF_FFFF

    /// - Parameters:
    ///   - size: at most ``largestValue``.
    ///   - storedSize: less than `size` if the value is stored compressed, else `size`.
    package init(size: Int, storedSize: Int, value: UInt32, relation: UInt32) {
        self.size = size
        self.storedSize = storedSize
        self.value = value
        self.relation = relation
    }

    /// Decodes a pointer.
    ///
    /// - Parameter bytes: the bytes behind length and tag, ``StoredForm/pointerSize``.
    /// - Throws: if no value can have such a pointer, so that its sizes can be believed as far as a
    ///   value may have them.
    package init(_ bytes: RawSpan) throws(CompressionFault) {
        guard bytes.byteCount == StoredForm.pointerSize else {
            throw CompressionFault("a pointer of \(bytes.byteCount) bytes is none")
        }
        let whole = Int(bytes.word(0))
        let stored = bytes.word(4)
        size = whole - Self.lengthSize
        storedSize = Int(stored & Self.sizeMask)
        value = bytes.word(8)
        relation = bytes.word(12)
        guard size >= 0, size <= Self.largestValue, storedSize <= size else {
            throw CompressionFault(
                "a pointer says that \(storedSize) bytes are stored of a value of \(size)")
        }
        guard stored & ~Self.sizeMask == 0 else {
            throw CompressionFault(
                "a pointer says that method \(stored >> 30) was used, which is not pglz")
        }
    }

    /// Whether the chunks hold the value compressed.
    package var isCompressed: Bool { storedSize < size }

    /// The number of chunks.
    package var chunkCount: Int { (storedSize + ToastChunk.size - 1) / ToastChunk.size }

    /// The bytes behind length and tag.
    package var bytes: InlineArray<16, UInt8> {
        let words = [
            UInt32(size + Self.lengthSize), UInt32(storedSize), value, relation,
        ]
        return InlineArray { index in
            UInt8(truncatingIfNeeded: words[index / 4] >> UInt32(8 * (index % 4)))
        }
    }
}

/// A row of a toast relation: the number of a value, the chunk's number from 0, and its bytes.
package enum ToastChunk {
    /// The bytes of every chunk but the last (`TOAST_MAX_CHUNK_SIZE`): four rows fill a page.
    package static let size = 1996
    /// How a row is stored: `chunk_id oid`, `chunk_seq integer`, `chunk_data bytea`.
    package static let layout: [AttributeLayout] = [.int32, .int32, .variable()]
}
