public import StorageManager
internal import Synchronization

/// A range of blocks that several streams share, so that several threads read one relation
/// together.
///
/// Each thread makes a stream over a part of its own; together they read each block once. A part
/// takes the next stretch of neighbours when it has named all blocks of its last one, so threads
/// that are faster read more. Mirrors PostgreSQL's `table_block_parallelscan_nextpage`.
///
/// ```swift
/// let shared = SharedBlockRange(0..<relation.blockCount)
/// // On each thread, with a session of its own:
/// var stream = relation.stream(
///     shared.part(), session: session,
///     options: .scan(of: shared.blocks.count, in: engine.buffers))
/// while let page = try stream.next() { use(page, inStretch: stream.data) }
/// ```
///
/// Any thread may use it.
public final class SharedBlockRange: Sendable {
    /// All blocks.
    public let blocks: Range<UInt32>
    /// How many blocks a stretch has; the last one may have fewer.
    public let stretchLength: Int
    /// How many stretches there are.
    public var stretchCount: Int { (blocks.count + stretchLength - 1) / stretchLength }

    private let taken = Atomic<Int>(0)

    /// Shares a range of blocks.
    ///
    /// - Parameters:
    ///   - blocks: the blocks.
    ///   - stretchLength: how many neighbours a part takes at a time; at least 1 is used.
    public init(_ blocks: Range<UInt32>, stretchLength: Int = 32) {
        self.blocks = blocks
        self.stretchLength = max(1, stretchLength)
    }

    /// Makes a source that shares the blocks with all others made here.
    public func part() -> Part { Part(shared: self) }

    /// Hands out no more stretches. Parts still name the rest of those that they have.
    public func stop() { taken.store(stretchCount, ordering: .relaxed) }

    /// The next stretch and its number; nil if all were taken.
    fileprivate func takeStretch() -> (number: Int, blocks: Range<UInt32>)? {
        let number = taken.wrappingAdd(1, ordering: .relaxed).oldValue
        guard number < stretchCount else {
            // Not to grow without end.
            taken.store(stretchCount, ordering: .relaxed)
            return nil
        }
        let first = blocks.lowerBound + UInt32(number * stretchLength)
        let count = min(stretchLength, Int(blocks.upperBound - first))
        return (number, first..<first + UInt32(count))
    }

    /// One stream's share of the blocks. The data of each block is the number of its stretch.
    public struct Part: BlockSource, Sendable {
        @usableFromInline let shared: SharedBlockRange
        @usableFromInline var stretch = 0
        @usableFromInline var remaining: Range<UInt32> = 0..<0

        fileprivate init(shared: SharedBlockRange) { self.shared = shared }

        /// Returns the next block and the number of its stretch, in ascending order.
        @inlinable
        public mutating func next() -> (block: BlockNumber, data: Int)? {
            if remaining.isEmpty && !takeStretch() { return nil }
            let block = remaining.lowerBound
            remaining = block + 1..<remaining.upperBound
            return (BlockNumber(block), stretch)
        }

        @usableFromInline
        mutating func takeStretch() -> Bool {
            guard let (number, blocks) = shared.takeStretch() else { return false }
            (stretch, remaining) = (number, blocks)
            return true
        }
    }
}
