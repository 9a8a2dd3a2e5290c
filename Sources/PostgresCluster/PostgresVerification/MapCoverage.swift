internal import PageFormat
internal import PostgresTypes

/// How long a relation's main fork is according to its map forks. Mirrors the layouts of
/// `visibilitymap.c` and `freespace.c`.
struct MapCoverage: Sendable {
    /// The blocks that the visibility map's bits tell of.
    private(set) var byVisibility: UInt64 = 0
    /// The blocks that the free space map's leaves tell of.
    private(set) var byFreeSpace: UInt64 = 0

    /// Two bits a block, behind the page header.
    private static let blocksPerByte: UInt64 = 4
    private static let mapBytes = PageLayout.size - PageLayout.headerSize
    /// A page of the free space map: a number of four bytes, inner nodes, then the leaves.
    private static let firstLeaf = PageLayout.headerSize + 4 + PageLayout.size / 2 - 1
    private static let leaves = UInt64(PageLayout.size - firstLeaf)

    /// The blocks that one page of the visibility map covers.
    static let visibilityBlocks = UInt64(mapBytes) * blocksPerByte

    /// The blocks that the main fork has at least, if its visibility map has that many pages.
    static func leastBlocks(visibilityPages: UInt64) -> UInt64 {
        visibilityPages == 0 ? 0 : (visibilityPages - 1) * visibilityBlocks + 1
    }

    /// Adds what another part of the maps tells of.
    mutating func add(_ other: MapCoverage) {
        byVisibility = max(byVisibility, other.byVisibility)
        byFreeSpace = max(byFreeSpace, other.byFreeSpace)
    }

    /// Takes a page of the visibility map.
    mutating func takeVisibility(_ page: PageView, _ block: UInt32) {
        var index = PageLayout.size - 1
        while index >= PageLayout.headerSize {
            let byte = (try? page.bytes.byte(index)) ?? 0
            if byte != 0 {
                let inByte = UInt64(7 - byte.leadingZeroBitCount) / 2
                let covered =
                    (UInt64(block) * UInt64(Self.mapBytes)
                        + UInt64(index - PageLayout.headerSize)) * Self.blocksPerByte + inByte + 1
                byVisibility = max(byVisibility, covered)
                return
            }
            index -= 1
        }
    }

    /// Takes a page of the free space map. The first is the root; then each page of the middle
    /// level is followed by its leaves.
    mutating func takeFreeSpace(_ page: PageView, _ block: UInt32) {
        guard block > 0 else { return }
        let (group, place) = UInt64(block - 1).quotientAndRemainder(dividingBy: Self.leaves + 1)
        guard place > 0 else { return }
        let leaf = group * Self.leaves + place - 1
        var index = PageLayout.size - 1
        while index >= Self.firstLeaf {
            if let byte = try? page.bytes.byte(index), byte != 0 {
                byFreeSpace = max(
                    byFreeSpace, leaf * Self.leaves + UInt64(index - Self.firstLeaf) + 1)
                return
            }
            index -= 1
        }
    }

    /// Whether a page can be one of a map: maps have no line pointers and no special space.
    static func mayHave(_ page: PageView) -> Bool {
        let header = page.header
        return Int(header.special) == PageLayout.size && Int(header.lower) == PageLayout.headerSize
    }

    /// Whether a page has the contents of a free space map: a tree in which each node has the
    /// larger of its two children's numbers, and the root's is not zero.
    static func isFreeSpaceMap(_ page: PageView) -> Bool {
        let root = PageLayout.headerSize + 4
        func node(_ index: Int) -> UInt8 {
            root + index < PageLayout.size ? (try? page.bytes.byte(root + index)) ?? 0 : 0
        }
        guard node(0) > 0 else { return false }
        return (0..<firstLeaf - root).allSatisfy {
            node($0) == max(node(2 * $0 + 1), node(2 * $0 + 2))
        }
    }

    /// Whether a page has the contents of a visibility map, of whose first blocks some are visible
    /// to all: no block is frozen that is not visible.
    static func isVisibilityMap(_ page: PageView) -> Bool {
        guard let first = try? page.bytes.byte(PageLayout.headerSize), first > 0 else {
            return false
        }
        return (PageLayout.headerSize..<PageLayout.size).allSatisfy { offset in
            let byte = (try? page.bytes.byte(offset)) ?? 0
            return byte >> 1 & ~byte & 0x55 == 0
        }
    }
}
