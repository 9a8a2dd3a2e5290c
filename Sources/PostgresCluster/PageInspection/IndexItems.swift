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

    /// The most rows of a posting list that are shown.
    private static let mostRows = 512

    /// The fields of an item.
    ///
    /// - Parameter isLeaf: of SP-GiST, whether the page holds rows' places.
    static func fields(_ kind: PageKind, _ item: RawSpan, isLeaf: Bool) -> [InspectedField] {
        let bytes = PageBytes(item)
        switch kind {
        case .brin: return brin(bytes)
        case .spgist: return spgist(bytes, isLeaf)
        case .btree: return btree(bytes, item.byteCount)
        case .hash:
            return common(bytes) + [InspectedField("hash", bytes.word(8))]
        case .gin: return gin(bytes)
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
                fields.append(InspectedField("pivot_row", bytes.place(max(8, length - 8))))
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

    private static func gin(_ bytes: PageBytes) -> [InspectedField] {
        let offset = bytes.half(4)
        // All ones: the block is the root of a tree of rows.
        if offset == 0xFFFF {
            return [InspectedField("posting_tree", bytes.block(0))] + info(bytes.half(6))
        }
        if offset == 0 {
            return [InspectedField("child", bytes.block(0))] + info(bytes.half(6))
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

    private static func spgist(_ bytes: PageBytes, _ isLeaf: Bool) -> [InspectedField] {
        let states = ["live", "redirect", "dead", "placeholder"]
        let word = bytes.word(0)
        var fields = [InspectedField("tupstate", states[Int(word & 3)])]
        if isLeaf || word & 3 != 0 {
            fields += [
                InspectedField("size", word >> 2),
                InspectedField("nextOffset", bytes.half(4) & 0x3FFF),
                InspectedField("heapPtr", bytes.place(6)),
            ]
        } else {
            fields += [
                InspectedField("allTheSame", word >> 2 & 1),
                InspectedField("nNodes", word >> 3 & 0x1FFF),
                InspectedField("prefixSize", word >> 16), InspectedField("size", bytes.half(4)),
            ]
        }
        return fields
    }
}
