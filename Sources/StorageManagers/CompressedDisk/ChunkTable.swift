/// Entries by chunk number, in memory that grows with the entries and not with the numbers. So a
/// length that a damaged map claims costs nothing.
///
/// Chunks are kept in leaves of 512. Each leaf is sorted and holds only existing entries: 24 bytes
/// per entry, and eight bytes per leaf up to the last one with entries. If a leaf has all entries
/// up to the wanted one, as in a fork without holes, finding it takes one step, otherwise a search
/// within the leaf.
struct ChunkTable: Sendable {
    private static let leafBits = 9
    private static let leafCount = 1 << leafBits

    /// An entry with its place in its leaf, in the bytes that the entry alone would take.
    fileprivate struct Item {
        let extent: Extent
        let pages: UInt8
        let isLost: Bool
        let slot: UInt16
        let generation: UInt64

        init(_ slot: Int, _ entry: ChunkEntry) {
            extent = entry.extent
            pages = entry.pages
            isLost = entry.isLost
            self.slot = UInt16(slot)
            generation = entry.generation
        }

        var entry: ChunkEntry {
            ChunkEntry(extent: extent, pages: pages, isLost: isLost, generation: generation)
        }
    }

    private var leaves: [[Item]] = []

    /// The entry of a chunk; ``ChunkEntry/empty`` if none was set.
    subscript(chunk: Int) -> ChunkEntry {
        get {
            let leaf = chunk >> Self.leafBits
            guard leaf < leaves.count else { return .empty }
            let slot = chunk & (Self.leafCount - 1)
            let position = Self.position(of: slot, in: leaves[leaf])
            guard position < leaves[leaf].count, leaves[leaf][position].slot == slot else {
                return .empty
            }
            return leaves[leaf][position].entry
        }
        set {
            let leaf = chunk >> Self.leafBits
            if leaf >= leaves.count {
                if newValue == .empty { return }
                leaves += Array(repeating: [], count: leaf + 1 - leaves.count)
            }
            let slot = chunk & (Self.leafCount - 1)
            let position = Self.position(of: slot, in: leaves[leaf])
            let isThere = position < leaves[leaf].count && leaves[leaf][position].slot == slot
            switch (isThere, newValue == .empty) {
            case (true, false): leaves[leaf][position] = Item(slot, newValue)
            case (false, false): leaves[leaf].insert(Item(slot, newValue), at: position)
            case (true, true): leaves[leaf].remove(at: position)
            case (false, true): break
            }
        }
    }

    /// Where a slot is in a leaf, or belongs.
    private static func position(of slot: Int, in leaf: [Item]) -> Int {
        if slot < leaf.count, leaf[slot].slot == slot { return slot }
        // No item lies behind the place that its slot says.
        var (low, high) = (0, min(slot, leaf.count))
        while low < high {
            let middle = (low + high) / 2
            if leaf[middle].slot < slot { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The entries from a chunk on that are not ``ChunkEntry/empty``, in order. Time grows with the
    /// entries and the leaves.
    func entries(from first: Int = 0) -> Entries { Entries(leaves, from: first) }

    /// Entries by chunk.
    struct Entries: Sequence, IteratorProtocol {
        private let leaves: [[Item]]
        private var leaf: Int
        private var position = 0

        fileprivate init(_ leaves: [[Item]], from first: Int) {
            self.leaves = leaves
            leaf = first >> ChunkTable.leafBits
            if leaf < leaves.count {
                position = ChunkTable.position(
                    of: first & (ChunkTable.leafCount - 1), in: leaves[leaf])
            }
        }

        mutating func next() -> (chunk: Int, entry: ChunkEntry)? {
            while leaf < leaves.count {
                if position < leaves[leaf].count {
                    let item = leaves[leaf][position]
                    position += 1
                    return (leaf << ChunkTable.leafBits | Int(item.slot), item.entry)
                }
                leaf += 1
                position = 0
            }
            return nil
        }
    }
}
