/// Where a chunk is, in the map of its fork.
struct ChunkEntry: Equatable, Sendable {
    /// Its units; none for a chunk that is all zeroes and takes no space.
    var extent: Extent
    /// How many of its pages count; what is behind them is zeroes.
    var pages: UInt8
    /// The generation in its header.
    var generation: UInt64

    static let empty = ChunkEntry(extent: Extent(start: 0, count: 0), pages: 0, generation: 0)

    /// Whether there is nothing to be read.
    var isEmpty: Bool { extent.count == 0 }
}
