/// Finds the structural bytes in the reader's buffer, in order.
///
/// A separate value, so that the scanner can keep it in registers. It is valid until the buffer
/// moves or is refilled; the reader then makes a new one.
@safe
struct CSVCursor {
    /// The buffer. At least ``padding`` bytes that are not structural follow `limit`.
    let base: UnsafeMutablePointer<UInt8>
    /// Offset of the end of the valid bytes.
    let limit: Int
    private let scanner: StructuralScanner
    /// Offset of the block that `mask` describes.
    private var block: Int
    /// The structural bytes of the block that were not yet returned.
    private var mask: UInt64 = 0
    private var blockHighBits: UInt64 = 0
    /// Not zero if a block seen since the record began has bytes beyond ASCII.
    private(set) var highBits: UInt64 = 0

    /// How many bytes past the limit may be read.
    static let padding = 64

    /// Starts at the offset `start`.
    init(
        base: UnsafeMutablePointer<UInt8>, start: Int, limit: Int, scanner: StructuralScanner
    ) {
        unsafe self.base = unsafe base
        self.limit = limit
        self.scanner = scanner
        block = start - 64
    }

    /// Forgets the bytes beyond ASCII of earlier records.
    @inline(__always)
    mutating func beginRecord() {
        highBits = blockHighBits
    }

    /// The offset of the next structural byte, or the limit if there is none before it.
    @inline(__always)
    mutating func next() -> Int {
        while mask == 0 {
            let following = block &+ 64
            if following >= limit { return limit }
            block = following
            // The padding makes whole blocks readable up to the limit and beyond.
            (mask, blockHighBits) = unsafe scanner.scan(UnsafePointer(base + block))
            highBits |= blockHighBits
        }
        let position = block &+ mask.trailingZeroBitCount
        mask &= mask &- 1
        return position
    }

    /// The byte at `offset`, which is less than the limit plus the padding.
    @inline(__always)
    subscript(offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < limit + Self.padding)
        return unsafe base[offset]
    }
}
