internal import Strata

/// The contents of the relation's pages: one item that fills the page, with a 64-bit field in it.
/// The sum of the fields shows whether the right pages were read.
enum BenchPage {
    /// The offset of the item, behind the header and one line pointer.
    private static let itemOffset = 32

    /// The offset of the field in the page. It differs from page to page, because else all fields
    /// would share a few sets of the processor's caches.
    @inline(__always)
    static func fieldOffset(_ block: UInt32) -> Int {
        1024 &+ 64 &* Int((block ^ block &>> 3) & 63)
    }

    static func wordInItem(_ block: UInt32) -> Int { (fieldOffset(block) - itemOffset) / 8 }

    /// The field's value, different for any two pages.
    static func value(_ block: UInt32) -> UInt64 {
        var bits = (UInt64(block) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits &>> 30) &* 0xBF58_476D_1CE4_E5B9
        return bits ^ bits &>> 31
    }

    /// The sum over the fields of the first pages.
    static func sum(ofPages count: Int) -> UInt64 {
        (0..<UInt32(count)).reduce(0) { $0 &+ value($1) }
    }

    /// Noise, so that no layer below can treat pages as empty.
    static var item: [UInt64] {
        (0..<UInt32((blockSize - itemOffset) / 8)).map { value(~$0) }
    }

    /// Reads the field of a page.
    @inline(__always)
    static func field(_ page: borrowing PinnedPage, _ block: UInt32) -> UInt64 {
        // The pin keeps the page in place, and nothing changes pages of this relation.
        unsafe page.unsafeAddress.loadUnaligned(
            fromByteOffset: fieldOffset(block), as: UInt64.self)
    }
}
