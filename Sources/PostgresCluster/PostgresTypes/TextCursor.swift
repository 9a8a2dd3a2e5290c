/// Memory of a known size that text is written into, from front to back.
/// ``TextOutput/write(atMost:_:)`` lends it.
///
/// Its methods check only in debug builds whether there is room, so that short texts cost little. A
/// writer that does not know how long its text becomes asks ``room`` first, once per value. Methods
/// that move words need ``wordSlack`` bytes more than they append. Used by one thread at a time.
@safe
struct TextCursor: ~Copyable {
    private let start: UnsafeMutablePointer<UInt8>
    private var next: UnsafeMutablePointer<UInt8>
    private let end: UnsafeMutablePointer<UInt8>

    /// The bytes behind the text that moving words may overwrite.
    static let wordSlack = 24

    /// Writes into `size` bytes from `start` on, which must outlive the cursor.
    @inline(__always)
    fileprivate init(_ start: UnsafeMutablePointer<UInt8>, size: Int) {
        unsafe self.start = start
        unsafe next = start
        unsafe end = start + size
    }

    /// How many bytes were written.
    @inline(__always)
    var count: Int { unsafe next - start }

    /// How many more bytes there is memory for, apart from the slack.
    @inline(__always)
    var room: Int { unsafe end - next &- Self.wordSlack }

    /// Takes back what was written from position `count` on.
    @inline(__always)
    mutating func rewind(to count: Int) {
        assert(count >= 0 && count <= self.count)
        unsafe next = start + count
    }

    /// Appends a byte.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        unsafe assert(next < end)
        unsafe next.pointee = byte
        unsafe next += 1
    }

    /// Appends the lowest `count` bytes of a word, lowest first, at most eight.
    @inline(__always)
    mutating func append(_ word: UInt64, count: Int) {
        unsafe assert(count <= 8 && end - next >= 8)
        unsafe UnsafeMutableRawPointer(next).storeBytes(of: word.littleEndian, as: UInt64.self)
        unsafe next += count
    }

    /// Appends an ASCII literal.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        let size = text.utf8CodeUnitCount
        unsafe assert(size <= end - next)
        unsafe next.update(from: text.utf8Start, count: size)
        unsafe next += size
    }

    /// Appends bytes as they are.
    @inline(__always)
    mutating func append(_ array: [UInt8]) {
        for byte in array { append(byte) }
    }

    /// Appends bytes as they are.
    @inline(__always)
    mutating func append(_ span: RawSpan) {
        unsafe span.withUnsafeBytes { bytes in
            unsafe assert(bytes.count <= end - next)
            guard let source = bytes.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(next).copyMemory(from: source, byteCount: bytes.count)
            unsafe next += bytes.count
        }
    }

    /// Moves what was written from position `position` on, at most 24 bytes, back by `size` bytes,
    /// at most eight. The caller sets the bytes in between.
    @inline(__always)
    mutating func openGap(at position: Int, of size: Int) {
        unsafe assert(count - position <= 24 && size <= 8 && end - next >= Self.wordSlack + 8)
        let source = unsafe UnsafeMutableRawPointer(start + position)
        // All is loaded before anything is stored. What lies behind the text has no meaning.
        let first = unsafe source.loadUnaligned(as: UInt64.self)
        let second = unsafe source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let third = unsafe source.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        unsafe source.storeBytes(of: first, toByteOffset: size, as: UInt64.self)
        unsafe source.storeBytes(of: second, toByteOffset: size + 8, as: UInt64.self)
        unsafe source.storeBytes(of: third, toByteOffset: size + 16, as: UInt64.self)
        unsafe next += size
    }

    /// Replaces a byte that was written.
    @inline(__always)
    mutating func set(_ position: Int, to byte: UInt8) {
        assert(position >= 0 && position < count)
        unsafe start[position] = byte
    }
}

extension TextOutput {
    /// Appends what `body` writes, at most `size` bytes, without an allocation per value.
    @inline(__always)
    mutating func write<Failure: Error>(
        atMost size: Int, _ body: (inout TextCursor) throws(Failure) -> Void
    ) throws(Failure) {
        let capacity = size &+ TextCursor.wordSlack
        try bytes.append(addingCapacity: capacity) { span throws(Failure) in
            try unsafe span.withUnsafeMutableBufferPointer {
                buffer, count throws(Failure) in
                guard let start = buffer.baseAddress else { return }
                // The memory lives until the closure ends, and with it the cursor.
                var cursor = unsafe TextCursor(start, size: buffer.count)
                do throws(Failure) {
                    try body(&cursor)
                } catch {
                    count = cursor.count
                    throw error
                }
                count = cursor.count
            }
        }
    }
}

