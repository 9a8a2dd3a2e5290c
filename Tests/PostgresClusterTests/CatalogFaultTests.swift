import Foundation
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

/// Rows of catalogs that cannot be decoded are named, wherever what they describe is missing.
@Suite("Rows of catalogs", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct CatalogFaultTests {
    /// A copy of a fixture whose pages may be harmed without anybody noticing.
    private func copy(_ cluster: Clusters.Cluster) throws -> ClusterCopy {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        return copy
    }

    private func file(_ catalog: String, _ copy: ClusterCopy) throws -> String {
        try copy.file("pg_catalog.\(catalog)")
    }

    /// Calls `body` with the bytes of a file and the place of each tuple that holds `name` as a
    /// value of type name, and of that value.
    private func harm(
        _ copy: ClusterCopy, _ catalog: String, _ name: String,
        _ body: (inout [UInt8], _ tuple: Range<Int>, _ name: Int) -> Void
    ) throws {
        let file = try file(catalog, copy)
        var bytes = [UInt8](try copy.bytes(file))
        let value = Array(name.utf8) + [UInt8](repeating: 0, count: 64 - name.utf8.count)
        var count = 0
        for page in stride(from: 0, to: bytes.count, by: 8192) {
            let lower = Int(bytes[page + 12]) | Int(bytes[page + 13]) << 8
            for pointer in stride(from: page + 24, to: page + lower, by: 4) {
                let word = (0..<4).reduce(UInt32(0)) { word, byte in
                    word | UInt32(bytes[pointer + byte]) << (8 * byte)
                }
                let (start, length) = (page + Int(word & 0x7FFF), Int(word >> 17))
                guard word >> 15 & 3 == 1, length > 64 + 24 else { continue }
                let tuple = start..<start + length
                guard let place = bytes[tuple].firstRange(of: value)?.lowerBound else { continue }
                body(&bytes, tuple, place)
                count += 1
            }
        }
        try #require(count > 0, "no row of \(catalog) names \(name)")
        try copy.write(file, bytes)
    }

    private func warnings(_ copy: ClusterCopy) throws -> [String] {
        let cluster = try Clusters.open(copy.data)
        defer { try? cluster.close() }
        let warnings = try cluster.warnings + cluster.database(named: "app").warnings
        return warnings.filter { !$0.hasPrefix("transactions are prepared") }
    }

    @Test("whole ones are not warned of", arguments: Clusters.all)
    func whole(_ cluster: Clusters.Cluster) throws {
        let directory = try cluster.open()
        // One is about the fixtures' prepared transactions.
        #expect(directory.warnings.count == (cluster.isCrashed ? 2 : 1))
        for name in directory.databaseNames {
            let database = try directory.database(named: name)
            #expect(database.warnings == [])
        }
        try directory.close()
    }

    @Test("of pg_class that lack their values are named with their table", arguments: [0, 2])
    func relation(_ index: Int) throws {
        let copy = try copy(Clusters.all[index])
        let file = try file("pg_class", copy)
        // Two attributes are left.
        try harm(copy, "pg_class", "t_floats") { bytes, tuple, _ in
            bytes[tuple.lowerBound + 18] = 2
            bytes[tuple.lowerBound + 19] &= 0xF8
        }
        let found = try warnings(copy)
        #expect(found.count == 1)
        let warning = try #require(found.first)
        #expect(warning.contains("of pg_class (\"\(file)\"), which describes t_floats with number"))
        #expect(warning.contains("relnamespace has no value"))
        let cluster = try Clusters.open(copy.data)
        let database = try cluster.database(named: "app")
        #expect(try database.lines("t_ints").count > 2)
        try cluster.close()
    }

    @Test("of an impossible kind are named")
    func kinds() throws {
        let copy = try copy(Clusters.clean)
        // Twelve numbers, two flags and the persistence lie between name and kind.
        try harm(copy, "pg_class", "t_floats") { bytes, _, name in
            #expect(bytes[name + 64 + 51] == UInt8(ascii: "r"))
            bytes[name + 64 + 51] = UInt8(ascii: "?")
        }
        try harm(copy, "pg_type", "mood") { bytes, _, name in
            #expect(bytes[name + 64 + 11] == UInt8(ascii: "e"))
            bytes[name + 64 + 11] = 0
        }
        let found = try warnings(copy)
        #expect(found.count { $0.contains("of pg_class") && $0.contains("t_floats") } == 1)
        #expect(found.count { $0.contains("of pg_type") && $0.contains("mood") } == 1)
        #expect(found.allSatisfy { $0.contains("impossible") })
    }

    @Test("of pg_attribute that are lost make their table an error, and others not")
    func columns() throws {
        let copy = try copy(Clusters.clean)
        try harm(copy, "pg_attribute", "f8") { bytes, tuple, _ in
            bytes[tuple.lowerBound + 18] = 3
            bytes[tuple.lowerBound + 19] &= 0xF8
        }
        let cluster = try Clusters.open(copy.data)
        let database = try cluster.database(named: "app")
        #expect(
            database.warnings.contains {
                $0.contains("of pg_attribute") && $0.contains("column f8 of relation")
            })
        #expect(
            database.warnings.contains {
                $0.hasPrefix("the catalogs describe") && $0.hasSuffix("columns of t_floats")
            })
        let error = #expect(throws: StorageError.self) { try database.lines("t_floats") }
        #expect(error?.code == .clusterDamaged)
        #expect(try database.lines("t_ints").count > 2)
        try cluster.close()
    }

    @Test("of shared catalogs are named")
    func databases() throws {
        let copy = try copy(Clusters.clean)
        try harm(copy, "pg_database", "latin1_db") { bytes, tuple, _ in
            bytes[tuple.lowerBound + 18] = 2
            bytes[tuple.lowerBound + 19] &= 0xF8
        }
        let found = try warnings(copy)
        #expect(found.count == 1)
        #expect(found[0].contains("of pg_database") && found[0].contains("latin1_db"))
    }

    @Test("whose value for older rows is damaged are an error of that column", arguments: [0, 2])
    func missingValues(_ index: Int) throws {
        let copy = try copy(Clusters.all[index])
        let whole = try Clusters.open(copy.data)
        let expected = try whole.database(named: "app").lines("s_addcol") {
            $0.columns = ["id", "m_int"]
        }
        try whole.close()
        try harm(copy, "pg_attribute", "m_text") { bytes, tuple, name in
            // The array has five numbers, and the text its length, before the text.
            guard
                let text = bytes[name + 64..<tuple.upperBound].firstRange(of: "default".utf8)
            else { return }
            #expect(bytes[text.lowerBound - 24] == 1)
            bytes[text.lowerBound - 24] = 77
        }
        let cluster = try Clusters.open(copy.data)
        let database = try cluster.database(named: "app")
        #expect(database.warnings.count == 1)
        #expect(database.warnings.first?.contains("column m_text of relation") == true)
        let error = #expect(throws: StorageError.self) { try database.lines("s_addcol") }
        #expect(error?.code == .damagedRow)
        #expect(error?.message.contains("column m_text") == true)
        #expect(
            try database.lines("s_addcol") { $0.columns = ["id", "m_int"] } == expected)
        try cluster.close()

        let rescue = try Rescues.open(copy.data)
        let target = try rescue.database(named: "app").table(try TableName("s_addcol"))
        let result = try rescue.all(target)
        #expect(result.findings.contains { "\($0)".contains("m_text") })
        try rescue.close()
    }
}
