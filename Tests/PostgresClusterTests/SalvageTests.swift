import Foundation
import PageFormat
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

@Suite("Salvage", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct SalvageTests {
    @Test("of whole clusters gives every row as its server showed it", arguments: Clusters.all)
    func whole(_ cluster: Clusters.Cluster) throws {
        let rescue = try Rescues.open(cluster.data)
        var databases: [String: RescueDatabase] = [:]
        var options = SalvageOptions()
        options.onlyOwnRows = true
        let tables = try ExpectedTable.all(of: cluster).filter { !$0.file.isEmpty }
        for table in tables where !table.name.hasPrefix("many_") && table.name != "g_generated" {
            // The server would have emptied it.
            if cluster.isCrashed && table.name.hasPrefix("u_") { continue }
            if databases[table.database] == nil {
                databases[table.database] = try rescue.database(named: table.database)
            }
            let target = try #require(databases[table.database]).table(
                TableName(schema: table.schema, name: table.name), options: options)
            let expected = try Data(contentsOf: cluster.expected.appending(path: table.file))
            if target.columns.isEmpty { continue }
            let found = try rescue.all(target)
            #expect(
                found.text(target.columns) == [UInt8](expected), "\(table.schema).\(table.name)")
            #expect(found.findings.isEmpty, "\(table.name): \(found.findings)")
            #expect(found.rows.allSatisfy { $0.confidence == .whole }, "\(table.name)")
        }
        try rescue.close()
    }

    @Test("row versions that no transaction sees are those of a scan", arguments: Clusters.all)
    func dead(_ cluster: Clusters.Cluster) throws {
        let directory = try cluster.open()
        let database = try directory.database(named: "app")
        let rescue = try Rescues.open(cluster.data)
        let rescued = try rescue.database(named: "app")
        var compared = 0
        for table in try database.tables() where table.name.hasPrefix("v_") {
            let name = TableName(schema: table.schema, name: table.name)
            let expected = try database.text(name) {
                $0.includesDead = true
                $0.onlyOwnRows = false
            }
            let target = try rescued.table(name)
            let found = try rescue.all(target, dead: true)
            #expect(
                found.text(target.columns, marks: .version) == expected, "\(cluster) \(table.name)")
            compared += found.rows.count
        }
        #expect(compared > 50)
        try rescue.close()
        try directory.close()
    }

    @Test(
        "a flipped bit costs no row but the one that it is in",
        arguments: IOMethodMatrix.allWithPartialTransfers)
    func flips(_ method: TestedMethod) throws {
        let copy = try ClusterCopy(Clusters.clean)
        let rescue = try Rescues.open(copy.data, method)
        let database = try rescue.database(named: "app")
        let seed = UInt64.random(in: 0..<1_000_000)
        var generator = SeededGenerator(seed)
        for name in ["b_bulk", "t_floats", "t_texts", "t_arrays", "s_addcol", "v_update_hot"] {
            guard let file = try? copy.file(name) else { continue }
            let target = try database.table(try TableName(name))
            let before = try rescue.all(target)
            let original = try copy.bytes(file)
            try #require(!original.isEmpty)
            for _ in 0..<8 {
                let position = Int(generator.next() % UInt64(original.count))
                let bit = UInt8(generator.next() % 8)
                var changed = original
                changed[position] ^= 1 << bit
                try copy.write(file, [UInt8](changed))
                let block = position / 8192
                let page = original[block * 8192..<(block + 1) * 8192]
                let hit = Self.tuple(on: [UInt8](page), at: position % 8192)
                let after = try rescue.all(target)
                Self.compare(
                    before, after, block, hit,
                    "seed \(seed), \(name), byte \(position), bit \(bit)")
            }
            try copy.write(file, [UInt8](original))
        }
        try rescue.close()
    }

    /// A page with tuples that updates have left: each names its successor.
    @Test("a flipped bit in a line pointer costs no row") func linePointerFlips() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let rescue = try Rescues.open(copy.data)
        let target = try rescue.database(named: "app").table(try TableName("v_update_hot"))
        let file = try copy.file("v_update_hot")
        let before = try rescue.all(target)
        let original = try copy.bytes(file)
        let end = Int(original[12]) | Int(original[13]) << 8
        #expect(end > 24 + 4 * 20)
        for position in 24..<end {
            for bit in 0..<UInt8(8) {
                var changed = original
                changed[position] ^= 1 << bit
                try copy.write(file, [UInt8](changed))
                let after = try rescue.all(target)
                Self.compare(
                    before, after, 0, nil, "byte \(position), bit \(bit)")
            }
        }
        try rescue.close()
    }

    /// The line pointer whose tuple has a byte of the page.
    static func tuple(on page: [UInt8], at offset: Int) -> UInt16? {
        guard let view = PageView(page.span.bytes) else { return nil }
        for number in view.linePointerNumbers {
            guard let pointer = view.linePointer(number), pointer.state == .normal else { continue }
            if (pointer.offset..<pointer.offset + pointer.length).contains(offset) { return number }
        }
        return nil
    }

    private static func compare(
        _ before: Rescued, _ after: Rescued, _ block: Int, _ hit: UInt16?, _ what: String
    ) {
        let (old, new) = (before.byPlace, after.byPlace)
        let spared = hit.map { "(\(block),\($0))" }
        for (place, lines) in old where place != spared {
            #expect(new[place] == lines, "\(what), row \(place)")
        }
        for (place, lines) in new where place != spared {
            #expect(old[place] == lines, "\(what), row \(place) is new")
        }
        for row in after.rows {
            let isOnPage = Int(row.block) == block
            #expect(isOnPage ? row.confidence != .whole : row.confidence == .whole, "\(what)")
        }
        #expect(!after.findings.isEmpty, "\(what)")
        #expect(after.findings.allSatisfy { $0.block == UInt32(block) }, "\(what)")
    }

    @Test("values stored out of line are had from damaged pages too, or named as lost")
    func toast() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let rescue = try Rescues.open(copy.data)
        let target = try rescue.database(named: "app").table(try TableName("toast_external"))
        let before = try rescue.all(target)
        let directory = try Clusters.open(copy.data)
        let number = try #require(
            directory.database(named: "app").tables(includingSystem: true).first {
                $0.name == "toast_external"
            }?.number)
        let toast = try #require(
            directory.database(named: "app").tables(includingSystem: true).first {
                $0.name == "pg_toast_\(number)"
            }?.file)
        try directory.close()
        // A wrong checksum alone loses nothing.
        let original = try copy.page(toast, 0)
        try copy.write(toast, block: 0, Data([original[8] ^ 1]), at: 8)
        let unsure = try rescue.all(target)
        #expect(unsure.rows.map(\.line) == before.rows.map(\.line))
        #expect(unsure.rows.contains { $0.confidence == .plausible })
        // What is no text is lost.
        var spoilt = original
        for index in 4000..<8192 where spoilt[index] >= 0x20 && spoilt[index] < 0x7F {
            spoilt[index] = 0xFF
        }
        try copy.write(toast, block: 0, spoilt)
        for row in try rescue.all(target).rows {
            for text in row.fields {
                #expect(text.map { String(validating: $0, as: UTF8.self) } != .some(nil))
            }
        }
        // Without the page, its values are lost, and nothing else.
        try copy.write(toast, block: 0, Data(count: 8192))
        let lost = try rescue.all(target)
        #expect(lost.rows.count == before.rows.count)
        let incomplete = lost.rows.filter { $0.confidence == .incomplete }
        #expect(!incomplete.isEmpty)
        #expect(lost.findings.count == incomplete.reduce(0) { $0 + $1.lostColumns.count })
        #expect(lost.findings.allSatisfy { $0.kind == .lostValue && $0.column != nil })
        for (old, new) in zip(before.rows, lost.rows) {
            for column in old.fields.indices where !new.lostColumns.contains(column) {
                #expect(old.fields[column] == new.fields[column])
            }
        }
        try rescue.close()
    }

    @Test("missing and short files are named, and the rest is read")
    func files() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let file = try copy.file("b_bulk")
        let rescue = try Rescues.open(copy.data)
        let target = try rescue.database(named: "app").table(try TableName("b_bulk"))
        let before = try rescue.all(target)
        try copy.cut(file, to: 2 * 8192 + 5000)
        let cut = try rescue.all(target)
        #expect(cut.findings.map(\.block).contains(2))
        #expect(cut.rows.filter { $0.block < 2 }.count == before.rows.filter { $0.block < 2 }.count)
        for row in cut.rows where row.block == 2 {
            #expect(before.byPlace[row.place] == [row.line])
        }
        try copy.remove(file)
        let gone = try rescue.all(target)
        #expect(gone.rows.isEmpty)
        #expect(gone.findings.map(\.kind) == [.lostFile])
        try rescue.close()
    }

    @Test("a page of another relation is no page of the table")
    func foreign() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let file = try copy.file("b_bulk")
        let rescue = try Rescues.open(copy.data)
        let database = try rescue.database(named: "app")
        let target = try database.table(try TableName("b_bulk"))
        try copy.write(file, block: 1, try copy.page(try copy.file("t_texts"), 0))
        let found = try rescue.all(target)
        #expect(!found.rows.contains { $0.block == 1 })
        #expect(found.findings.allSatisfy { $0.block == 1 })
        try rescue.close()
    }
}
