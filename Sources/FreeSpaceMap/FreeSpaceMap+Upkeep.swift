public import AsyncIO
internal import BufferManager
public import StorageManager

/// Bringing a whole map up to date.
extension FreeSpaceMap {
    /// Makes the upper pages of the map tell what the leaves hold, so that searches find all of it,
    /// and begin with low blocks again. Mirrors `FreeSpaceMapVacuumRange`.
    ///
    /// Reads all pages of the fork that concern the blocks, and computes their inner nodes anew,
    /// which PostgreSQL leaves to searches.
    ///
    /// - Parameter start: the first block whose record may have changed.
    /// - Throws: what reading throws.
    public func vacuum(from start: BlockNumber = 0) throws(StorageError) {
        _ = try vacuum(.root, startingAt: start)
    }

    /// - Returns: whether the fork has the page.
    private func vacuum(_ address: FreeSpaceAddress, startingAt start: BlockNumber)
        throws(StorageError) -> Bool
    {
        guard let page = try page(address) else { return false }
        if address.level > 0 {
            let known = page.withSharedLock { FreeSpacePage.categories(in: $0) }
            var areThere = true
            for slot in firstSlot(of: address, from: start)..<FreeSpacePage.slotCount {
                let child = address.child(slot)
                if areThere { areThere = try vacuum(child, startingAt: start) }
                if areThere || known[slot] > 0 { try correct(child) }
            }
        }
        page.change { bytes in
            // Nothing else notices nodes that promise too little.
            let isRebuilt = FreeSpacePage.rebuild(&bytes)
            FreeSpacePage.setNextSlot(0, in: &bytes)
            return isRebuilt
        }
        return true
    }

    /// The first slot of a page that concerns a block or one behind it.
    private func firstSlot(of address: FreeSpaceAddress, from start: BlockNumber) -> Int {
        var place = FreeSpaceAddress.location(of: start)
        while place.page.level < address.level { place = place.page.parent }
        if place.page.number < address.number { return 0 }
        return place.page.number == address.number ? place.slot : FreeSpacePage.slotCount
    }

    /// Forgets what the map says of blocks from `end` on. Mirrors `FreeSpaceMapPrepareTruncateRel`,
    /// except that pages which are then empty stay: the fork keeps its length.
    ///
    /// - Throws: what reading throws.
    public func truncate(to end: UInt32) throws(StorageError) {
        let count = try blockCount()
        if count == 0 { return }
        let (address, slot) = FreeSpaceAddress.location(of: BlockNumber(end))
        var next = address.block.rawValue
        if slot > 0 {
            try self.page(address)?.change { FreeSpacePage.clear(from: slot, in: &$0) }
            next += 1
        }
        // A page stands before those below it, so all that follow concern later blocks only.
        while next < count {
            try page(at: BlockNumber(next)).change { FreeSpacePage.clear(from: 0, in: &$0) }
            next += 1
        }
        try vacuum(from: BlockNumber(end))
    }
}
