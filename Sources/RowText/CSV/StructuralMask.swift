/// Finds the structural bytes of CSV, 64 at a time.
///
/// Each byte is tested three times: is it the delimiter, is it a quote, is it at most 0x0D? The
/// last test covers both line breaks and NUL with one comparison. The scanner skips the few other
/// control characters that it also finds.
///
/// Eight bytes are compared at once within a 64-bit word, and compilers compare two or four such
/// words at once. The eight results of a word are the highest bits of its bytes. Shifted by one bit
/// per word, the results of eight words form one word: a matrix of eight by eight bits that only
/// has to be transposed. (Swift's own byte vectors do not help, since nothing gathers the results
/// of a comparison into bits.)
@safe
struct StructuralScanner {
    private let delimiter: UInt64
    private let quote: UInt64 = 0x2222_2222_2222_2222

    init(delimiter: UInt8) {
        self.delimiter = UInt64(delimiter) &* 0x0101_0101_0101_0101
    }

    /// Returns a bit for each of the 64 bytes from `base` that is structural, and a word whose high
    /// bits are set if bytes beyond ASCII were seen.
    ///
    /// All 64 bytes must be readable.
    @inline(__always)
    func scan(_ base: UnsafePointer<UInt8>) -> (mask: UInt64, highBits: UInt64) {
        let low7: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let highs: UInt64 = 0x8080_8080_8080_8080
        var matrix: UInt64 = 0
        var high: UInt64 = 0
        let raw = unsafe UnsafeRawPointer(base)
        var index: UInt64 = 0
        while index < 8 {
            let word = UInt64(
                littleEndian: unsafe raw.loadUnaligned(
                    fromByteOffset: Int(truncatingIfNeeded: index &* 8), as: UInt64.self))
            let difference = word ^ delimiter
            let quoteDifference = word ^ quote
            let notDelimiter = ((difference & low7) &+ low7) | difference
            let notQuote = ((quoteDifference & low7) &+ low7) | quoteDifference
            let notControl = ((word & low7) &+ 0x7272_7272_7272_7272) | word
            let found = ~(notDelimiter & notQuote & notControl) & highs
            matrix |= found &>> (7 &- index)
            high |= word
            index &+= 1
        }
        return (Self.transposed(matrix), high & highs)
    }

    /// Exchanges bit 8i + j with bit 8j + i, for all i and j: first within blocks of 2 by 2 bits,
    /// then blocks of 4 by 4, then the whole.
    @inline(__always)
    private static func transposed(_ matrix: UInt64) -> UInt64 {
        var result = matrix
        var swapped = (result ^ (result &>> 7)) & 0x00AA_00AA_00AA_00AA
        result ^= swapped ^ (swapped &<< 7)
        swapped = (result ^ (result &>> 14)) & 0x0000_CCCC_0000_CCCC
        result ^= swapped ^ (swapped &<< 14)
        swapped = (result ^ (result &>> 28)) & 0x0000_0000_F0F0_F0F0
        return result ^ swapped ^ (swapped &<< 28)
    }
}
