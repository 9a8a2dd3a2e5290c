internal import StorageManager

/// The arithmetic between blocks, segments and bytes. A pure value.
struct SegmentGeometry: Sendable {
    /// The number of blocks in a full segment.
    let blocks: UInt32

    /// The segment's number, zero for the first.
    func segment(of block: BlockNumber) -> Int { Int(block.rawValue / blocks) }

    /// The block's byte offset in its segment.
    func offset(of block: BlockNumber) -> Int64 {
        Int64(block.rawValue % blocks) * Int64(blockSize)
    }

    /// The number of blocks from `block` to the end of its segment, `block` included.
    func blocksLeft(from block: BlockNumber) -> Int { Int(blocks - block.rawValue % blocks) }

    /// The number of a segment's first block; may exceed what a ``BlockNumber`` holds.
    func firstBlock(of segment: Int) -> UInt64 { UInt64(segment) * UInt64(blocks) }

    /// The size of a full segment in bytes.
    var fullSize: Int64 { Int64(blocks) * Int64(blockSize) }

    /// The path of a segment below the store, such as `base/1/16384_fsm.2`.
    func path(_ locator: RelationLocator, _ fork: Fork, segment: Int) -> String {
        let first = locator.description + fork.suffix
        return segment == 0 ? first : first + ".\(segment)"
    }

    /// The path of a block's segment.
    func path(_ locator: RelationLocator, _ fork: Fork, block: BlockNumber) -> String {
        path(locator, fork, segment: segment(of: block))
    }

    /// Calls `body`, in order, for each part of a block range that lies in one segment, with the
    /// part's first block and its positions in the range.
    func forEachPart<Failure>(
        from block: BlockNumber, count: Int,
        _ body: (BlockNumber, Range<Int>) throws(Failure) -> Void
    ) throws(Failure) {
        var done = 0
        while done < count {
            let first = BlockNumber(block.rawValue + UInt32(done))
            let part = min(count - done, blocksLeft(from: first))
            try body(first, done..<done + part)
            done += part
        }
    }
}
