/// Finds the bytes of CSV with a meaning, 64 at a time.
///
/// Three questions are asked of each byte: is it the delimiter, is it a quote, is it at most 0x0D?
/// The last covers both line breaks and NUL with one comparison; the few other control characters
/// it also finds are passed over by the scanner. Eight bytes are compared at once within a 64-bit
/// word, and a multiplication gathers the eight answers.
@safe
struct StructuralScanner {
    private let delimiter: UInt64
    private let quote: UInt64 = 0x2222_2222_2222_2222

    init(delimiter: UInt8) {
        self.delimiter = UInt64(delimiter) &* 0x0101_0101_0101_0101
    }

    /// A bit for each of the 64 bytes from `base` that has a meaning, and a word whose high bits
    /// are set where bytes beyond ASCII were seen.
    ///
    /// All 64 bytes must be readable.
    @inline(__always)
    func scan(_ base: UnsafePointer<UInt8>) -> (mask: UInt64, highBits: UInt64) {
        let low7: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        var mask: UInt64 = 0
        var high: UInt64 = 0
        let raw = unsafe UnsafeRawPointer(base)
        var index = 0
        while index < 8 {
            let word = UInt64(
                littleEndian: unsafe raw.loadUnaligned(
                    fromByteOffset: index &* 8, as: UInt64.self))
            let difference = word ^ delimiter
            let quoteDifference = word ^ quote
            let notDelimiter = ((difference & low7) &+ low7) | difference
            let notQuote = ((quoteDifference & low7) &+ low7) | quoteDifference
            let notControl = ((word & low7) &+ 0x7272_7272_7272_7272) | word
            let found = ~(notDelimiter & notQuote & notControl) & 0x8080_8080_8080_8080
            let bits = ((found &>> 7) &* 0x0102_0408_1020_4080) &>> 56
            mask |= bits &<< UInt64(truncatingIfNeeded: index &* 8)
            high |= word
            index &+= 1
        }
        return (mask, high & 0x8080_8080_8080_8080)
    }
}
