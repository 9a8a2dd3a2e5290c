public import StorageManager

/// Tells a ``ReadStream`` which blocks to read, one after the other.
///
/// The stream asks ahead of its user, so a source must not depend on pages that it named and that
/// were not taken yet. A source must not block and must not use the stream's session. A stream of a
/// known source type calls it directly, without a closure or a witness in between. Mirrors
/// PostgreSQL's `ReadStreamBlockNumberCB`.
public protocol BlockSource<PageData> {
    /// The data that accompanies a block to the user of its page; `Void` if there is none.
    associatedtype PageData

    /// Returns the next block with its data; nil if there is none at present. After nil, the stream
    /// asks again only after ``ReadStream/resume()`` or ``ReadStream/reset()``.
    mutating func next() -> (block: BlockNumber, data: PageData)?
}

/// A range of blocks, ascending or descending.
public struct BlockRange: BlockSource, Sendable {
    /// The blocks not yet returned.
    @usableFromInline var remaining: Range<UInt32>
    /// Whether the highest block comes first.
    public let isBackward: Bool

    /// Makes a source of the blocks in a range.
    public init(_ blocks: Range<UInt32>, backward: Bool = false) {
        remaining = blocks
        isBackward = backward
    }

    /// Returns the next block.
    @inlinable
    public mutating func next() -> (block: BlockNumber, data: Void)? {
        guard let block = take() else { return nil }
        return (BlockNumber(block), ())
    }

    @inlinable
    @inline(__always)
    mutating func take() -> UInt32? {
        if remaining.isEmpty { return nil }
        let (lower, upper) = (remaining.lowerBound, remaining.upperBound)
        if isBackward {
            remaining = lower..<upper - 1
            return upper - 1
        }
        remaining = lower + 1..<upper
        return lower
    }
}

/// The blocks of a sequence, in its order.
public struct BlockSequence<Base: IteratorProtocol<BlockNumber>>: BlockSource {
    @usableFromInline var base: Base

    /// Makes a source of the blocks of a sequence.
    @inlinable
    public init<Blocks: Sequence>(_ blocks: Blocks) where Blocks.Iterator == Base {
        base = blocks.makeIterator()
    }

    /// Returns the next block.
    @inlinable
    public mutating func next() -> (block: BlockNumber, data: Void)? {
        guard let block = base.next() else { return nil }
        return (block, ())
    }
}

extension BlockSequence: Sendable where Base: Sendable {}

/// Blocks from a closure.
public struct BlockGenerator<PageData>: BlockSource {
    @usableFromInline let body: () -> (block: BlockNumber, data: PageData)?

    /// Makes a source from a closure that returns blocks with data.
    @inlinable
    public init(_ body: @escaping () -> (block: BlockNumber, data: PageData)?) {
        self.body = body
    }

    /// Returns the next block.
    @inlinable
    public mutating func next() -> (block: BlockNumber, data: PageData)? { body() }
}

extension BlockGenerator where PageData == Void {
    /// Makes a source from a closure that returns blocks.
    @inlinable
    public init(blocks: @escaping () -> BlockNumber?) {
        self.init {
            guard let block = blocks() else { return nil }
            return (block, ())
        }
    }
}
