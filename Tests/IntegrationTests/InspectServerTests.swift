import Foundation
import PageFormat
import PageInspection
import StorageTesting
import Testing

/// What `PageInspector` shows, beside the extension pageinspect of a server.
@Suite(
    "Inspection beside a server",
    .enabled(
        if: InstalledPostgres.programs != nil,
        "needs PostgreSQL's server programs below /usr/lib/postgresql"))
struct InspectServerTests {
    private static let tables = """
        CREATE EXTENSION pageinspect;
        CREATE TABLE t (id int, body text, tags int[], p point, r int4range);
        INSERT INTO t SELECT n, CASE WHEN n % 7 <> 0 THEN 'body ' || n END, ARRAY[n, n % 10],
            point(n, n), int4range(n, n + 5) FROM generate_series(1, 3000) n;
        UPDATE t SET body = 'new' WHERE id % 50 = 0;
        DELETE FROM t WHERE id % 60 = 1;
        BEGIN; SELECT count(*) FROM (SELECT 1 FROM t WHERE id = 7 FOR SHARE) x; COMMIT;
        CREATE INDEX t_btree ON t (id);
        CREATE INDEX t_dups ON t ((id % 3));
        CREATE INDEX t_hash ON t USING hash (id);
        CREATE INDEX t_gin ON t USING gin (tags);
        CREATE INDEX t_gist ON t USING gist (p);
        CREATE INDEX t_brin ON t USING brin (id) WITH (pages_per_range = 4);
        CREATE INDEX t_spgist ON t USING spgist (p);
        CREATE INDEX t_same ON t ((1)) WITH (deduplicate_items = off);
        CREATE INDEX t_tree ON t USING gin ((ARRAY[1]));
        CREATE SEQUENCE s;
        SELECT nextval('s') FROM generate_series(1, 5);
        CREATE EXTENSION pg_visibility;
        CREATE TABLE t_gone (id int);
        INSERT INTO t_gone SELECT generate_series(1, 4000);
        CREATE INDEX t_gone_btree ON t_gone (id);
        DELETE FROM t_gone WHERE id BETWEEN 500 AND 3500;
        VACUUM t, t_gone;
        CREATE TABLE t_late (tags int[]);
        CREATE INDEX t_late_gin ON t_late USING gin (tags);
        INSERT INTO t_late SELECT ARRAY[n] FROM generate_series(1, 4) n;
        CHECKPOINT;
        """

    /// A cluster whose files and answers are both there.
    private struct Answers {
        let cluster: InstalledPostgres
        var data: String { cluster.data }

        func lines(_ name: String) -> [[String]] {
            Command.text("\(cluster.folder.path)/\(name)").split(separator: "\n").map {
                $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            }
        }

        func page(_ relation: String, _ block: Int, _ suffix: String = "") throws -> [UInt8] {
            let path = try #require(lines("paths").first { $0[0] == relation })[1]
            let handle = try FileHandle(
                forReadingFrom: URL(filePath: "\(data)/\(path)\(suffix)"))
            try handle.seek(toOffset: UInt64(block * 8192))
            return [UInt8](try #require(try handle.read(upToCount: 8192)))
        }
    }

