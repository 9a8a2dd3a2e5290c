/// The place of a chunk, in the map of its fork.
///
/// | | units | lost |
/// |---|---|---|
/// | stored | some | false |
/// | zeroes | none | false |
/// | lost: the file ends before it | some | true |
/// | lost: no chunk was found where one may have been | none | true |
struct ChunkEntry: Equatable, Sendable {
    /// Its units; none for a chunk that takes no space.
    var extent: Extent
    /// How many of its pages count; the pages after them are zeroes.
    var pages: UInt8
    /// Whether its contents are not in the file, and not known to be zeroes.
    var isLost = false
    /// The generation in its header.
    var generation: UInt64

    /// A chunk of zeroes.
    static let empty = ChunkEntry(extent: Extent(start: 0, count: 0), pages: 0, generation: 0)
    /// A chunk that was not found and is not known to be zeroes.
    static let lost = ChunkEntry(
        extent: Extent(start: 0, count: 0), pages: 0, isLost: true, generation: 0)

    /// Whether it takes no space.
    var isEmpty: Bool { extent.count == 0 }
}
