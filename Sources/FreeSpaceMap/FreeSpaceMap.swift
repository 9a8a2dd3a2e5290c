public import AsyncIO
public import BufferManager
public import StorageManager

/// The free-space map of a relation: how much room each block has, so that a page with enough is
/// found without looking at the pages. Mirrors PostgreSQL's `freespace.c`, in the format of
/// PostgreSQL 13 to 18.
///
/// A value for one session's thread; any number of threads may use the same map. Calls block while
/// pages are read. They pin at most four pages, and hold no page's lock while a page is read, so
/// callers may hold pages of the relation itself. A page's lock is held while that of a page below
/// it is taken, never the other way round: what a page says of one below is changed only while the
/// other keeps still.
///
/// The map is a hint. What it says may be of another time, so callers look at the page that they
/// get from it, and record what it really has. In return nothing in the fork is ever damage: a page
/// that does not pass its checksum counts as empty, a node that promises what the nodes below it
/// lack is computed anew, and blocks that the relation does not have are taken off.
public struct FreeSpaceMap {
    let buffers: BufferManager
    let relation: OpenRelation
    let session: Session

    /// Makes a value for the map in the relation's fork `fsm`.
    ///
    /// Nothing is read. While a value records, the fork must exist and nothing may shorten it.
    public init(_ buffers: BufferManager, of relation: OpenRelation, session: Session) {
        self.buffers = buffers
        self.relation = relation
        self.session = session
    }

    /// Records how much room a block has. Mirrors `RecordPageWithFreeSpace`.
    ///
    /// Only the leaf of the map is changed: searches that begin above it find the page once
    /// ``vacuum(from:)`` has passed, or once they have come by. O(1), and the fork grows if
    /// needed.
    ///
    /// - Parameters:
    ///   - bytes: the free bytes; rounded down to a multiple of 32.
    ///   - block: the block of the relation.
    /// - Throws: what reading and extending the fork throw.
    public func record(_ bytes: Int, at block: BlockNumber) throws(StorageError) {
        let (page, slot) = FreeSpaceAddress.location(of: block)
        try set(slot, of: page, to: FreeSpaceCategory(available: bytes).rawValue)
    }

    /// How much room the map says a block has, in bytes; 0 if it says nothing. Mirrors
    /// `GetRecordedFreeSpace`.
    ///
    /// - Throws: what reading throws.
    public func recorded(at block: BlockNumber) throws(StorageError) -> Int {
        let (address, slot) = FreeSpaceAddress.location(of: block)
        guard let page = try page(address) else { return 0 }
        let category = page.withSharedLock { FreeSpacePage.category(of: slot, in: $0) }
        return FreeSpaceCategory(rawValue: category).bytes
    }

    /// A block with at least that much room, as far as the map knows; nil if it knows of none.
    /// Mirrors `GetPageWithFreeSpace`.
    ///
    /// Searches that follow each other get different blocks as long as there are several.
    ///
    /// - Parameters:
    ///   - bytes: how many bytes are needed, at most ``FreeSpaceCategory/greatestRequest``.
    ///   - end: how many blocks the relation has. Asked again whenever it matters, also under a
    ///     page's lock, as other threads may add some.
    /// - Throws: `misuse` if no page can have that much; what reading throws.
    public func find(_ bytes: Int, below end: @autoclosure () -> UInt32) throws(StorageError)
        -> BlockNumber?
    {
        try search(category(needed: bytes), below: end)
    }

    /// Records how much room a block turned out to have, and finds another one, near it if
    /// possible. Mirrors `RecordAndGetPageWithFreeSpace`.
    ///
    /// - Parameters:
    ///   - bytes: how many bytes are needed, at most ``FreeSpaceCategory/greatestRequest``.
    ///   - found: how many free bytes the block really has.
    ///   - block: the block that had not enough.
    ///   - end: as of ``find(_:below:)``.
    /// - Throws: as ``record(_:at:)`` and ``find(_:below:)``.
    public func find(
        _ bytes: Int, recording found: Int, at block: BlockNumber,
        below end: @autoclosure () -> UInt32
    ) throws(StorageError) -> BlockNumber? {
        let needed = try category(needed: bytes)
        let (address, slot) = FreeSpaceAddress.location(of: block)
        let now = FreeSpaceCategory(available: found).rawValue
        if let near = try set(slot, of: address, to: now, searching: needed),
            let other = address.relationBlock(near), other.rawValue < end()
        {
            return other
        }
        return try search(needed, below: end)
    }

    private func category(needed bytes: Int) throws(StorageError) -> UInt8 {
        if let category = FreeSpaceCategory(needed: bytes) { return category.rawValue }
        throw StorageError(
            .misuse, "no page can have \(bytes) free bytes",
            remedy: "Ask for 0 to \(FreeSpaceCategory.greatestRequest) bytes.",
            at: relation.location(.freeSpaceMap))
    }

    /// How often a search begins again after it has put right what misled it.
    private static let patience = 10_000

    /// Mirrors `fsm_search`.
    private func search(_ category: UInt8, below end: () -> UInt32) throws(StorageError)
        -> BlockNumber?
    {
        var (address, corrections) = (FreeSpaceAddress.root, 0)
        while corrections < Self.patience {
            let slot = try search(address, for: category)
            if let slot, address.level > 0 {
                address = address.child(slot)
                continue
            }
            if let slot {
                if let block = address.relationBlock(slot), block.rawValue < end() { return block }
                // The relation has been cut, or a crash has taken its end.
                try clear(slot, of: address, from: end)
            } else {
                if address == .root { return nil }
                // The page above promises more than this one has.
                try correct(address)
            }
            corrections += 1
            address = .root
        }
        return nil
    }