    private static let queries: [(name: String, query: String)] = [
        (
            "paths",
            "SELECT relname, pg_relation_filepath(oid) FROM pg_class"
                + " WHERE relname ~ '^(t|t_.*|s)$'"
        ),
        (
            "header",
            "SELECT lower, upper, special, pagesize, version, checksum, lsn, prune_xid"
                + " FROM page_header(get_raw_page('t', 1))"
        ),
        (
            "heap",
            "SELECT lp, lp_off, lp_flags, lp_len, t_xmin, t_xmax, t_field3, t_ctid, t_hoff,"
                + " t_bits, array_to_string(f.raw_flags, ' '), t_infomask2 & 2047"
                + " FROM heap_page_items(get_raw_page('t', 1)),"
                + " LATERAL heap_tuple_infomask_flags(t_infomask, t_infomask2) f"
                + " WHERE lp_flags = 1 ORDER BY lp"
        ),
        (
            "metap",
            "SELECT magic, version, root, level, fastroot, fastlevel FROM bt_metap('t_btree')"
        ),
        ("btree", "SELECT btpo_prev, btpo_next, btpo_level FROM bt_page_stats('t_btree', 1)"),
        (
            "dups",
            "SELECT itemoffset, itemlen, ctid, coalesce(array_length(tids, 1), 0)"
                + " FROM bt_page_items('t_dups', 1) ORDER BY 1"
        ),
        (
            "hash",
            "SELECT magic, version, ntuples, ffactor, bsize, bmsize, maxbucket, highmask,"
                + " lowmask, ovflpoint, nmaps FROM hash_metapage_info(get_raw_page('t_hash', 0))"
        ),
        (
            "gin",
            "SELECT n_total_pages, n_entry_pages, n_data_pages, n_entries, version"
                + " FROM gin_metapage_info(get_raw_page('t_gin', 0))"
        ),
        ("gist", "SELECT nsn, rightlink FROM gist_page_opaque_info(get_raw_page('t_gist', 1))"),
        (
            "brin",
            "SELECT version, pagesperrange, lastrevmappage"
                + " FROM brin_metapage_info(get_raw_page('t_brin', 0))"
        ),
        (
            "same",
            "SELECT itemoffset, itemlen, ctid, htid FROM bt_page_items('t_same',"
                + " (SELECT root FROM bt_metap('t_same'))::int) ORDER BY 1"
        ),
        ("sameroot", "SELECT root FROM bt_metap('t_same')"),
        (
            "gone",
            "SELECT n FROM generate_series(1,"
                + " pg_relation_size('t_gone_btree')::int / 8192 - 1) n,"
                + " LATERAL bt_page_stats('t_gone_btree', n) s WHERE type = 'd'"
        ),
        (
            "hashitems",
            "SELECT itemoffset, ctid, data FROM hash_page_items(get_raw_page('t_hash', 1))"
        ),
        (
            "gistitems",
            "SELECT itemoffset, ctid, itemlen FROM gist_page_items_bytea(get_raw_page('t_gist', 1))"
        ),
        ("tree", "SELECT first_tid, nbytes FROM gin_leafpage_items(get_raw_page('t_tree', 2))"),
        (
            "pending",
            "SELECT pending_head, n_pending_tuples"
                + " FROM gin_metapage_info(get_raw_page('t_late_gin', 0))"
        ),
        ("newrows", "SELECT ctid FROM t_late"),
        ("revmap", "SELECT pages FROM brin_revmap_data(get_raw_page('t_brin', 1))"),
        (
            "brinitems",
            "SELECT DISTINCT itemoffset, blknum, placeholder"
                + " FROM brin_page_items(get_raw_page('t_brin', 2), 't_brin') ORDER BY 1"
        ),
        ("sequence", "SELECT last_value, log_cnt, is_called FROM s"),
        ("visibility", "SELECT blkno, all_visible, all_frozen FROM pg_visibility_map('t')"),
        ("fsm", "SELECT fsm_page_contents(get_raw_page('t', 'fsm', 2))"),
    ]

    private func answers() throws -> Answers {
        let cluster = try InstalledPostgres()
        let asks = Self.queries.map { name, query in
            let quoted = query.replacing("\"", with: "\\\"").replacing("$", with: "\\$")
            return "$query -At -c \"\(quoted)\" > \(name)"
        }
        try cluster.sql(Self.tables, then: asks.joined(separator: "\n"))
        return Answers(cluster: cluster)
    }

    private func value(_ name: String, _ fields: [InspectedField]) -> String {
        switch fields.first(where: { $0.name == name })?.value {
        case .number(let number): "\(number)"
        case .text(let text): text
        case .flags(let names): names.joined(separator: " ")
        case .null: "null"
        case nil: "missing \(name)"
        }
    }

