public import StorageManager

/// The pages by which a relation has just grown: filled with zeroes, valid, pinned.
///
/// Destroying the value drops the pins of pages that were not taken. Belongs to one thread.
public struct ExtendedPages: ~Copyable {
    /// The first of the new blocks.
    public let first: BlockNumber
    /// How many blocks were added.
    public let count: Int

    let pool: BufferPool
    let buffers: [UInt32]
    var taken = 0

    init(first: BlockNumber, buffers: [UInt32], pool: BufferPool) {
        self.first = first
        count = buffers.count
        self.buffers = buffers
        self.pool = pool
    }

    deinit {
        for position in taken..<count { pool.buffer(Int(buffers[position])).unpin() }
    }

    /// Takes the next page, in block order; nil if all were taken.
    public mutating func next() -> PinnedPage? {
        guard taken < count else { return nil }
        let index = Int(buffers[taken])
        taken += 1
        return PinnedPage(pool.buffer(index), pool.address(index))
    }
}
