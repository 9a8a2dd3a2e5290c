package import PageFormat
internal import PostgresTypes

/// The access method whose pages look like a page, told by its special space.
package enum PostgresPageKind: UInt8, Sendable, CaseIterable {
    /// No special space: a heap's page.
    case heap
    case sequence
    case btree
    case hash
    case gist
    case gin
    case spgist
    case brin
    case bloom
    /// No special space and no line pointers, but contents: a page of a free space or visibility
    /// map.
    case map
    /// A page of none of these.
    case other

    /// The last two bytes of most special spaces.
    private enum Mark {
        static let hash: UInt16 = 0xFF80
        static let gist: UInt16 = 0xFF81
        static let spgist: UInt16 = 0xFF82
        static let bloom: UInt16 = 0xFF83
        static let brin: ClosedRange<UInt16> = 0xF091...0xF093
        /// A B-tree has a vacuum's number there, up to `MAX_BT_CYCLE_ID`.
        static let lastCycle: UInt16 = 0xFF7F
        /// A GIN index has flags there.
        static let mostGinFlags: UInt16 = 0x01FF
        static let sequence: UInt32 = 0x1717
    }

    /// Makes the kind of a page whose header is valid and that is not all zeroes. O(1), unless the
    /// page has neither line pointers nor special space.
    package init(_ page: PageView) {
        let start = Int(page.header.special)
        func word(_ offset: Int) -> UInt16 { (try? page.bytes.load(start + offset)) ?? 0 }
        switch PageLayout.size - start {
        case 0: self = Self.isMap(page) ? .map : .heap
        case 8:
            switch word(6) {
            case Mark.spgist: self = .spgist
            case Mark.bloom: self = .bloom
            case Mark.brin: self = .brin
            case 0 where (try? page.bytes.load(start, as: UInt32.self)) == Mark.sequence:
                self = .sequence
            case 0...Mark.mostGinFlags: self = .gin
            default: self = .other
            }
        case 16:
            switch word(14) {
            case Mark.hash: self = .hash
            case Mark.gist: self = .gist
            case 0...Mark.lastCycle: self = .btree
            default: self = .other
            }
        default: self = .other
        }
    }

    /// Whether a page without special space looks like a map's. So does a table's without line
    /// pointers, which may have bytes of former rows; only a map's are in such an order.
    private static func isMap(_ page: PageView) -> Bool {
        let header = page.header
        guard Int(header.lower) == PageLayout.headerSize, Int(header.upper) == PageLayout.size
        else { return false }
        return MapCoverage.isFreeSpaceMap(page) || MapCoverage.isVisibilityMap(page)
    }

    /// Makes the kind of a relation's pages from its row in `pg_class`; nil if it is of an access
    /// method that is not known.
    package init?(relationKind: UInt8, accessMethod: UInt32) {
        switch (relationKind, accessMethod) {
        case (UInt8(ascii: "S"), _): self = .sequence
        case (UInt8(ascii: "i"), 403): self = .btree
        case (UInt8(ascii: "i"), 405): self = .hash
        case (UInt8(ascii: "i"), 783): self = .gist
        case (UInt8(ascii: "i"), 2742): self = .gin
        case (UInt8(ascii: "i"), 4000): self = .spgist
        case (UInt8(ascii: "i"), 3580): self = .brin
        case (UInt8(ascii: "r"), 2), (UInt8(ascii: "t"), 2), (UInt8(ascii: "m"), 2): self = .heap
        default: return nil
        }
    }

    /// Whether a page that looks like this may be one of a relation of that kind. A page of a GIN
    /// index whose right neighbour is block 5911 looks like a sequence's.
    package func mayBe(_ expected: PostgresPageKind) -> Bool {
        self == expected || (self == .sequence && expected == .gin)
    }

    /// What the page would be of.
    package var name: String {
        switch self {
        case .heap: "a table"
        case .sequence: "a sequence"
        case .btree: "a B-tree index"
        case .hash: "a hash index"
        case .gist: "a GiST index"
        case .gin: "a GIN index"
        case .spgist: "an SP-GiST index"
        case .brin: "a BRIN index"
        case .bloom: "a bloom index"
        case .map: "a map of free space or visibility"
        case .other: "no known kind of relation"
        }
    }
}
