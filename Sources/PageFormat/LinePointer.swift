/// The number of a line pointer on its page, counted from 1; 0 is no line pointer.
/// PostgreSQL's `OffsetNumber`.
public typealias OffsetNumber = UInt16

/// One entry of a page's array of line pointers: where an item lies, and whether it lives.
/// Mirrors PostgreSQL's `ItemIdData`.
///
/// | bits | |
/// |---|---|
/// | 0–14 | offset of the item in the page, bytes |
/// | 15–16 | ``State`` |
/// | 17–31 | length of the item, bytes |
public struct LinePointer: Hashable, Sendable {
    /// What a line pointer stands for.
    public enum State: UInt8, Sendable {
        /// Free for reuse; has no storage.
        case unused = 0
        /// Points at an item.
        case normal = 1
        /// Stands for the line pointer whose number is in `offset`; has no storage.
        case redirect = 2
        /// Its item is gone, while an index may still name it.
        case dead = 3
    }

    /// The 32 bits as they lie in the page.
    public var rawValue: UInt32

    /// Takes the bits as they lie in the page.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Makes a line pointer. `offset` and `length` keep their low 15 bits, which is more than
    /// any place or size on a page needs.
    @inlinable
    public init(state: State, offset: Int, length: Int) {
        let offsetBits = UInt32(truncatingIfNeeded: offset) & 0x7FFF
        let lengthBits = UInt32(truncatingIfNeeded: length) & 0x7FFF
        rawValue = offsetBits | UInt32(state.rawValue) << 15 | lengthBits << 17
    }

    /// A line pointer free for reuse.
    public static let unused = LinePointer(rawValue: 0)

    /// Offset of the item in the page, bytes; of a redirect, the number it stands for.
    @inlinable
    public var offset: Int { Int(rawValue & 0x7FFF) }

    /// What the line pointer stands for.
    @inlinable
    public var state: State {
        switch (rawValue >> 15) & 3 {
        case 0: .unused
        case 1: .normal
        case 2: .redirect
        default: .dead
        }
    }

    /// Length of the item, bytes.
    @inlinable
    public var length: Int { Int(rawValue >> 17) }
}
