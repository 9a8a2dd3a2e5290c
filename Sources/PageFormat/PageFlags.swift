/// The flag bits of a page header.
public struct PageFlags: OptionSet, Hashable, Sendable {
    /// The bits as they lie in the page.
    public var rawValue: UInt16

    /// Makes flags from the bits as they lie in the page.
    @inlinable
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// There may be unused line pointers; a hint (`PD_HAS_FREE_LINES`).
    @inlinable public static var hasFreeLinePointers: PageFlags { PageFlags(rawValue: 0x0001) }

    /// An update found too little space on the page; a hint (`PD_PAGE_FULL`).
    @inlinable public static var isFull: PageFlags { PageFlags(rawValue: 0x0002) }

    /// Every tuple is visible to everyone (`PD_ALL_VISIBLE`).
    @inlinable public static var allVisible: PageFlags { PageFlags(rawValue: 0x0004) }

    /// All bits with a meaning. A page with others is damaged (`PD_VALID_FLAG_BITS`).
    @inlinable public static var known: PageFlags { [.hasFreeLinePointers, .isFull, .allVisible] }
}
