/// Eight bytes that are examined at a time.
///
/// A mark is the highest bit of a byte. Marks are exact up to the lowest one; above it, a byte may
/// be marked that is greater by one than what is looked for. So the word as a whole is exact.
struct ByteWord {
    private let word: UInt64
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highest: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    init(_ word: UInt64) { self.word = word }

    /// Marks the bytes that equal one.
    @inline(__always)
    func marks(of byte: UInt8) -> UInt64 {
        let difference = word ^ (Self.ones &* UInt64(byte))
        return (difference &- Self.ones) & ~difference & Self.highest
    }

    /// Marks the bytes below a limit, which is at most 128.
    @inline(__always)
    func marks(below limit: UInt8) -> UInt64 {
        (word &- Self.ones &* UInt64(limit)) & ~word & Self.highest
    }
}

extension RawSpan {
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
