internal import PageFormat
internal import PostgresTypes

/// Looks into the pages of indexes: whether each item lies where items can lie. Mirrors
/// `PageGetItemIdCareful` of the extension amcheck.
enum IndexInspection {
    /// Flags of special spaces.
    private enum Flag {
        static let btreeDeleted: UInt16 = 0x04
        static let btreeMeta: UInt16 = 0x08
        static let hashBucketOrOverflow: UInt16 = 0x03
        static let gistDeleted: UInt16 = 0x02
        static let ginWithoutItems: UInt16 = 0x0D
        static let spgistMeta: UInt16 = 0x01
        static let brinRegular: UInt16 = 0xF093
    }

    /// The least bytes of an index tuple.
    private static let leastLength = 8

    /// Checks a page with a valid header. Time in proportion to the items.
    static func take(
        _ page: PageView, _ kind: PostgresPageKind, _ report: (OffsetNumber?, String) -> Void
    ) {
        guard hasItems(page, kind) else { return }
        let (upper, special) = (Int(page.header.upper), Int(page.header.special))
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number) else { continue }
            let (offset, length) = (pointer.offset, pointer.length)
            // Most of them.
            if pointer.state == .normal, offset & (PageLayout.maximumAlignment - 1) == 0,
                length >= leastLength, offset >= upper, offset &+ length <= special
            {
                continue
            }
            switch pointer.state {
            case .unused: continue
            case .redirect:
                if kind == .spgist { continue }
                report(number, "it redirects to line pointer \(offset), as in no index")
            case .dead where length == 0: continue
            case .normal, .dead:
                if offset & (PageLayout.maximumAlignment - 1) != 0 {
                    report(number, "its offset \(offset) is not maximally aligned")
                } else if length < leastLength && kind != .spgist {
                    report(number, "its length \(length) is less than an index tuple's")
                } else if offset < upper || offset + length > special {
                    report(
                        number,
                        "\(length) bytes at offset \(offset) do not lie between the page's upper"
                            + " bound \(upper) and its special space \(special)")
                }
            }
        }
    }

    /// Whether the page has line pointers: some pages of each kind have other contents.
    private static func hasItems(_ page: PageView, _ kind: PostgresPageKind) -> Bool {
        let special = Int(page.header.special)
        func word(_ offset: Int) -> UInt16 { (try? page.bytes.load(special + offset)) ?? 0 }
        switch kind {
        case .btree: return word(12) & (Flag.btreeDeleted | Flag.btreeMeta) == 0
        case .hash: return word(12) & Flag.hashBucketOrOverflow != 0
        case .gist: return word(12) & Flag.gistDeleted == 0
        case .gin: return word(6) & Flag.ginWithoutItems == 0
        case .spgist: return word(0) & Flag.spgistMeta == 0
        case .brin: return word(6) == Flag.brinRegular
        case .heap, .sequence, .bloom, .map, .other: return false
        }
    }
}
