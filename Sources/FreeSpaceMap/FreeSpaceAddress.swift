package import StorageManager

/// A page of a map, by its place in the tree of pages. Mirrors `FSMAddress` of PostgreSQL's
/// `freespace.c`.
///
/// The tree has three levels: the pages of level 0 have a slot for each block of the relation,
/// those above a slot for each page below. In the fork each page stands before the pages below it,
/// so that the fork can grow by leaves.
package struct FreeSpaceAddress: Hashable, Sendable {
    /// The height above the leaves.
    package let level: Int
    /// The page's number among those of its level.
    package let number: Int

    package init(level: Int, number: Int) { (self.level, self.number) = (level, number) }

    package static let root = FreeSpaceAddress(level: 2, number: 0)

    /// The page with the slot of a block of the relation. Mirrors `fsm_get_location`.
    package static func location(of block: BlockNumber) -> (page: FreeSpaceAddress, slot: Int) {
        let place = Int(block.rawValue).quotientAndRemainder(
            dividingBy: FreeSpacePage.slotCount)
        return (FreeSpaceAddress(level: 0, number: place.quotient), place.remainder)
    }

    /// The page above, and this page's slot there. Mirrors `fsm_get_parent`.
    package var parent: (page: FreeSpaceAddress, slot: Int) {
        let place = number.quotientAndRemainder(dividingBy: FreeSpacePage.slotCount)
        return (FreeSpaceAddress(level: level + 1, number: place.quotient), place.remainder)
    }

    /// The page below a slot of this one. Mirrors `fsm_get_child`.
    package func child(_ slot: Int) -> FreeSpaceAddress {
        FreeSpaceAddress(level: level - 1, number: number * FreeSpacePage.slotCount + slot)
    }

    /// The block of the relation that a slot of this leaf stands for; nil if none can have that
    /// number. Mirrors `fsm_get_heap_blk`.
    package func relationBlock(_ slot: Int) -> BlockNumber? {
        UInt32(exactly: number * FreeSpacePage.slotCount + slot).map { BlockNumber($0) }
    }

    /// Where the page is in the fork. Mirrors `fsm_logical_to_physical`.
    package var block: BlockNumber {
        // The first leaf below it, then all pages up to that leaf.
        var leaf = number
        for _ in 0..<level { leaf *= FreeSpacePage.slotCount }
        var pages = 0
        for _ in 0...Self.root.level {
            pages += leaf + 1
            leaf /= FreeSpacePage.slotCount
        }
        return BlockNumber(UInt32(clamping: pages - level - 1))
    }
}
