import Foundation
import PostgresCluster
import Testing

@Suite("Contents of data directories", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct ContentsTests {
    @Test("every table has the rows that its server showed", arguments: Clusters.all)
    func rows(_ cluster: Clusters.Cluster) throws {
        let directory = try cluster.open()
        var databases: [String: PostgresDatabase] = [:]
        let tables = try ExpectedTable.all(of: cluster).filter { !$0.file.isEmpty }
        #expect(tables.count > 400)
        for table in tables {
            if databases[table.database] == nil {
                databases[table.database] = try directory.database(named: table.database)
            }
            let database = try #require(databases[table.database])
            var expected = [UInt8](
                try Data(contentsOf: cluster.expected.appending(path: table.file)))
            if table.name == "g_generated" { expected = withoutVirtual(expected, cluster.version) }
            let found = try database.text(TableName(schema: table.schema, name: table.name))
            #expect(found == expected, "\(table.database) \(table.schema).\(table.name)")
        }
        try directory.close()
    }

    /// The expected rows, with unstored columns as null.
    private func withoutVirtual(_ text: [UInt8], _ version: Int) -> [UInt8] {
        guard version >= 18 else { return text }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let names = lines[0].split(separator: ",")
        let changed = lines.enumerated().map { index, line in
            guard index > 0 else { return String(line) }
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            return zip(names, fields).map { $0.hasPrefix("virt") ? "\\N" : $1 }
                .joined(separator: ",")
        }
        return Array((changed.joined(separator: "\n") + "\n").utf8)
    }

    @Test("exactly the tables of committed transactions are listed", arguments: Clusters.all)
    func listing(_ cluster: Clusters.Cluster) throws {
        let directory = try cluster.open()
        var found: Set<String> = []
        for name in directory.databaseNames {
            for table in try directory.database(named: name).tables() {
                found.insert("\(name)\t\(table.schema)\t\(table.name)\t\(letter(table.kind))")
            }
        }
        let expected = try ExpectedTable.all(of: cluster)
            .map { "\($0.database)\t\($0.schema)\t\($0.name)\t\($0.kind)" }
        #expect(found == Set(expected))
        try directory.close()
    }

    private func letter(_ kind: PostgresTable.Kind) -> String {
        switch kind {
        case .table: "r"
        case .partitionedTable: "p"
        case .materializedView: "m"
        case .sequence: "S"
        case .view: "v"
        case .foreignTable: "f"
        }
    }

    @Test("a crashed cluster causes a warning, and its unlogged tables are empty")
    func crashed() throws {
        let directory = try Clusters.crashed.open()
        // Both fixtures have prepared transactions, too.
        let prepared = "transactions are prepared"
        let warnings = directory.warnings.filter { !$0.hasPrefix(prepared) }
        #expect(warnings.count == 1 && warnings[0].contains("has crashed"))
        let database = try directory.database(named: "app")
        let scan = try database.scan(try database.table(TableName("u_unlogged")))
        #expect(scan.notes.count == 1)
        #expect(try scan.write(.none) { _ in } == 0)
        let clean = try Clusters.clean.open()
        #expect(clean.warnings.allSatisfy { $0.hasPrefix(prepared) })
        #expect(try clean.database(named: "app").lines("u_unlogged").count == 51)
    }

    @Test("missing folders, databases and tables are named")
    func missing() throws {
        let file = try #require(throws: StorageError.self) {
            try PostgresDirectory.open(Clusters.root.path)
        }
        #expect(file.code == .notADataDirectory)
        let directory = try Clusters.clean.open()
        let database = try #require(throws: StorageError.self) {
            try directory.database(named: "nowhere")
        }
        #expect(database.remedy?.contains("app") == true)
        let app = try directory.database(named: "app")
        let table = try #require(throws: StorageError.self) {
            try app.table(TableName("x_rolled_back"))
        }
        #expect(table.code == .noSuchObject)
        let view = try #require(throws: StorageError.self) {
            try app.scan(try app.table(TableName("w_view")))
        }
        #expect(view.code == .unsupported)
    }
}
