/// The bits of PostgreSQL's flags by the names that its sources give them.
enum FlagNames {
    /// The names of the bits that are set; a bit without a name is shown as a number.
    static func names(_ bits: UInt16, _ table: [(bit: UInt16, name: String)]) -> [String] {
        var names: [String] = []
        var rest = bits
        for (bit, name) in table where bits & bit == bit {
            names.append(name)
            rest &= ~bit
        }
        if rest != 0 { names.append("0x\(String(rest, radix: 16))") }
        return names
    }

    static let page: [(bit: UInt16, name: String)] = [
        (0x0001, "PD_HAS_FREE_LINES"), (0x0002, "PD_PAGE_FULL"), (0x0004, "PD_ALL_VISIBLE"),
    ]

    /// `t_infomask`.
    static let infomask: [(bit: UInt16, name: String)] = [
        (0x0001, "HEAP_HASNULL"), (0x0002, "HEAP_HASVARWIDTH"), (0x0004, "HEAP_HASEXTERNAL"),
        (0x0008, "HEAP_HASOID_OLD"), (0x0010, "HEAP_XMAX_KEYSHR_LOCK"), (0x0020, "HEAP_COMBOCID"),
        (0x0040, "HEAP_XMAX_EXCL_LOCK"), (0x0080, "HEAP_XMAX_LOCK_ONLY"),
        (0x0100, "HEAP_XMIN_COMMITTED"), (0x0200, "HEAP_XMIN_INVALID"),
        (0x0400, "HEAP_XMAX_COMMITTED"), (0x0800, "HEAP_XMAX_INVALID"),
        (0x1000, "HEAP_XMAX_IS_MULTI"), (0x2000, "HEAP_UPDATED"), (0x4000, "HEAP_MOVED_OFF"),
        (0x8000, "HEAP_MOVED_IN"),
    ]

    /// `t_infomask2`, without the count of attributes.
    static let infomask2: [(bit: UInt16, name: String)] = [
        (0x2000, "HEAP_KEYS_UPDATED"), (0x4000, "HEAP_HOT_UPDATED"), (0x8000, "HEAP_ONLY_TUPLE"),
    ]

    /// Bits of `t_infomask` that mean something else together.
    static let combined: [(bit: UInt16, name: String)] = [
        (0x0050, "HEAP_XMAX_SHR_LOCK"), (0x0300, "HEAP_XMIN_FROZEN"), (0xC000, "HEAP_MOVED"),
    ]

    static let btree: [(bit: UInt16, name: String)] = [
        (1, "BTP_LEAF"), (2, "BTP_ROOT"), (4, "BTP_DELETED"), (8, "BTP_META"),
        (16, "BTP_HALF_DEAD"), (32, "BTP_SPLIT_END"), (64, "BTP_HAS_GARBAGE"),
        (128, "BTP_INCOMPLETE_SPLIT"), (256, "BTP_HAS_FULLXID"),
    ]

    static let gin: [(bit: UInt16, name: String)] = [
        (1, "GIN_DATA"), (2, "GIN_LEAF"), (4, "GIN_DELETED"), (8, "GIN_META"), (16, "GIN_LIST"),
        (32, "GIN_LIST_FULLROW"), (64, "GIN_INCOMPLETE_SPLIT"), (128, "GIN_COMPRESSED"),
    ]

    static let gist: [(bit: UInt16, name: String)] = [
        (1, "F_LEAF"), (2, "F_DELETED"), (4, "F_TUPLES_DELETED"), (8, "F_FOLLOW_RIGHT"),
        (16, "F_HAS_GARBAGE"),
    ]

    static let hash: [(bit: UInt16, name: String)] = [
        (1, "LH_OVERFLOW_PAGE"), (2, "LH_BUCKET_PAGE"), (4, "LH_BITMAP_PAGE"),
        (8, "LH_META_PAGE"), (16, "LH_BUCKET_BEING_POPULATED"), (32, "LH_BUCKET_BEING_SPLIT"),
        (64, "LH_BUCKET_NEEDS_SPLIT_CLEANUP"), (128, "LH_PAGE_HAS_DEAD_TUPLES"),
    ]

    static let spgist: [(bit: UInt16, name: String)] = [
        (1, "SPGIST_META"), (2, "SPGIST_DELETED"), (4, "SPGIST_LEAF"), (8, "SPGIST_NULLS"),
    ]

    static let brin: [(bit: UInt16, name: String)] = [(1, "BRIN_EVACUATE_PAGE")]
}
