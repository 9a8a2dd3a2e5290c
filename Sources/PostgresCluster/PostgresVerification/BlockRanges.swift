/// Blocks of a file as ranges, in the order in which they were added. Memory is bounded: beyond
/// ``mostRanges`` ranges, blocks are only counted.
public struct BlockRanges: Sendable, Hashable {
    /// The ranges.
    public private(set) var ranges: [Range<UInt32>] = []
    /// How many blocks were added.
    public private(set) var count: UInt64 = 0

    /// How many ranges are kept.
    public static let mostRanges = 1000

    package init() {}

    /// Adds a block. O(1). A block that was added last is not added again.
    package mutating func add(_ block: UInt32) {
        if let last = ranges.last {
            if last.contains(block) { return }
            if last.upperBound == block, block < .max {
                ranges[ranges.count - 1] = last.lowerBound..<block + 1
                count += 1
                return
            }
        }
        count += 1
        if ranges.count < Self.mostRanges, block < .max { ranges.append(block..<block + 1) }
    }

    /// Adds the blocks of others, all of which come after these.
    package mutating func add(_ others: BlockRanges) {
        count += others.count
        for range in others.ranges {
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else if ranges.count < Self.mostRanges {
                ranges.append(range)
            }
        }
    }
}

extension BlockRanges: CustomStringConvertible {
    /// Such as `block 7` or `blocks 3, 7-9`; after a few ranges, how many blocks there are more.
    public var description: String {
        let shown = ranges.prefix(Self.shownRanges)
        let texts = shown.map { range in
            range.count == 1
                ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound - 1)"
        }
        let rest = count - shown.reduce(0) { $0 + UInt64($1.count) }
        return (count == 1 ? "block " : "blocks ") + texts.joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
    }

    private static let shownRanges = 8
}
