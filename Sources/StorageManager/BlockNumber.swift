/// The position of a page in a relation's fork, counted from zero across all its segments.
public struct BlockNumber: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
    /// The position.
    public let rawValue: UInt32

    /// Makes a block number.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Makes a block number.
    @inlinable
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// No block.
    @inlinable
    public static var invalid: BlockNumber { BlockNumber(UInt32.max) }

    /// The largest number of blocks a fork can have. The last block is one below.
    public static let maximumCount = UInt32.max - 1

    /// The block `distance` further on, or `invalid` if that is out of range.
    @inlinable
    public func advanced(by distance: Int) -> BlockNumber {
        let (sum, overflow) = Int(rawValue).addingReportingOverflow(distance)
        return !overflow && sum >= 0 && sum < Int(UInt32.max)
            ? BlockNumber(UInt32(sum)) : .invalid
    }

    /// Orders blocks by position.
    @inlinable
    public static func < (left: BlockNumber, right: BlockNumber) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension BlockNumber: CustomStringConvertible, ExpressibleByIntegerLiteral {
    /// The number in decimal.
    public var description: String { String(rawValue) }

    /// Makes a block number of a literal.
    @inlinable
    public init(integerLiteral value: UInt32) { self.init(value) }
}

/// The size of a page in bytes, on disk and in the pool.
public let blockSize = 8192
