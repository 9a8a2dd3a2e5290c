internal import Strata

/// What the pages of the relation hold: one item that fills the page, and in it a field of 64 bits
/// whose sum tells whether the right pages were read.
enum BenchPage {
    /// Where the item begins: the header and one line pointer lie before it.
    private static let itemOffset = 32

    /// Where in the page the field is. Its place differs from page to page, or all fields would
    /// meet in the same few sets of the processor's caches.
    @inline(__always)
    static func fieldOffset(_ block: UInt32) -> Int {
        1024 &+ 64 &* Int((block ^ block &>> 3) & 63)
    }

    static func wordInItem(_ block: UInt32) -> Int { (fieldOffset(block) - itemOffset) / 8 }

    /// The field's value: any two pages differ.
    static func value(_ block: UInt32) -> UInt64 {
        var bits = (UInt64(block) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits &>> 30) &* 0xBF58_476D_1CE4_E5B9
        return bits ^ bits &>> 31
    }

    /// The sum over the fields of the first pages.
    static func sum(ofPages count: Int) -> UInt64 {
        (0..<UInt32(count)).reduce(0) { $0 &+ value($1) }
    }

    /// Noise, so that no layer below can take pages for empty ones.
    static var item: [UInt64] {
        (0..<UInt32((blockSize - itemOffset) / 8)).map { value(~$0) }
    }

    /// Reads the field of a page.
    @inline(__always)
    static func field(_ page: borrowing PinnedPage, _ block: UInt32) -> UInt64 {
        // The pin keeps the page in place, and nobody changes pages of this relation.
        unsafe page.unsafeAddress.loadUnaligned(
            fromByteOffset: fieldOffset(block), as: UInt64.self)
    }
}
