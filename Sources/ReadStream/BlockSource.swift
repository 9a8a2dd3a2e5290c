public import StorageManager

/// What tells a ``ReadStream`` which blocks to read, one after the other.
///
/// The stream asks ahead of what its user takes, so a source must not depend on pages that it named
/// and that were not taken yet. It must not block, and must not use the stream's session. A stream
/// of a known source type calls it directly, without a closure or a witness in between. Mirrors
/// PostgreSQL's `ReadStreamBlockNumberCB`.
public protocol BlockSource<PageData> {
    /// What travels with a block to whoever takes its page; `Void` if nothing does.
    associatedtype PageData

    /// The next block with its data; nil when there is none at present. It is not asked again then
    /// before ``ReadStream/resume()`` or ``ReadStream/reset()``.
    mutating func next() -> (block: BlockNumber, data: PageData)?
}

/// Neighbouring blocks, upwards or downwards.
public struct BlockRange: BlockSource, Sendable {
    /// The blocks not yet named.
    @usableFromInline var remaining: Range<UInt32>
    /// Whether the highest block comes first.
    public let isBackward: Bool

    /// Names the blocks from the lower bound to below the upper one.
    public init(_ blocks: Range<UInt32>, backward: Bool = false) {
        remaining = blocks
        isBackward = backward
    }

    /// Names the next one.
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

/// The blocks that a sequence names, in its order.
public struct BlockSequence<Base: IteratorProtocol<BlockNumber>>: BlockSource {
    @usableFromInline var base: Base

    /// Names the blocks of a sequence.
    @inlinable
    public init<Blocks: Sequence>(_ blocks: Blocks) where Blocks.Iterator == Base {
        base = blocks.makeIterator()
    }

    /// Names the next one.
    @inlinable
    public mutating func next() -> (block: BlockNumber, data: Void)? {
        guard let block = base.next() else { return nil }
        return (block, ())
    }
}

extension BlockSequence: Sendable where Base: Sendable {}

/// Blocks that a closure names.
public struct BlockGenerator<PageData>: BlockSource {
    @usableFromInline let body: () -> (block: BlockNumber, data: PageData)?

    /// Names blocks with data.
    @inlinable
    public init(_ body: @escaping () -> (block: BlockNumber, data: PageData)?) {
        self.body = body
    }

    /// Names the next one.
    @inlinable
    public mutating func next() -> (block: BlockNumber, data: PageData)? { body() }
}

extension BlockGenerator where PageData == Void {
    /// Names blocks.
    @inlinable
    public init(blocks: @escaping () -> BlockNumber?) {
        self.init {
            guard let block = blocks() else { return nil }
            return (block, ())
        }
    }
}
