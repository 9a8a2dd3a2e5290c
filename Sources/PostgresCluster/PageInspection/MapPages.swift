internal import PageFormat

/// Pages of the free space map and the visibility map.
enum MapPages {
    private static let nodes = PageLayout.headerSize + 4
    private static let inner = PageLayout.size / 2 - 1
    /// How many blocks one page of the free space map has a leaf for.
    static let leaves = PageLayout.size - nodes - inner
    /// How many blocks one page of the visibility map has bits for.
    static let visibilityBlocks = (PageLayout.size - PageLayout.headerSize) * 4
    /// Bytes of free space that one step of a leaf stands for.
    static let step = 32

    /// The least free bytes that a block's leaf tells of.
    static func freeBytes(_ page: PageView, leaf: Int) -> Int {
        Int(PageBytes(page.bytes).byte(nodes + inner + leaf)) * step
    }

    /// Whether all rows of a block are visible to everyone, and whether all are frozen.
    static func visibility(_ page: PageView, index: Int) -> (allVisible: Bool, allFrozen: Bool) {
        let byte = PageBytes(page.bytes).byte(PageLayout.headerSize + index / 4)
        let bits = byte >> UInt8(index % 4 * 2)
        return (bits & 1 != 0, bits & 2 != 0)
    }

    /// The level of a page of the free space map, from zero for leaves, and the number of the page
    /// among those of its level. The root is first; each page is followed by those below it.
    static func freeSpaceLevel(of block: UInt32) -> (level: Int, number: UInt64) {
        if block == 0 { return (2, 0) }
        let group = UInt64(leaves) + 1
        let (middle, place) = UInt64(block - 1).quotientAndRemainder(dividingBy: group)
        return place == 0 ? (1, middle) : (0, middle * UInt64(leaves) + place - 1)
    }

    /// The fields of a page of the free space map.
    static func freeSpace(_ page: PageView, block: UInt32) -> [InspectedField] {
        let bytes = PageBytes(page.bytes)
        let (level, number) = freeSpaceLevel(of: block)
        var fields = [
            InspectedField("level", level),
            InspectedField("fp_next_slot", Int32(bitPattern: bytes.word(PageLayout.headerSize))),
            InspectedField("root", Int(bytes.byte(nodes)) * step),
        ]
        let first = number * UInt64(leaves)
        let name = level == 0 ? "block" : "page"
        for leaf in 0..<leaves where freeBytes(page, leaf: leaf) > 0 {
            fields.append(
                InspectedField(
                    "\(name) \(first + UInt64(leaf))", freeBytes(page, leaf: leaf)))
        }
        return fields
    }

    /// The fields of a page of the visibility map: ranges of blocks.
    static func visibility(_ page: PageView, block: UInt32) -> [InspectedField] {
        let first = UInt64(block) * UInt64(visibilityBlocks)
        var visible = Ranges(first)
        var frozen = Ranges(first)
        for index in 0..<visibilityBlocks {
            let bits = visibility(page, index: index)
            visible.add(index, bits.allVisible)
            frozen.add(index, bits.allFrozen)
        }
        return [
            InspectedField("all_visible", .flags(visible.texts)),
            InspectedField("all_frozen", .flags(frozen.texts)),
        ]
    }

    /// Gathers neighbouring blocks.
    private struct Ranges {
        private let first: UInt64
        private var ranges: [ClosedRange<UInt64>] = []

        init(_ first: UInt64) { self.first = first }

        mutating func add(_ index: Int, _ isSet: Bool) {
            guard isSet else { return }
            let block = first + UInt64(index)
            if let last = ranges.last, last.upperBound + 1 == block {
                ranges[ranges.count - 1] = last.lowerBound...block
            } else {
                ranges.append(block...block)
            }
        }

        var texts: [String] {
            ranges.map {
                $0.lowerBound == $0.upperBound
                    ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
            }
        }
    }
}