    /// Searches one page, and computes its inner nodes anew if they are wrong.
    ///
    /// - Returns: the slot; nil if there is none.
    private func search(_ address: FreeSpaceAddress, for category: UInt8) throws(StorageError)
        -> Int?
    {
        guard var page = try page(address) else { return nil }
        while true {
            let (found, next) = page.withSharedLock { bytes in
                (FreeSpacePage.search(bytes, for: category), FreeSpacePage.nextSlot(in: bytes))
            }
            switch found {
            case .none: return nil
            case .broken: page.change { FreeSpacePage.rebuild(&$0) }
            case .slot(let slot):
                let hint = address.level == 0 ? slot + 1 : slot
                if hint != next { page.hint(nextSlot: hint) }
                return slot
            }
        }
    }

    /// Empties a slot of a leaf, unless the relation has its block by now: the thread that has
    /// added the block may have recorded it.
    private func clear(_ slot: Int, of address: FreeSpaceAddress, from end: () -> UInt32)
        throws(StorageError)
    {
        try page(address)?.change { bytes in
            // Under the lock, so that what is recorded after this stays.
            if let block = address.relationBlock(slot), block.rawValue < end() { return false }
            return FreeSpacePage.set(slot, to: 0, in: &bytes)
        }
    }

    /// Makes the page above say what a page holds. The lock of the page above keeps it from saying
    /// what another thread has just replaced.
    func correct(_ address: FreeSpaceAddress) throws(StorageError) {
        let (above, slot) = address.parent
        let below = try page(address)
        guard let parent = try page(above) else { return }
        guard let below else {
            return parent.change { bytes in
                // Another thread may have added the page.
                let count = (try? blockCount()) ?? .max
                if address.block.rawValue < count { return false }
                return FreeSpacePage.set(slot, to: 0, in: &bytes)
            }
        }
        parent.change { bytes in
            let greatest = below.withSharedLock { FreeSpacePage.greatest(in: $0) }
            return FreeSpacePage.set(slot, to: greatest, in: &bytes)
        }
    }

    /// Sets a slot of a page, and searches the page for another one. The fork grows if it lacks the
    /// page. Mirrors `fsm_set_and_search`.
    @discardableResult
    func set(
        _ slot: Int, of address: FreeSpaceAddress, to category: UInt8,
        searching needed: UInt8? = nil
    ) throws(StorageError) -> Int? {
        let page = try page(growingTo: address)
        return page.change(returning: nil) { bytes, found in
            let isChanged = FreeSpacePage.set(slot, to: category, in: &bytes)
            guard let needed else { return isChanged }
            var isRebuilt = false
            if FreeSpacePage.search(bytes.bytes, for: needed) == .broken {
                isRebuilt = FreeSpacePage.rebuild(&bytes)
            }
            if case .slot(let other) = FreeSpacePage.search(bytes.bytes, for: needed) {
                FreeSpacePage.setNextSlot(address.level == 0 ? other + 1 : other, in: &bytes)
                found = other
            }
            return isChanged || isRebuilt
        }
    }
}

/// Pages of the fork.
extension FreeSpaceMap {
    /// How many blocks the fork has.
    func blockCount() throws(StorageError) -> UInt32 {
        let storage = relation.storage
        return try storage.exists(.freeSpaceMap) ? storage.blockCount(.freeSpaceMap) : 0
    }

    /// A page of the map; nil if the fork is not that long. Mirrors `fsm_readbuf`.
    func page(_ address: FreeSpaceAddress) throws(StorageError) -> PinnedPage? {
        let block = address.block
        if let page = buffers.pinIfResident(
            block, of: relation, fork: .freeSpaceMap, session: session)
        {
            return page
        }
        return try block.rawValue < blockCount() ? page(at: block) : nil
    }

    /// A page that the fork has. A damaged one counts as empty.
    func page(at block: BlockNumber) throws(StorageError) -> PinnedPage {
        try buffers.page(
            block, of: relation, fork: .freeSpaceMap, mode: .zeroOnError, session: session)
    }

    private func page(growingTo address: FreeSpaceAddress) throws(StorageError) -> PinnedPage {
        if let page = try page(address) { return page }
        var count = try blockCount()
        while count <= address.block.rawValue {
            // Another thread may do the same; the fork is then longer than it has to be.
            let pages = try buffers.extend(
                relation, fork: .freeSpaceMap, by: Int(address.block.rawValue - count) + 1,
                session: session)
            count = pages.first.rawValue + UInt32(pages.count)
        }
        return try page(at: address.block)
    }
}

extension PinnedPage {
    /// Changes a page of the map. It is written only if `body` says that it has changed.
    func change(_ body: (inout MutableRawSpan) -> Bool) {
        change(returning: ()) { bytes, _ in body(&bytes) }
    }

    func change<Result>(
        returning first: Result, _ body: (inout MutableRawSpan, inout Result) -> Bool
    ) -> Result {
        withExclusiveLock(dirtying: false) { bytes in
            var result = first
            if body(&bytes, &result) { markDirty() }
            return result
        }
    }

    /// Notes where the next search of the page begins, unless others use the page at the moment:
    /// it only spreads searches, for which nobody waits.
    fileprivate mutating func hint(nextSlot slot: Int) {
        guard tryLock() else { return }
        withExclusiveLock(dirtying: false) { FreeSpacePage.setNextSlot(slot, in: &$0) }
        unlock()
    }
}
