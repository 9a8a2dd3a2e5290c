/// The number of a line pointer on its page, counted from 1; 0 is no line pointer.
/// PostgreSQL's `OffsetNumber`.
public typealias OffsetNumber = UInt16

/// One entry of a page's array of line pointers: the position and state of an item. Mirrors
/// PostgreSQL's `ItemIdData`.
///
/// | bits | |
/// |---|---|
/// | 0–14 | offset of the item in the page, in bytes |
/// | 15–16 | ``State`` |
/// | 17–31 | length of the item, in bytes |
public struct LinePointer: Hashable, Sendable {
    /// The meaning of a line pointer.
    public enum State: UInt8, Sendable {
        /// Free for reuse; has no storage.
        case unused = 0
        /// Points at an item.
        case normal = 1
        /// Refers to the line pointer whose number is in `offset`; has no storage.
        case redirect = 2
        /// Its item is gone, but an index may still name it.
        case dead = 3
    }

    /// The 32 bits as they lie in the page.
    public var rawValue: UInt32

    /// Makes a line pointer from the bits as they lie in the page.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Makes a line pointer. `offset` and `length` keep their low 15 bits, more than any position
    /// or size on a page needs.
    @inlinable
    public init(state: State, offset: Int, length: Int) {
        let offsetBits = UInt32(truncatingIfNeeded: offset) & 0x7FFF
        let lengthBits = UInt32(truncatingIfNeeded: length) & 0x7FFF
        rawValue = offsetBits | UInt32(state.rawValue) << 15 | lengthBits << 17
    }

    /// A line pointer that is free for reuse.
    public static let unused = LinePointer(rawValue: 0)

    /// The offset of the item in the page, in bytes; for a redirect, the number it refers to.
    @inlinable
    public var offset: Int { Int(rawValue & 0x7FFF) }

    /// The state of the line pointer.
    @inlinable
    public var state: State {
        switch (rawValue >> 15) & 3 {
        case 0: .unused
        case 1: .normal
        case 2: .redirect
        default: .dead
        }
    }

    /// The length of the item, in bytes.
    @inlinable
    public var length: Int { Int(rawValue >> 17) }
}
