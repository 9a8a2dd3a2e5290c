/// Small tests on the bytes of a text, shared by all value parsers.
@usableFromInline
enum TextScan {
    /// Whether C's `isspace` holds in the C locale, which defines what PostgreSQL trims.
    @inlinable @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte &- 9) < 5
    }

    /// The bounds of `text` without surrounding white space.
    @inlinable @inline(__always)
    static func trimmed(_ text: Span<UInt8>) -> Range<Int> {
        var start = 0
        var end = text.count
        while start < end && isSpace(text[start]) { start &+= 1 }
        while end > start && isSpace(text[end &- 1]) { end &-= 1 }
        return start..<end
    }

    /// The value of a decimal digit, or a number above nine.
    @inlinable @inline(__always)
    static func digit(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "0")
    }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- (UInt8(ascii: "a") &- 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- (UInt8(ascii: "A") &- 10)
        default: nil
        }
    }

    /// Whether the bytes in `range` spell `word`, given in lower case, in any letter case.
    static func matches(_ text: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        range.count == word.utf8CodeUnitCount && isPrefix(text, range, of: word)
    }

    /// Whether the bytes in `range` are a prefix of `word`, given in lower case, in any letter
    /// case.
    static func isPrefix(_ text: Span<UInt8>, _ range: Range<Int>, of word: StaticString) -> Bool {
        guard range.count <= word.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count {
            let expected = unsafe word.utf8Start[offset]
            if lowercased(text[range.lowerBound + offset]) != expected { return false }
        }
        return true
    }

    /// Whether the bytes in `range` spell `word` exactly.
    @inline(__always)
    static func equals(_ text: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count {
            let expected = unsafe word.utf8Start[offset]
            if text[range.lowerBound &+ offset] != expected { return false }
        }
        return true
    }

    /// Whether `write` writes exactly the bytes of `text`. Allocates, so use it only for texts that
    /// a cheaper test does not decide.
    @inline(never)
    static func isWritten<Failure: Error>(
        _ text: Span<UInt8>, by write: (inout ByteOutput) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        var output = ByteOutput(capacity: 64)
        try write(&output)
        guard output.count == text.count else { return false }
        for index in 0..<text.count where output.span[index] != text[index] { return false }
        return true
    }

    /// An ASCII letter in lower case; any other byte unchanged.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        (byte &- UInt8(ascii: "A")) < 26 ? byte | 0x20 : byte
    }
}