extension TextCursor {
    /// The most bytes that a number of 64 bits needs, and its sign.
    static let integerSize = 21

    /// Appends a decimal number, padded with zeros to `minimumDigits`, at most 16.
    @inline(__always)
    mutating func append(unsigned value: UInt64, minimumDigits: Int = 1) {
        if value < 100_000_000 && minimumDigits <= 8 {
            let digits = Self.eightDigits(UInt32(truncatingIfNeeded: value))
            // The digits without their ASCII bits: leading zeros are the lowest bytes.
            let zeros = (digits ^ 0x3030_3030_3030_3030).trailingZeroBitCount >> 3
            let surplus = min(zeros, 8 &- minimumDigits)
            return append(digits &>> UInt64(8 &* surplus), count: 8 &- surplus)
        }
        appendLong(value, minimumDigits)
    }

    private mutating func appendLong(_ value: UInt64, _ minimumDigits: Int) {
        let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
        if high < 100_000_000 {
            append(unsigned: high, minimumDigits: max(1, min(8, minimumDigits &- 8)))
        } else {
            let (highest, middle) = high.quotientAndRemainder(dividingBy: 100_000_000)
            append(unsigned: highest, minimumDigits: max(1, min(8, minimumDigits &- 16)))
            append(Self.eightDigits(UInt32(truncatingIfNeeded: middle)), count: 8)
        }
        append(Self.eightDigits(UInt32(truncatingIfNeeded: low)), count: 8)
    }

    /// Appends a number in decimal.
    @inline(__always)
    mutating func append(signed value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(unsigned: value.magnitude)
    }

    /// Appends the four digits of a number below 10,000.
    @inline(__always)
    mutating func append(fourDigits number: UInt32) {
        let high = (number &* 10_486) &>> 20
        append(Self.pair(high) | Self.pair(number &- 100 &* high) &<< 16, count: 4)
    }

    /// The two digits of a number below 100, the first one in the lowest byte.
    @inline(__always)
    static func pair(_ number: UInt32) -> UInt64 {
        assert(number < 100)
        let tens = (number &* 103) &>> 10
        return UInt64(0x3030 &+ tens &+ (number &- 10 &* tens) &<< 8)
    }

    /// The eight digits of a number below 100,000,000, the first one in the lowest byte. Halves,
    /// quarters and digits are taken apart in all parts of a word at once.
    @inline(__always)
    static func eightDigits(_ number: UInt32) -> UInt64 {
        assert(number < 100_000_000)
        let high = number / 10_000
        let halves = UInt64(high) | UInt64(number &- 10_000 &* high) &<< 32
        // A hundredth of each half: 10,486 / 2^20 is exact enough below 10,000.
        let hundreds = ((halves &* 10_486) &>> 20) & 0x0000_007F_0000_007F
        let quarters = hundreds &+ (halves &- 100 &* hundreds) &<< 16
        // A tenth of each quarter: 103 / 2^10 is exact enough below 100.
        let tens = ((quarters &* 103) &>> 10) & 0x000F_000F_000F_000F
        return tens &+ (quarters &- 10 &* tens) &<< 8 &+ 0x3030_3030_3030_3030
    }

    /// The eight lower-case hexadecimal digits of four bytes, the lowest byte's first.
    @inline(__always)
    static func hexadecimal(_ bytes: UInt32) -> UInt64 {
        var spread = UInt64(bytes)
        spread = (spread | spread &<< 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread &<< 8) & 0x00FF_00FF_00FF_00FF
        let low = spread & 0x000F_000F_000F_000F
        let digits = (spread &>> 4) & 0x000F_000F_000F_000F | low &<< 8
        // Six more make numbers from ten on reach the next sixteen; letters are 39 behind digits.
        let letters = ((digits &+ 0x0606_0606_0606_0606) &>> 4) & 0x0101_0101_0101_0101
        return digits &+ 0x3030_3030_3030_3030 &+ letters &* 39
    }
}
