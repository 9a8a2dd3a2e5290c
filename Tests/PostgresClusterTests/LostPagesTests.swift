import Foundation
import PostgresCluster
import PostgresDump
import PostgresRescue
import StorageTesting
import Testing

/// Rows, tables and catalogs that are lost with their pages are never passed over in silence.
@Suite("Lost pages", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct LostPagesTests {
    private static let clean = Clusters.all.filter { !$0.isCrashed }
    private static let zeroes = Data(repeating: 0, count: 8192)

    /// Scans a table of database `app`. Returns its rows, its pages of zeroes, and its error.
    private func scan(
        _ copy: ClusterCopy, _ table: String, threads: Int
    ) throws -> (rows: Int, zeroes: Int, error: StorageError?) {
        let cluster = try Clusters.open(copy.data)
        defer { try? cluster.close() }
        var options = TableScanOptions()
        options.threads = threads
        options.chunkBlocks = 4
        let database = try cluster.database(named: "app")
        let scan = try database.scan(
            try database.table(try TableName(table)), options: options)
        var lines = 0
        var failure: StorageError?
        do throws(StorageError) {
            try scan.write(.csv(null: "", header: false)) { text throws(StorageError) in
                lines += text.count { $0 == UInt8(ascii: "\n") }
            }
        } catch {
            failure = error
        }
        return (lines, scan.zeroPageCount, failure)
    }

    @Test("a scan counts pages of zeroes", arguments: Clusters.all, [1, 2])
    func zeroes(_ cluster: Clusters.Cluster, _ threads: Int) throws {
        let copy = try ClusterCopy(cluster)
        let whole = try scan(copy, "b_bulk", threads: threads)
        #expect(whole.zeroes == 0 && whole.error == nil && whole.rows == 6000)
        for block in [3, 70] {
            try copy.write(try copy.file("b_bulk"), block: block, Self.zeroes)
        }
        let found = try scan(copy, "b_bulk", threads: threads)
        #expect(found.zeroes == 2 && found.error == nil)
        #expect(found.rows < 6000 && found.rows > 5700)
    }

    @Test("a table that ends before a block of its visibility map is damaged", arguments: [1, 2])
    func cut(_ threads: Int) throws {
        for cluster in Clusters.all {
            let copy = try ClusterCopy(cluster)
            try copy.cut(try copy.file("b_bulk"), to: 20 * 8192)
            let found = try scan(copy, "b_bulk", threads: threads)
            #expect(found.rows > 1000 && found.rows < 2000)
            // After a crash, the map may be ahead of the table.
            if cluster.isCrashed {
                #expect(found.error == nil)
                continue
            }
            let error = try #require(found.error)
            #expect(error.code == .clusterDamaged)
            #expect(error.message.contains("first 20 blocks, although its visibility map tells of"))
        }
    }

    @Test("a table with a file behind its end is damaged", arguments: Clusters.all)
    func laterFile(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file("t_texts")
        // A server leaves empty files of what it cut off.
        try copy.write("\(file).1", [])
        #expect(try scan(copy, "t_texts", threads: 2).error == nil)
        try copy.write("\(file).1", [UInt8](try copy.page(file, 0)))
        let error = try #require(try scan(copy, "t_texts", threads: 2).error)
        #expect(error.message.contains("\"\(file).1\" has blocks behind them"))
    }

    @Test("values and rows for other stores end with the same errors")
    func otherReaders() throws {
        let copy = try ClusterCopy(Clusters.clean)
        try copy.cut(try copy.file("b_bulk"), to: 20 * 8192)
        try copy.write(try copy.file("t_texts"), block: 1, Self.zeroes)
        let cluster = try Clusters.open(copy.data)
        defer { try? cluster.close() }
        let database = try cluster.database(named: "app")
        let table = try database.table(try TableName("b_bulk"))
        let scan = try database.scan(table)
        #expect(throws: StorageError.self) { try scan.forEachRow { _ in true } }
        try scan.forEachRow { _ in false }
        let rows = try database.rows(of: table)
        #expect(throws: StorageError.self) { while try rows.next() != nil {} }
        let others = try database.rows(of: try database.table(try TableName("t_texts")))
        while try others.next() != nil {}
        #expect(others.zeroPageCount == 1)
    }

    @Test("a page of zeroes in a catalog is warned of, and what it described", arguments: clean)
    func catalog(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.write(try copy.file("pg_catalog.pg_class"), block: 5, Self.zeroes)
        let directory = try Clusters.open(copy.data)
        defer { try? directory.close() }
        let warnings = try directory.database(named: "app").warnings
        #expect(warnings.contains { $0.hasPrefix("1 page of pg_class (") }, "\(warnings)")
        #expect(warnings.contains { $0.contains("relations that pg_class does not name: ") })
    }

    @Test("a catalog that was cut off is warned of by what it described", arguments: clean)
    func cutCatalog(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file("pg_catalog.pg_class")
        try copy.cut(file, to: try copy.bytes(file).count - 8192)
        let directory = try Clusters.open(copy.data)
        defer { try? directory.close() }
        let warnings = try directory.database(named: "app").warnings
        #expect(warnings.contains { $0.contains("relations that pg_class does not name: ") })
    }

    @Test("a script has the tables behind a damaged one, and says which rows it lacks")
    func dump() throws {
        let copy = try ClusterCopy(Clusters.clean)
        try copy.write(try copy.file("b_bulk"), block: 40, Data(repeating: 0x55, count: 100))
        try copy.remove(try copy.file("t_floats"))
        try copy.write(try copy.file("t_texts"), block: 1, Self.zeroes)
        let cluster = try Clusters.open(copy.data)
        defer { try? cluster.close() }
        var text = ""
        let summary = try cluster.database(named: "app").dump {
            text += String(decoding: $0, as: UTF8.self)
        }
        #expect(summary.losesRows)
        let lost = summary.omissions.filter(\.losesRows).map(\.description)
        #expect(lost.count == 2, "\(lost)")
        #expect(lost.contains { $0.hasPrefix("rows of table public.b_bulk: invalid page") })
        #expect(lost.contains { $0.hasPrefix("rows of table public.t_floats: ") })
        let zeroes = summary.omissions.filter {
            $0.description.contains("1 page of zeroes of table public.t_texts")
        }
        #expect(zeroes.count == 1 && !zeroes[0].losesRows)
        // Every list of rows has its end, so that the script loads.
        let begun = text.split(separator: "\n").count { $0.hasSuffix(" FROM stdin;") }
        #expect(text.split(separator: "\n").count { $0 == "\\." } == begun && begun > 300)
        #expect(text.contains("\nCOPY public.toast_main "))
    }

    @Test("without a database's catalogs, all its files but theirs are orphans")
    func orphans() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let file = try copy.file("b_bulk")
        let schema = try PostgresSchemas.text(of: "b_bulk", in: copy.data)
        try copy.write(try copy.file("pg_catalog.pg_class"), [])
        let rescue = try Rescues.open(copy.data)
        defer { try? rescue.close() }
        var failures: [String] = []
        let orphans = try rescue.orphans { name, _ in failures.append(name) }
        #expect(failures == ["database 16384"])
        #expect(orphans.contains { $0.path == file && $0.kind == "a table" && $0.pages == 78 })
        #expect(orphans.allSatisfy { !$0.path.hasSuffix("/1259") })
        let targets = try rescue.orphans(fitting: try RescueSchema(parsing: schema))
        let target = try #require(targets.first { $0.name == file })
        #expect(try rescue.all(target).rows.count == 6000)
    }

    @Test("a table that ends before a block to which its index leads is named", arguments: clean)
    func index(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file("pg_catalog.pg_type")
        let blocks = try copy.bytes(file).count / 8192
        // Neither map tells of the table's end.
        for fork in ["_vm", "_fsm"] { try? copy.remove(file + fork) }
        #expect(try copy.verifyDeeply().report.outcome == .clean)
        try copy.cut(file, to: blocks / 2 * 8192)
        let findings = try copy.verifyDeeply().findings.filter { $0.path == file }
        let reason = try #require(findings.first).reason
        #expect(findings.count == 1 && findings[0].kind == .wrongLength)
        #expect(reason.contains("it has \(blocks / 2) blocks, but index pg_catalog.pg_type_"))
        #expect(reason.contains("leads to block"))
    }

    @Test("prepared transactions are warned of")
    func prepared() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let folder = copy.data + "/pg_twophase"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            try copy.remove("pg_twophase/\(name)")
        }
        func warnings() throws -> [String] {
            let cluster = try Clusters.open(copy.data)
            defer { try? cluster.close() }
            return cluster.warnings
        }
        #expect(try warnings() == [])
        try copy.write("pg_twophase/000001C4", [0])
        let found = try warnings()
        #expect(found.count == 1 && found[0].hasPrefix("transactions are prepared"))
    }
}
