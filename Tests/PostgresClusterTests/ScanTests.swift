import PostgresCluster
import Testing

@Suite("Scans of tables", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct ScanTests {
    @Test(
        "threads give the text of one, in order", arguments: ["b_bulk", "toast_pglz", "x_indexes"])
    func threads(_ table: String) throws {
        let database = try Clusters.clean.open().database(named: "app")
        let serial = try database.lines(table) { $0.threads = 1 }
        for threads in [2, 5] {
            let parallel = try database.lines(table) {
                $0.threads = threads
                $0.chunkBlocks = 1
            }
            #expect(parallel == serial)
        }
        #expect(serial.count > 50)
    }

    @Test("a sink that throws ends a scan of several threads")
    func stopped() throws {
        let database = try Clusters.clean.open().database(named: "app")
        var options = TableScanOptions()
        options.threads = 4
        options.chunkBlocks = 1
        let scan = try database.scan(try database.table(TableName("b_bulk")), options: options)
        var pieces = 0
        let error = #expect(throws: StorageError.self) {
            try scan.write(.csv(null: "", header: false)) { (_) throws(StorageError) in
                pieces += 1
                if pieces == 3 { throw StorageError(.closed, "enough") }
            }
        }
        #expect(error?.message == "enough")
        #expect(pieces == 3)
    }

    @Test("columns come in the requested order, rows up to the limit")
    func columns() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let all = try database.lines("t_ints")
        let names = all[0].split(separator: ",").map(String.init)
        let some = try database.lines("t_ints") {
            $0.columns = [names[2], names[0]]
            $0.limit = 3
        }
        let expected = all[0...3].map { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            return "\(fields[2]),\(fields[0])"
        }
        #expect(some == expected)
        #expect(throws: StorageError.self) {
            try database.lines("t_ints") { $0.columns = ["nothing"] }
        }
    }

    @Test(
        "a partitioned table shows the rows of all its partitions, a parent those of its children")
    func descendants() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let names = try database.lines("p_range")[0].split(separator: ",").map(String.init)
        var expected: [String] = []
        for partition in [
            "p_range_2020", "p_range_2021", "store.p_range_sub_1", "store.p_range_sub_d",
            "p_range_def",
        ] {
            // Partitions may have their columns in another order.
            expected += try database.lines(partition) { $0.columns = names }.dropFirst()
        }
        // In the order of the partitions' bounds, the default one last.
        let found = try database.lines("p_range") { $0.onlyOwnRows = false }
        #expect(Array(found.dropFirst()) == expected)
        #expect(try database.lines("p_range").count == 1)
        let parent = try database.lines("i_parent") { $0.onlyOwnRows = false }
        #expect(parent.count > (try database.lines("i_parent").count))
    }

    @Test("dead versions have their inserter, their deleter, and the reason they are not seen")
    func dead() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let visible = try database.lines("v_delete")
        let all = try database.lines("v_delete") { $0.includesDead = true }
        #expect(all[0] == visible[0] + ",xmin,xmax,state")
        #expect(all.filter { $0.hasSuffix(",visible") }.count == visible.count - 1)
        #expect(all.contains { $0.hasSuffix(",deleted") })
        let aborted = try database.lines("v_abort_only") { $0.includesDead = true }
        #expect(aborted.dropFirst().allSatisfy { $0.hasSuffix(",insert aborted") })
        #expect(aborted.count > 1)
    }

    @Test("dropped columns are shown in hexadecimal")
    func dropped() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let lines = try database.lines("s_dropcol") { $0.includesDropped = true }
        #expect(lines[0].contains("pg.dropped"))
        #expect(lines.contains { $0.contains(",\\x") })
    }

    @Test("an empty text is not null")
    func emptyBits() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let table = try TableName("t_wide")
        let text = try database.text(table, .csv(null: "", header: false)) { $0.columns = ["w_vb"] }
        let lines = String(decoding: text, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.contains("\"\"") && lines.dropLast().contains(""))
    }

    @Test("JSON has numbers and booleans as such")
    func json() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let text = try database.text(TableName("t_ints"), .json) { $0.limit = 1 }
        let columns = try database.lines("t_ints")[0...1].map { $0.split(separator: ",") }
        let fields = zip(columns[0], columns[1]).map { name, value in
            let shown = value == "t" ? "true" : value == "f" ? "false" : value
            return "\"\(name)\":\(shown)"
        }
        #expect(String(decoding: text, as: UTF8.self) == "{\(fields.joined(separator: ","))}\n")
    }

    @Test("values have the Swift types of their own types")
    func values() throws {
        let database = try Clusters.clean.open().database(named: "app")
        let scan = try database.scan(try database.table(TableName("t_ints")))
        let lines = try database.lines("t_ints")
        var rows: [[PostgresValue]] = []
        try scan.forEachRow { row in
            rows.append(row)
            return rows.count < 8
        }
        #expect(rows.count == 8)
        for (row, line) in zip(rows, lines.dropFirst()) {
            let fields = line.split(separator: ",").map(String.init)
            #expect(row.map { $0 == .null ? "\\N" : $0.description } == fields)
        }
        #expect(rows[0][0] == .integer(1))
        #expect(rows[0][1] == .boolean(true))
        let bytes = try database.scan(try database.table(TableName("t_bytea")))
        var isSeen = false
        try bytes.forEachRow { row in
            for case .bytes(let value) in row where !value.isEmpty { isSeen = true }
            return true
        }
        #expect(isSeen)
    }

    @Test(
        "names are read as SQL reads them",
        arguments: [
            ("orders", nil, "orders"), ("Public.Orders", "public", "orders"),
            ("\"We ird\".\"a.b\"", "We ird", "a.b"), ("\"a\"\"b\"", nil, "a\"b"),
        ] as [(String, String?, String)])
    func names(_ text: String, _ schema: String?, _ name: String) throws {
        let parsed = try TableName(text)
        #expect(parsed.schema == schema)
        #expect(parsed.name == name)
        #expect(try TableName(parsed.description) == parsed)
    }

    @Test("invalid names are refused", arguments: ["", "a.", ".a", "\"a", "a.b.c", "a\"b\""])
    func wrongNames(_ text: String) {
        #expect(throws: StorageError.self) { try TableName(text) }
    }
}
