internal import PageFormat
internal import PostgresVerification

/// The tuples of indexes.
enum IndexItems {
    private enum Mask {
        static let size: UInt16 = 0x1FFF
        static let alternative: UInt16 = 0x2000
        static let varies: UInt16 = 0x4000
        static let hasNulls: UInt16 = 0x8000
        /// Of the offset in a B-tree's tuple.
        static let count: UInt16 = 0x0FFF
        static let pivotHasRow: UInt16 = 0x1000
        static let isPosting: UInt16 = 0x2000
    }

    /// What the items of a page are for.
    enum Role {
        /// They lead to rows.
        case leaf
        /// They lead to pages.
        case inner
        /// They are rows that a GIN index has not sorted yet.
        case pending

        /// The role by the flags in the special space.
        init(_ kind: PostgresPageKind, _ page: PageView, special: Int) {
            let bytes = PageBytes(page.bytes)
            switch kind {
            case .spgist: self = bytes.half(special) & 4 != 0 ? .leaf : .inner
            case .gin:
                let flags = bytes.half(special + 6)
                self = flags & 16 != 0 ? .pending : flags & 2 != 0 ? .leaf : .inner
            case .btree, .gist: self = bytes.half(special + 12) & 1 != 0 ? .leaf : .inner
            default: self = .leaf
            }
        }
    }

    /// The most rows of a posting list that are shown.
    private static let mostRows = 512

    /// The fields of an item.
    static func fields(_ kind: PostgresPageKind, _ item: RawSpan, _ role: Role) -> [InspectedField]
    {
        let bytes = PageBytes(item)
        switch kind {
        case .brin: return brin(bytes)
        case .spgist: return spgist(bytes, role)
        case .btree: return btree(bytes, item.byteCount)
        case .hash:
            return common(bytes) + [InspectedField("hash", bytes.word(8))]
        case .gin: return gin(bytes, role)
        default: return common(bytes)
        }
    }

    private static func common(_ bytes: PageBytes) -> [InspectedField] {
        [InspectedField("t_tid", bytes.place(0))] + info(bytes.half(6))
    }

    private static func info(_ info: UInt16) -> [InspectedField] {
        var flags: [String] = []
        if info & Mask.hasNulls != 0 { flags.append("INDEX_NULL_MASK") }
        if info & Mask.varies != 0 { flags.append("INDEX_VAR_MASK") }
        if info & Mask.alternative != 0 { flags.append("INDEX_AM_RESERVED_BIT") }
        return [
            InspectedField("itemlen", info & Mask.size), InspectedField("t_info", .flags(flags)),
        ]
    }

    private static func btree(_ bytes: PageBytes, _ length: Int) -> [InspectedField] {
        let (info, offset) = (bytes.half(6), bytes.half(4))
        guard info & Mask.alternative != 0 else { return common(bytes) }
        guard offset & Mask.isPosting != 0 else {
            // The place of a pivot's row is at the end, if it is there.
            var fields = [
                InspectedField("child", bytes.block(0)),
                InspectedField("pivot_attributes", offset & Mask.count),
            ]
            if offset & Mask.pivotHasRow != 0 {
                fields.append(InspectedField("pivot_row", bytes.place(max(8, length - 6))))
            }
            return fields + Self.info(info)
        }
        let count = Int(offset & Mask.count)
        let start = Int(bytes.block(0))
        let shown = min(count, mostRows, max(0, (length - start) / 6))
        return [
            InspectedField("posting_list", "\(count) rows at byte \(start)"),
            InspectedField(
                "tids", .flags((0..<shown).map { bytes.place(start + 6 * $0) })),
        ] + Self.info(info)
    }

    private static func gin(_ bytes: PageBytes, _ role: Role) -> [InspectedField] {
        let offset = bytes.half(4)
        if role == .pending { return common(bytes) }
        if role == .inner {
            return [InspectedField("child", bytes.block(0))] + info(bytes.half(6))
        }
        // All ones: the block is the root of a tree of rows.
        if offset == 0xFFFF {
            return [InspectedField("posting_tree", bytes.block(0))] + info(bytes.half(6))
        }
        return [
            InspectedField("posting_offset", bytes.block(0) & 0x7FFF_FFFF),
            InspectedField("postings", offset),
        ] + info(bytes.half(6))
    }

    private static func brin(_ bytes: PageBytes) -> [InspectedField] {
        let info = bytes.byte(4)
        var flags: [String] = []
        if info & 0x80 != 0 { flags.append("BRIN_NULLS_MASK") }
        if info & 0x40 != 0 { flags.append("BRIN_PLACEHOLDER_MASK") }
        if info & 0x20 != 0 { flags.append("BRIN_EMPTY_RANGE_MASK") }
        return [
            InspectedField("bt_blkno", bytes.word(0)),
            InspectedField("data_offset", info & 0x1F), InspectedField("bt_info", .flags(flags)),
        ]
    }

    /// Where the nodes of an inner tuple of SP-GiST lead to, by its first word.
    private static func nodes(_ bytes: PageBytes, _ word: UInt32) -> [String] {
        let size = Int(bytes.half(4))
        var offset = spgistHeaderSize + Int(word >> 16)
        var nodes: [String] = []
        // Each is an index tuple.
        while nodes.count < Int(word >> 3 & 0x1FFF), offset + spgistHeaderSize <= size {
            nodes.append(bytes.block(offset) == .max ? "none" : bytes.place(offset))
            offset += max(spgistHeaderSize, Int(bytes.half(offset + 6) & Mask.size))
        }
        return nodes
    }

    private static let spgistHeaderSize = 8

    private static func spgist(_ bytes: PageBytes, _ role: Role) -> [InspectedField] {
        let states = ["live", "redirect", "dead", "placeholder"]
        let word = bytes.word(0)
        let state = Int(word & 3)
        let fields = [InspectedField("tupstate", states[state])]
        if state == 0 && role != .leaf {
            return fields + [
                InspectedField("allTheSame", word >> 2 & 1 != 0 ? "t" : "f"),
                InspectedField("nNodes", word >> 3 & 0x1FFF),
                InspectedField("prefixSize", word >> 16), InspectedField("size", bytes.half(4)),
                InspectedField("nodes", .flags(nodes(bytes, word))),
            ]
        }
        let common = [
            InspectedField("size", word >> 2),
            InspectedField("nextOffset", bytes.half(4) & 0x3FFF),
        ]
        switch state {
        case 0: return fields + common + [InspectedField("heapPtr", bytes.place(6))]
        // Where a search goes on, and the transaction that moved the tuple there.
        case 1:
            return fields + common + [
                InspectedField("pointer", bytes.place(6)), InspectedField("xid", bytes.word(12)),
            ]
        default: return fields + common
        }
    }
}
