internal import PageFormat
internal import PostgresVerification

/// The special spaces of indexes and sequences.
enum SpecialSpaces {
    /// Fields of a special space.
    static func fields(_ kind: PostgresPageKind, _ page: PageView, at start: Int)
        -> [InspectedField]
    {
        let bytes = PageBytes(page.bytes)
        switch kind {
        case .btree: return btree(bytes, start)
        case .hash: return hash(bytes, start)
        case .gist: return gist(bytes, start)
        case .gin: return gin(bytes, start)
        case .spgist: return spgist(bytes, start)
        case .brin: return brin(bytes, start)
        case .sequence: return [InspectedField("magic", bytes.word(start))]
        case .heap, .bloom, .map, .other: return []
        }
    }

    private static func flags(
        _ name: String, _ bits: UInt16, _ table: [(bit: UInt16, name: String)]
    ) -> InspectedField {
        InspectedField(name, .flags(FlagNames.names(bits, table)))
    }

    private static func btree(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        // Zero is the first page, which is nobody's neighbour.
        func neighbour(_ offset: Int) -> InspectedValue {
            bytes.word(offset) == 0 ? .null : .number(Int64(bytes.word(offset)))
        }
        return [
            InspectedField("btpo_prev", neighbour(start)),
            InspectedField("btpo_next", neighbour(start + 4)),
            InspectedField("btpo_level", bytes.word(start + 8)),
            flags("btpo_flags", bytes.half(start + 12), FlagNames.btree),
            InspectedField("btpo_cycleid", bytes.half(start + 14)),
        ]
    }

    private static func hash(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            InspectedField("hasho_prevblkno", bytes.link(start)),
            InspectedField("hasho_nextblkno", bytes.link(start + 4)),
            InspectedField("hasho_bucket", bytes.link(start + 8)),
            flags("hasho_flag", bytes.half(start + 12), FlagNames.hash),
            InspectedField("hasho_page_id", bytes.half(start + 14)),
        ]
    }

    private static func gist(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            InspectedField("nsn", bytes.position(start)),
            InspectedField("rightlink", bytes.link(start + 8)),
            flags("flags", bytes.half(start + 12), FlagNames.gist),
            InspectedField("gist_page_id", bytes.half(start + 14)),
        ]
    }

    private static func gin(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            InspectedField("rightlink", bytes.link(start)),
            InspectedField("maxoff", bytes.half(start + 4)),
            flags("flags", bytes.half(start + 6), FlagNames.gin),
        ]
    }

    private static func spgist(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            flags("flags", bytes.half(start), FlagNames.spgist),
            InspectedField("nRedirection", bytes.half(start + 2)),
            InspectedField("nPlaceholder", bytes.half(start + 4)),
            InspectedField("spgist_page_id", bytes.half(start + 6)),
        ]
    }

    private static func brin(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        let type: String
        switch bytes.half(start + 6) {
        case 0xF091: type = "meta"
        case 0xF092: type = "revmap"
        case 0xF093: type = "regular"
        default: type = "unknown"
        }
        return [
            flags("flags", bytes.half(start + 4), FlagNames.brin), InspectedField("type", type),
        ]
    }
}
