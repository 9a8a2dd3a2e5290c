internal import PageFormat
internal import PostgresVerification

/// Pages whose contents are not items: the first pages of indexes, and maps within indexes.
enum MetaPages {
    /// The contents' fields and how many bytes they take; nil if the page has items.
    static func contents(
        _ kind: PostgresPageKind, _ page: PageView, special: Int, block: UInt32
    ) -> (fields: [InspectedField], length: Int)? {
        let bytes = PageBytes(page.bytes)
        let start = PageLayout.headerSize
        switch kind {
        case .btree where bytes.half(special + 12) & 8 != 0: return (btree(bytes, start), 48)
        case .hash where bytes.half(special + 12) & 8 != 0: return (hash(bytes, start), Hash.length)
        // What is left of a deleted page is the transaction that must be over before it is used.
        case .btree where bytes.half(special + 12) & 0x104 == 0x104:
            return ([InspectedField("safexid", bytes.long(start))], 8)
        case .gist where bytes.half(special + 12) & 2 != 0:
            return ([InspectedField("deleteXid", bytes.long(start))], 8)
        case .hash where bytes.half(special + 12) & 4 != 0:
            return ([InspectedField("bitmap", ones(page, start, special))], special - start)
        case .gin where bytes.half(special + 6) & 8 != 0: return (gin(bytes, start), 56)
        case .gin where bytes.half(special + 6) & 1 != 0: return ginData(bytes, special)
        case .spgist where bytes.half(special) & 1 != 0: return (spgist(bytes, start), 72)
        case .brin where bytes.half(special + 6) == 0xF091: return (brin(bytes, start), 16)
        case .brin where bytes.half(special + 6) == 0xF092:
            return (revmap(bytes, start, special, block), special - start)
        default: return nil
        }
    }

