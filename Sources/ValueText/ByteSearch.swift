/// Finds bytes that text cannot hold as they are, eight at a time.
@safe
public enum ByteSearch {
    /// Where the first byte from `start` on is that is below `limit`, or one of two others; the
    /// count if there is none. `limit` is at most 0x80. O(bytes from `start` on). Any thread.
    @inlinable @inline(__always)
    public static func first(
        in bytes: Span<UInt8>, from start: Int, below limit: UInt8, or first: UInt8,
        or second: UInt8, orBeyondASCII: Bool = false
    ) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let low7: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let highs: UInt64 = 0x8080_8080_8080_8080
        let firsts = UInt64(first) &* ones
        let seconds = UInt64(second) &* ones
        let toHigh = UInt64(0x80 &- limit) &* ones
        let count = bytes.count
        var index = start
        while index &+ 8 <= count {
            // Eight bytes follow, and any bytes form a word.
            let word = unsafe bytes.bytes.unsafeLoadUnaligned(
                fromByteOffset: index, as: UInt64.self)
            let fromFirst = word ^ firsts
            let fromSecond = word ^ seconds
            let isNotFirst = ((fromFirst & low7) &+ low7) | fromFirst
            let isNotSecond = ((fromSecond & low7) &+ low7) | fromSecond
            let isNotBelow = ((word & low7) &+ toHigh) | word
            var found = ~(isNotFirst & isNotSecond & isNotBelow)
            if orBeyondASCII { found |= word }
            found &= highs
            if found != 0 {
                return index &+ UInt64(littleEndian: found).trailingZeroBitCount / 8
            }
            index &+= 8
        }
        while index < count {
            let byte = bytes[index]
            if byte < limit || byte == first || byte == second || orBeyondASCII && byte >= 0x80 {
                return index
            }
            index &+= 1
        }
        return count
    }
}