    @Test("tables and indexes are decoded as the extension does")
    func everything() throws {
        let answers = try answers()
        var inspector = PageInspector(checksums: true)
        try heap(answers, &inspector)
        try indexes(answers, &inspector)
        for (relation, kind) in [
            ("t", "a table"), ("t_btree", "a B-tree index"), ("t_hash", "a hash index"),
            ("t_gin", "a GIN index"), ("t_gist", "a GiST index"), ("t_brin", "a BRIN index"),
            ("t_spgist", "an SP-GiST index"), ("s", "a sequence"),
        ] {
            let page = inspector.inspect(try answers.page(relation, 0), block: 0)
            #expect(page.kind == kind, "\(relation)")
            #expect(page.verification == .valid, "\(relation)")
        }
    }

    private func heap(_ answers: Answers, _ inspector: inout PageInspector) throws {
        let page = inspector.inspect(try answers.page("t", 1), block: 1)
        let header = page.parts[0].fields
        let names = [
            "lower", "upper", "special", "pagesize", "version", "checksum", "lsn", "prune_xid",
        ]
        var expected = try #require(answers.lines("header").first)
        // The extension shows a checksum with a sign, and one as of before the page was written.
        let index = try #require(names.firstIndex(of: "checksum"))
        expected[index] = value("checksum", header)
        #expect(names.map { value($0, header) } == expected)
        let items = answers.lines("heap")
        #expect(
            items.count == page.linePointers.filter { $0.length > 0 && $0.state == "normal" }.count)
        for line in items {
            let pointer = try #require(page.linePointers.first { "\($0.number)" == line[0] })
            #expect(["\(pointer.offset)", "\(pointer.length)"] == [line[1], line[3]])
            let fields = try #require(page.parts.first { $0.linePointer == pointer.number }).fields
            for (name, column) in [
                ("t_xmin", 4), ("t_xmax", 5), ("t_field3", 6), ("t_ctid", 7), ("t_hoff", 8),
                ("natts", 11),
            ] {
                #expect(value(name, fields) == line[column], "\(name) of \(line[0])")
            }
            let flags = value("t_infomask", fields) + " " + value("t_infomask2", fields)
            #expect(
                Set(flags.split(separator: " ")) == Set(line[10].split(separator: " ")),
                "\(line[0])")
            if !line[9].isEmpty {
                #expect(line[9].hasPrefix(value("t_bits", fields)), "\(line[0])")
            }
        }
    }

    private func indexes(_ answers: Answers, _ inspector: inout PageInspector) throws {
        func contents(_ relation: String) throws -> [InspectedField] {
            let page = inspector.inspect(try answers.page(relation, 0), block: 0)
            return try #require(page.parts.first { $0.kind == .contents }).fields
        }
        func compare(_ relation: String, _ file: String, _ names: [String]) throws {
            let fields = try contents(relation)
            let line = try #require(answers.lines(file).first)
            #expect(names.map { value($0, fields) } == line, "\(relation)")
        }
        try compare(
            "t_btree", "metap", ["magic", "version", "root", "level", "fastroot", "fastlevel"])
        try compare(
            "t_gin", "gin",
            ["n_total_pages", "n_entry_pages", "n_data_pages", "n_entries", "version"])
        try compare("t_brin", "brin", ["version", "pagesperrange", "lastrevmappage"])
        let hash = try contents("t_hash")
        let line = try #require(answers.lines("hash").first)
        let names = [
            "magic", "version", "ntuples", "ffactor", "bsize", "bmsize", "maxbucket", "highmask",
            "lowmask", "ovflpoint", "nmaps",
        ]
        for (name, expected) in zip(names, line) {
            #expect(Double(value(name, hash)) == Double(expected), "\(name)")
        }
        let leaf = inspector.inspect(try answers.page("t_btree", 1), block: 1)
        let special = try #require(leaf.parts.last { $0.kind == .special }).fields
        let stats = try #require(answers.lines("btree").first)
        #expect(value("btpo_prev", special).replacing("null", with: "0") == stats[0])
        #expect(value("btpo_next", special) == stats[1])
        #expect(value("btpo_level", special) == stats[2])
        let dups = inspector.inspect(try answers.page("t_dups", 1), block: 1)
        for row in answers.lines("dups") {
            let item = try #require(
                dups.parts.first { $0.linePointer.map { "\($0)" } == row[0] }
            ).fields
            #expect(value("itemlen", item) == row[1])
            if row[3] != "0" {
                #expect(value("posting_list", item).hasPrefix("\(row[3]) rows"))
                #expect(value("tids", item).split(separator: " ").count == Int(row[3]))
            }
        }
        let gist = inspector.inspect(try answers.page("t_gist", 1), block: 1)
        let opaque = try #require(gist.parts.last { $0.kind == .special }).fields
        let info = try #require(answers.lines("gist").first)
        #expect(value("nsn", opaque) == info[0])
        #expect(value("rightlink", opaque).replacing("null", with: "4294967295") == info[1])
        try freeSpace(answers, &inspector)
        try items(answers, &inspector)
        try ginPages(answers, &inspector)
        try spgistPages(answers, &inspector)
        try others(answers, &inspector)
    }

    /// The fields of a page's items by line pointer.
    private func items(_ page: InspectedPage) -> [String: [InspectedField]] {
        var items: [String: [InspectedField]] = [:]
        for part in page.parts {
            if let number = part.linePointer { items["\(number)"] = part.fields }
        }
        return items
    }

    private func items(_ answers: Answers, _ inspector: inout PageInspector) throws {
        let root = try #require(Int(answers.lines("sameroot")[0][0]))
        let pivots = items(
            inspector.inspect(try answers.page("t_same", root), block: UInt32(root)))
        let same = answers.lines("same")
        #expect(same.count == pivots.count && same.contains { !$0[3].isEmpty })
        for row in same {
            let fields = try #require(pivots[row[0]])
            #expect(value("itemlen", fields) == row[1])
            #expect(row[2].hasPrefix("(\(value("child", fields)),"))
            #expect(value("pivot_row", fields) == (row[3].isEmpty ? "missing pivot_row" : row[3]))
        }
        let deleted = answers.lines("gone")
        #expect(!deleted.isEmpty)
        for row in deleted {
            let block = try #require(Int(row[0]))
            let page = inspector.inspect(
                try answers.page("t_gone_btree", block), block: UInt32(block))
            #expect(page.linePointers.isEmpty)
            #expect(page.parts.contains { $0.fields.contains { $0.name == "safexid" } })
        }
        for (relation, file, names) in [
            ("t_hash", "hashitems", ["t_tid", "hash"]),
            ("t_gist", "gistitems", ["t_tid", "itemlen"]),
        ] {
            let found = items(inspector.inspect(try answers.page(relation, 1), block: 1))
            let rows = answers.lines(file)
            #expect(!rows.isEmpty && rows.count == found.count, "\(relation)")
            for row in rows {
                let fields = try #require(found[row[0]])
                #expect(names.map { value($0, fields) } == Array(row[1...]), "\(relation)")
            }
        }
    }

    /// The extension knows nothing of SP-GiST, but its pages tell of each other.
    private func spgistPages(_ answers: Answers, _ inspector: inout PageInspector) throws {
        func page(_ block: Int) throws -> InspectedPage {
            inspector.inspect(try answers.page("t_spgist", block), block: UInt32(block))
        }
        #expect(value("last_used 7", try page(0).parts.flatMap(\.fields)) == "null")
        let tuple = try #require(items(try page(1))["1"])
        let nodes = value("nodes", tuple).split(separator: " ")
        #expect("\(nodes.count)" == value("nNodes", tuple) && nodes.contains { $0 != "none" })
        for node in nodes where node != "none" {
            let numbers = node.dropFirst().dropLast().split(separator: ",")
            let found = items(try page(try #require(Int(numbers[0]))))
            #expect(found[String(numbers[1])] != nil, "\(node)")
        }
    }

    private func ginPages(_ answers: Answers, _ inspector: inout PageInspector) throws {
        let tree = inspector.inspect(try answers.page("t_tree", 2), block: 2)
        let segments = try #require(tree.parts.first { $0.kind == .contents }).fields.filter {
            $0.name == "segment"
        }
        let expected = answers.lines("tree").map { "first \($0[0]), \($0[1]) bytes" }
        #expect(!expected.isEmpty && segments.map { value("segment", [$0]) } == expected)
        let line = answers.lines("pending")[0]
        let head = try #require(Int(line[0]))
        #expect(line[1] == "4")
        let pending = items(
            inspector.inspect(try answers.page("t_late_gin", head), block: UInt32(head)))
        #expect(
            Set(pending.values.map { value("t_tid", $0) })
                == Set(answers.lines("newrows").map { $0[0] }))
    }

    private func others(_ answers: Answers, _ inspector: inout PageInspector) throws {
        let map = inspector.inspect(try answers.page("t_brin", 1), block: 1)
        let ranges = try #require(map.parts.first { $0.kind == .contents }).fields
        let expected = answers.lines("revmap").enumerated().filter { $0.element[0] != "(0,0)" }
        #expect(!expected.isEmpty && ranges.count == expected.count)
        for (index, row) in expected { #expect(value("range \(index)", ranges) == row[0]) }
        let summaries = items(inspector.inspect(try answers.page("t_brin", 2), block: 2))
        let rows = answers.lines("brinitems")
        #expect(!rows.isEmpty && rows.count == summaries.count)
        for row in rows {
            let fields = try #require(summaries[row[0]])
            #expect(value("bt_blkno", fields) == row[1])
            #expect(value("bt_info", fields).contains("PLACEHOLDER") == (row[2] == "t"))
        }
        let sequence = items(inspector.inspect(try answers.page("s", 0), block: 0))
        let fields = try #require(sequence["1"])
        let names = ["last_value", "log_cnt", "is_called"]
        #expect(names.map { value($0, fields) } == answers.lines("sequence")[0])
        let page = inspector.inspect(
            try answers.page("t", 0, "_vm"), block: 0, file: .visibilityMap)
        let visibility = try #require(page.parts.first { $0.kind == .contents }).fields
        for (name, column) in [("all_visible", 1), ("all_frozen", 2)] {
            let blocks = answers.lines("visibility").filter { $0[column] == "t" }.map { $0[0] }
            let shown = value(name, visibility).split(separator: " ").flatMap { range in
                let ends = range.split(separator: "-").compactMap { Int($0) }
                return (ends[0]...ends[ends.count - 1]).map { "\($0)" }
            }
            #expect(shown == blocks, "\(name)")
        }
    }

    private func freeSpace(_ answers: Answers, _ inspector: inout PageInspector) throws {
        let map = inspector.inspect(
            try answers.page("t", 2, "_fsm"), block: 2, file: .freeSpaceMap)
        let fields = try #require(map.parts.first { $0.kind == .contents }).fields
        var leaves: [String: Int] = [:]
        for line in answers.lines("fsm") {
            let parts = line[0].split(separator: ":")
            guard parts.count == 2, let node = Int(parts[0]), node >= 4095,
                let value = Int(parts[1].trimmingCharacters(in: .whitespaces))
            else { continue }
            leaves["block \(node - 4095)"] = value * 32
        }
        #expect(!leaves.isEmpty)
        for field in fields where field.name.hasPrefix("block ") {
            #expect(field.value == .number(Int64(leaves[field.name] ?? -1)))
        }
        #expect(fields.filter { $0.name.hasPrefix("block ") }.count == leaves.count)
    }
}
