import Foundation
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

@Suite(
    "Salvage without whole catalogs", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct LostCatalogTests {
    private static let tables = ["b_bulk", "t_floats", "t_texts", "toast_pglz", "s_addcol"]

    private func texts(_ rescue: ClusterRescue, _ database: String) throws -> [String: [UInt8]] {
        let database = try rescue.database(named: database)
        var texts: [String: [UInt8]] = [:]
        for name in Self.tables {
            let target = try database.table(try TableName(name))
            texts[name] = try rescue.all(target).text(target.columns)
        }
        return texts
    }

    /// The catalogs of database `app`, and the shared ones.
    private func catalogFiles(_ copy: ClusterCopy) throws -> [String] {
        let directory = try Clusters.open(copy.data)
        defer { try? directory.close() }
        return try directory.database(named: "app").tables(includingSystem: true)
            .filter { $0.schema == "pg_catalog" && $0.kind == .table && $0.pages > 0 }
            .compactMap(\.file)
    }

    @Test("catalogs of which every page is damaged still tell of the tables")
    func damagedPages() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let whole = try Rescues.open(copy.data)
        let expected = try texts(whole, "app")
        try whole.close()
        for file in try catalogFiles(copy) {
            var bytes = [UInt8](try copy.bytes(file))
            for page in stride(from: 0, to: bytes.count, by: 8192) { bytes[page + 8] ^= 0x55 }
            try copy.write(file, bytes)
        }
        let rescue = try Rescues.open(copy.data)
        #expect(try texts(rescue, "app") == expected)
        #expect(try rescue.database(named: "app").damagedPages > 0)
        #expect(!rescue.warnings.isEmpty)
        try rescue.close()
    }

    @Test("catalogs are found without the maps of their files", arguments: [0, 2])
    func lostMaps(_ index: Int) throws {
        let copy = try ClusterCopy(Clusters.all[index])
        let whole = try Rescues.open(copy.data)
        let expected = try texts(whole, "app")
        try whole.close()
        for folder in ["global", "base/16384"] { try copy.remove("\(folder)/pg_filenode.map") }
        let rescue = try Rescues.open(copy.data)
        #expect(try texts(rescue, "app") == expected)
        try rescue.close()
    }

    @Test("a flipped bit in a catalog costs at most the object that it is in")
    func flips() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let whole = try Rescues.open(copy.data)
        let expected = try texts(whole, "app")
        try whole.close()
        let files = try catalogFiles(copy)
        let seed = UInt64.random(in: 0..<1_000_000)
        var generator = SeededGenerator(seed)
        var found = 0
        for _ in 0..<20 {
            let file = files[Int(generator.next() % UInt64(files.count))]
            let original = [UInt8](try copy.bytes(file))
            var bytes = original
            bytes[Int(generator.next() % UInt64(bytes.count))] ^= 1 << UInt8(generator.next() % 8)
            try copy.write(file, bytes)
            let rescue = try Rescues.open(copy.data)
            if let texts = try? texts(rescue, "app"), texts == expected { found += 1 }
            try rescue.close()
            try copy.write(file, original)
        }
        // A bit may be in the very row that describes one of the tables.
        #expect(found >= 18, "seed \(seed)")
    }

    @Test("a file and its columns are enough", arguments: IOMethodMatrix.all)
    func withoutCatalogs(_ method: TestedMethod) throws {
        let copy = try ClusterCopy(Clusters.clean)
        let directory = try Clusters.open(copy.data)
        let database = try directory.database(named: "app")
        var expected: [(file: String, schema: String, text: [UInt8])] = []
        for name in ["b_bulk", "t_floats", "t_texts", "t_uuidnet", "toast_pglz", "t_ints"] {
            let table = try database.table(try TableName(name))
            let schema = table.columns.map { "\"\($0.name)\" \($0.type)" }
                .joined(separator: ", ")
            expected.append(
                (try #require(table.file), schema, try database.text(TableName(name))))
        }
        try directory.close()
        for file in try catalogFiles(copy) { try copy.write(file, []) }
        for file in ["global/pg_control", "global/pg_filenode.map"] { try copy.remove(file) }
        let rescue = try Rescues.open(copy.data, method)
        #expect(!rescue.warnings.isEmpty)
        for (file, schema, text) in expected {
            let target = try rescue.file(file, schema: try RescueSchema(parsing: schema))
            let found = try rescue.all(target)
            #expect(found.text(target.columns) == text, "\(schema)")
            #expect(found.findings.isEmpty)
        }
        let error = try #require(throws: StorageError.self) {
            try rescue.file(expected[0].file)
        }
        #expect(error.remedy?.contains("--schema") == true || error.code == .clusterDamaged)
        try rescue.close()
    }

    @Test("files that no catalog names are listed, and read by their columns")
    func orphans() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let file = try copy.file("b_bulk")
        let folder = file.prefix { _ in true }.split(separator: "/").dropLast()
            .joined(separator: "/")
        let before = try Rescues.open(copy.data)
        let known = Set(try before.orphans().map(\.path))
        let expected = try before.all(
            try before.database(named: "app").table(try TableName("b_bulk")))
        let schema = try PostgresSchemas.text(of: "b_bulk", in: copy.data)
        try before.close()
        try copy.write("\(folder)/99999", [UInt8](try copy.bytes(file)))
        let rescue = try Rescues.open(copy.data)
        let orphans = try rescue.orphans().filter { !known.contains($0.path) }
        #expect(orphans.map(\.path) == ["\(folder)/99999"])
        #expect(orphans.first?.kind == "a table")
        let targets = try rescue.orphans(fitting: try RescueSchema(parsing: schema))
        let target = try #require(targets.first { $0.name == "\(folder)/99999" })
        #expect(try rescue.all(target).rows.map(\.line) == expected.rows.map(\.line))
        let other = try rescue.orphans(fitting: try RescueSchema(parsing: "a int, b date, c bytea"))
        #expect(!other.contains { $0.name == "\(folder)/99999" })
        try rescue.close()
    }

    @Test("tables that were never committed are known by their dead catalog rows")
    func uncommitted() throws {
        let rescue = try Rescues.open(Clusters.crashed.data)
        let orphans = try rescue.orphans()
        let names = orphans.compactMap(\.formerName)
        #expect(names.contains { $0.hasSuffix(".x_crash_ddl") }, "\(orphans)")
        for orphan in orphans where orphan.kind == "a table" && orphan.formerColumns != nil {
            let target = try rescue.file(orphan.path)
            let found = try rescue.all(target, dead: true)
            #expect(!target.notes.isEmpty)
            #expect(found.findings.isEmpty, "\(orphan): \(found.findings)")
        }
        try rescue.close()
    }
}

/// Column lists of tables.
enum PostgresSchemas {
    static func text(of table: String, in data: String) throws -> String {
        let directory = try Clusters.open(data)
        defer { try? directory.close() }
        let columns = try directory.database(named: "app").table(try TableName(table)).columns
        return columns.map { "\"\($0.name)\" \($0.type)" }.joined(separator: ", ")
    }
}
