internal import PageFormat

/// One page of a map: a tree of bytes, each the greatest of the two below it. Mirrors PostgreSQL's
/// `fsmpage.c`. Pure code on a page's bytes, whatever they are; the caller holds the page's lock.
///
/// | bytes | content |
/// |---|---|
/// | 0–23 | the header of an empty page |
/// | 24–27 | the slot at which the next search begins, a hint |
/// | 28–4122 | 4,095 inner nodes, the root first; below node *n* are 2 *n* + 1 and 2 *n* + 2 |
/// | 4123–8191 | 4,069 leaves: the slots |
///
/// A page of zeroes is an empty page of a map.
package enum FreeSpacePage {
    private static let nodeStart = PageLayout.headerSize + 4
    private static let nodeCount = PageLayout.size - nodeStart
    private static let innerCount = PageLayout.size / 2 - 1
    /// How many slots a page has.
    package static let slotCount = nodeCount - innerCount

    // MARK: Reading

    private static func node(_ number: Int, _ page: RawSpan) -> UInt8 {
        unsafe page.unsafeLoad(fromByteOffset: nodeStart + number, as: UInt8.self)
    }

    /// What a slot holds.
    package static func category(of slot: Int, in page: RawSpan) -> UInt8 {
        node(innerCount + slot, page)
    }

    /// The greatest that a slot holds, as far as the tree is right.
    package static func greatest(in page: RawSpan) -> UInt8 { node(0, page) }

    /// What all slots hold.
    package static func categories(in page: RawSpan) -> [UInt8] {
        (0..<slotCount).map { category(of: $0, in: page) }
    }

    /// The slot at which the next search begins.
    package static func nextSlot(in page: RawSpan) -> Int {
        let word = unsafe page.unsafeLoadUnaligned(
            fromByteOffset: PageLayout.headerSize, as: Int32.self)
        let slot = Int(Int32(littleEndian: word))
        return (0..<slotCount).contains(slot) ? slot : 0
    }

    /// The outcome of a search.
    package enum Found: Hashable, Sendable {
        case slot(Int)
        /// No slot has as much.
        case none
        /// An inner node promises more than the nodes below it have.
        case broken
    }

    /// Finds a slot that holds at least `category`. Mirrors `fsm_search_avail`.
    ///
    /// Begins at ``nextSlot(in:)`` and climbs, one step to the right at each level, until a node
    /// has enough, so that searches spread over the slots. O(log slots).
    package static func search(_ page: RawSpan, for category: UInt8) -> Found {
        if node(0, page) < category { return .none }
        var place = innerCount + nextSlot(in: page)
        while place > 0, node(place, page) < category { place = parent(rightNeighbor(place)) }
        while place < innerCount {
            let left = 2 * place + 1
            if left < nodeCount, node(left, page) >= category {
                place = left
            } else if left + 1 < nodeCount, node(left + 1, page) >= category {
                place = left + 1
            } else {
                return .broken
            }
        }
        return .slot(place - innerCount)
    }

    private static func parent(_ number: Int) -> Int { (number - 1) / 2 }

    /// The next node of the same level; behind the last one comes the first.
    private static func rightNeighbor(_ number: Int) -> Int {
        let next = number + 1
        // The first node of a level has the number of a power of two, less one.
        return next & (next + 1) == 0 ? parent(next) : next
    }

    // MARK: Changing

    private static func setNode(
        _ number: Int, to category: UInt8, in page: inout MutableRawSpan
    ) {
        page.storeBytes(of: category, toByteOffset: nodeStart + number, as: UInt8.self)
    }

    /// What the nodes below an inner node call for.
    private static func sum(_ number: Int, _ page: RawSpan) -> UInt8 {
        let left = 2 * number + 1
        if left >= nodeCount { return 0 }
        let first = node(left, page)
        return left + 1 < nodeCount ? max(first, node(left + 1, page)) : first
    }

    /// Sets a slot, and the nodes above it. Mirrors `fsm_set_avail`. O(log slots), but O(slots) if
    /// the tree turns out to be wrong.
    ///
    /// - Returns: whether the page has changed.
    package static func set(
        _ slot: Int, to category: UInt8, in page: inout MutableRawSpan
    ) -> Bool {
        let isNew = initialize(&page)
        var place = innerCount + slot
        if node(place, page.bytes) == category, category <= node(0, page.bytes) { return isNew }
        setNode(place, to: category, in: &page)
        repeat {
            place = parent(place)
            let now = sum(place, page.bytes)
            if node(place, page.bytes) == now { break }
            setNode(place, to: now, in: &page)
        } while place > 0
        if category > node(0, page.bytes) { _ = rebuild(&page) }
        return true
    }

    /// Computes all inner nodes anew. Mirrors `fsm_rebuild_page`.
    ///
    /// - Returns: whether the page has changed.
    package static func rebuild(_ page: inout MutableRawSpan) -> Bool {
        var isChanged = false
        for place in (0..<innerCount).reversed() {
            let now = sum(place, page.bytes)
            if node(place, page.bytes) == now { continue }
            setNode(place, to: now, in: &page)
            isChanged = true
        }
        return isChanged
    }

    /// Empties all slots from one on. Mirrors `fsm_truncate_avail`.
    ///
    /// - Returns: whether the page has changed.
    package static func clear(from slot: Int, in page: inout MutableRawSpan) -> Bool {
        var isChanged = false
        for place in innerCount + slot..<nodeCount where node(place, page.bytes) != 0 {
            setNode(place, to: 0, in: &page)
            isChanged = true
        }
        let isRebuilt = rebuild(&page)
        return isChanged || isRebuilt
    }

    /// Sets the slot at which the next search begins. A hint: it need not reach the disk.
    package static func setNextSlot(_ slot: Int, in page: inout MutableRawSpan) {
        page.storeBytes(
            of: Int32(slot).littleEndian, toByteOffset: PageLayout.headerSize, as: Int32.self)
    }

    /// Makes a page of zeroes an empty page. Returns whether it was one of zeroes.
    private static func initialize(_ page: inout MutableRawSpan) -> Bool {
        guard let header = PageHeader(page.bytes), header.isNew else { return false }
        return PageHeader().write(to: &page)
    }
}