    private static func btree(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            InspectedField("magic", bytes.word(start)),
            InspectedField("version", bytes.word(start + 4)),
            InspectedField("root", bytes.word(start + 8)),
            InspectedField("level", bytes.word(start + 12)),
            InspectedField("fastroot", bytes.word(start + 16)),
            InspectedField("fastlevel", bytes.word(start + 20)),
            InspectedField("last_cleanup_num_delpages", bytes.word(start + 24)),
            InspectedField("last_cleanup_num_tuples", "\(bytes.double(start + 32))"),
            InspectedField("allequalimage", bytes.byte(start + 40) != 0 ? "t" : "f"),
        ]
    }

    /// The lists in a hash index's first page.
    private enum Hash {
        static let spares = 52
        static let spareCount = 98
        static let maps = spares + 4 * spareCount
        static let mapCount = 1024
        static let length = maps + 4 * mapCount
    }

    private static func hash(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        let names: [(String, Int)] = [
            ("maxbucket", 24), ("highmask", 28), ("lowmask", 32), ("ovflpoint", 36),
            ("firstfree", 40), ("nmaps", 44), ("procid", 48),
        ]
        return [
            InspectedField("magic", bytes.word(start)),
            InspectedField("version", bytes.word(start + 4)),
            InspectedField("ntuples", "\(bytes.double(start + 8))"),
            InspectedField("ffactor", bytes.half(start + 16)),
            InspectedField("bsize", bytes.half(start + 18)),
            InspectedField("bmsize", bytes.half(start + 20)),
            InspectedField("bmshift", bytes.half(start + 22)),
        ] + names.map { InspectedField($0.0, bytes.word(start + $0.1)) } + [
            list("spares", bytes, start + Hash.spares, Hash.spareCount),
            list("mapp", bytes, start + Hash.maps, Hash.mapCount),
        ]
    }

    /// Numbers up to the last one that is not zero.
    private static func list(
        _ name: String, _ bytes: PageBytes, _ start: Int, _ count: Int
    ) -> InspectedField {
        let numbers = (0..<count).map { bytes.word(start + 4 * $0) }
        let used = (numbers.lastIndex { $0 != 0 } ?? -1) + 1
        return InspectedField(name, .flags(numbers[..<used].map(String.init)))
    }

    private static func gin(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            InspectedField("pending_head", bytes.link(start)),
            InspectedField("pending_tail", bytes.link(start + 4)),
            InspectedField("tail_free_size", bytes.word(start + 8)),
            InspectedField("n_pending_pages", bytes.word(start + 12)),
            InspectedField("n_pending_tuples", bytes.long(start + 16)),
            InspectedField("n_total_pages", bytes.word(start + 24)),
            InspectedField("n_entry_pages", bytes.word(start + 28)),
            InspectedField("n_data_pages", bytes.word(start + 32)),
            InspectedField("n_entries", bytes.long(start + 40)),
            InspectedField("version", bytes.word(start + 48)),
        ]
    }

    /// A page of a posting tree: after its right bound, children with their bounds, or compressed
    /// lists of rows.
    private static func ginData(
        _ bytes: PageBytes, _ special: Int
    ) -> (fields: [InspectedField], length: Int) {
        let start = PageLayout.headerSize
        var fields = [InspectedField("right_bound", bytes.place(start))]
        var offset = start + 8
        let end = min(max(offset, Int(bytes.half(12))), special)
        let isLeaf = bytes.half(special + 6) & 2 != 0
        if !isLeaf {
            for index in 0..<min(Int(bytes.half(special + 4)), (special - offset) / 10) {
                fields.append(
                    InspectedField(
                        "child \(index + 1)",
                        "block \(bytes.block(offset)), up to \(bytes.place(offset + 4))"))
                offset += 10
            }
            return (fields, offset - start)
        }
        // Before PostgreSQL 9.4, leaves had the rows themselves.
        if bytes.half(special + 6) & 128 == 0 {
            let count = min(Int(bytes.half(special + 4)), (special - offset) / 6)
            let rows = (0..<count).map { bytes.place(offset + 6 * $0) }
            return (fields + [InspectedField("tids", .flags(rows))], offset + 6 * count - start)
        }
        while offset + 8 <= end {
            let count = Int(bytes.half(offset + 6))
            fields.append(
                InspectedField("segment", "first \(bytes.place(offset)), \(count) bytes"))
            offset += 8 + (count + 1) / 2 * 2
        }
        return (fields, max(8, end - start))
    }

    private static func spgist(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [InspectedField("magic", bytes.word(start))]
            + (0..<8).map { index in
                let block = bytes.word(start + 4 + 8 * index)
                let free = bytes.word(start + 8 + 8 * index)
                return InspectedField(
                    "last_used \(index)",
                    block == .max ? .null : .text("block \(block), \(free) free"))
            }
    }

    private static func brin(_ bytes: PageBytes, _ start: Int) -> [InspectedField] {
        [
            InspectedField("magic", bytes.word(start)),
            InspectedField("version", bytes.word(start + 4)),
            InspectedField("pagesperrange", bytes.word(start + 8)),
            InspectedField("lastrevmappage", bytes.word(start + 12)),
        ]
    }

    private static func revmap(
        _ bytes: PageBytes, _ start: Int, _ special: Int, _ block: UInt32
    ) -> [InspectedField] {
        var fields: [InspectedField] = []
        // The maps follow the first page.
        let first = (UInt64(max(1, block)) - 1) * UInt64(max(0, special - start) / 6)
        for (index, offset) in stride(from: start, to: special - 5, by: 6).enumerated()
        where bytes.half(offset + 4) != 0 {
            fields.append(InspectedField("range \(first + UInt64(index))", bytes.place(offset)))
        }
        return fields
    }

    private static func ones(_ page: PageView, _ start: Int, _ end: Int) -> String {
        let bytes = PageBytes(page.bytes)
        let count = (start..<max(start, end)).reduce(0) { $0 + bytes.byte($1).nonzeroBitCount }
        return "\(count) bits are set"
    }
}
