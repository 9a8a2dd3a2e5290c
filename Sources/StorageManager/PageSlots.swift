/// Memory for pages outside of a pool, aligned for direct IO. The owner decides which thread uses
/// it.
@safe
package final class PageSlots {
    /// How many groups of pages there are.
    package let slots: Int
    /// How many pages a group has, one after the other.
    package let pages: Int
    private let base: UnsafeMutableRawPointer
    private static let alignment = 4096

    /// Allocates memory, without a value in it.
    package init(slots: Int, pages: Int) {
        self.slots = slots
        self.pages = pages
        unsafe base = .allocate(
            byteCount: slots * pages * blockSize, alignment: Self.alignment)
    }

    deinit { unsafe base.deallocate() }

    /// A page's address; valid as long as this object.
    package func address(_ slot: Int, _ page: Int) -> PageAddress {
        precondition((0..<slots).contains(slot) && (0..<pages).contains(page))
        return unsafe PageAddress(base + (slot * pages + page) * blockSize)
    }

    /// The addresses of a group's first pages; valid as long as this object.
    package func addresses(_ slot: Int, _ count: Int) -> [PageAddress] {
        (0..<count).map { address(slot, $0) }
    }
}
