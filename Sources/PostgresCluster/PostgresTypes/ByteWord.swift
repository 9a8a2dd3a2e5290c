/// Eight bytes that are examined at a time.
///
/// A mark is the highest bit of a byte. Marks are exact up to the lowest one; above it, a byte may
/// be marked that is greater by one than what is looked for. So the word as a whole is exact.
struct ByteWord {
    /// The bytes, the first one lowest.
    let bytes: UInt64
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highest: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    init(_ bytes: UInt64) { self.bytes = bytes }

    /// The byte at a position from 0 to 7.
    @inline(__always)
    subscript(position: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: bytes &>> UInt64(truncatingIfNeeded: 8 &* position))
    }

    /// Marks the bytes that equal one.
    @inline(__always)
    func marks(of byte: UInt8) -> UInt64 {
        let difference = bytes ^ (Self.ones &* UInt64(byte))
        return (difference &- Self.ones) & ~difference & Self.highest
    }

    /// Marks the bytes below a limit, which is at most 128.
    @inline(__always)
    func marks(below limit: UInt8) -> UInt64 {
        (bytes &- Self.ones &* UInt64(limit)) & ~bytes & Self.highest
    }
}

extension RawSpan {
    /// The `count` bytes from `offset` on, which must exist, one to eight; filled up with letters,
    /// which nothing marks.
    @inline(__always)
    func word(at offset: Int, count: Int) -> ByteWord {
        let filler: UInt64 = 0x6161_6161_6161_6161
        if offset &+ 8 > byteCount { return lastWord(at: offset, count: count) }
        // In bounds: checked above.
        let word = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        let mask = UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- 8 &* count)
        return ByteWord(word & mask | filler & ~mask)
    }

    /// The bytes at the end of the span, where eight cannot be loaded.
    @inline(never)
    private func lastWord(at offset: Int, count: Int) -> ByteWord {
        precondition(offset >= 0 && count <= 8 && offset + count <= byteCount)
        var word: UInt64 = 0x6161_6161_6161_6161
        for index in (0..<count).reversed() {
            // In bounds: checked above.
            let byte = unsafe unsafeLoad(fromByteOffset: offset &+ index, as: UInt8.self)
            word = word &<< 8 | UInt64(byte)
        }
        return ByteWord(word)
    }

    /// Calls `body` with each eight bytes, and then with each byte of the rest, until one of them
    /// returns true. Returns whether that happened.
    @inline(__always)
    func contains(
        whereWord isFound: (ByteWord) -> Bool, whereByte isFoundByte: (UInt8) -> Bool
    ) -> Bool {
        let end = byteCount
        var index = 0
        while index &+ 8 <= end {
            // In bounds: the loop's condition.
            let word = unsafe unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            if isFound(ByteWord(word)) { return true }
            index &+= 8
        }
        while index < end {
            // In bounds: the loop's condition.
            if isFoundByte(unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)) { return true }
            index &+= 1
        }
        return false
    }
}
