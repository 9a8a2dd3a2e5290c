/// Which blocks of a fork have been seen. A hint: it forgets all rather than grow without bound.
///
/// A value; a lock of its owner guards it. O(1) for up to 64 neighbours.
package struct SeenBlocks: Sendable {
    /// A bit per block, by the block's number without its last six bits.
    private var words: [UInt32: UInt64] = [:]
    /// The most words: those of 32 GiB of blocks, about a megabyte.
    private static let limit = 1 << 16

    /// Makes an empty set.
    package init() {}

    /// Whether a block was inserted.
    package func contains(_ block: BlockNumber) -> Bool {
        guard let word = words[block.rawValue >> 6] else { return false }
        return word >> UInt64(block.rawValue & 63) & 1 != 0
    }

    /// Inserts neighbouring blocks.
    package mutating func insert(_ first: BlockNumber, count: Int) {
        if words.count >= Self.limit { words.removeAll() }
        var block = UInt64(first.rawValue)
        let end = block + UInt64(count)
        while block < end {
            let wordEnd = min(end, (block | 63) + 1)
            let bits = (~UInt64(0) >> (64 - (wordEnd - block))) << (block & 63)
            words[UInt32(truncatingIfNeeded: block >> 6), default: 0] |= bits
            block = wordEnd
        }
    }
}
