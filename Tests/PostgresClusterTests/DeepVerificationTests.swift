import Foundation
import PostgresCluster
import PostgresReading
import Testing

/// What only a look into the pages finds.
@Suite("Deep verdicts", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct DeepVerificationTests {
    private static let clean = Clusters.all.filter { !$0.isCrashed }

    /// Changes bytes of pages in a cluster without checksums, from block 1 on, and returns the
    /// reasons for each.
    ///
    /// - Parameter inTuple: whether offsets are those of the page's first tuple.
    private func reasons(
        _ cluster: Clusters.Cluster, inTuple: Bool, _ changes: [(offset: Int, bytes: [UInt8])]
    ) throws -> [[String]] {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        let file = try copy.file("b_bulk")
        for (block, (offset, bytes)) in zip(1..., changes) {
            let start = inTuple ? Self.firstTuple(on: try copy.page(file, block)) : 0
            try copy.write(file, block: block, Data(bytes), at: start + offset)
        }
        #expect(try copy.verify().report.outcome == .clean, "the plain check does not look inside")
        let verdict = try copy.verifyDeeply()
        let blocks = 1...UInt32(changes.count)
        #expect(
            verdict.findings.allSatisfy {
                $0.path == file && $0.kind == .damagedItem && blocks.contains($0.block ?? 0)
            }, "\(verdict)")
        return blocks.map { block in
            verdict.findings.filter { $0.block == block }.map(\.reason)
        }
    }

    private static func firstTuple(on page: Data) -> Int {
        (Int(page[24]) | Int(page[25]) << 8) & 0x7FFF
    }

    @Test("overwritten line pointers are named", arguments: clean)
    func linePointers(_ cluster: Clusters.Cluster) throws {
        func pointer(_ offset: UInt32, _ state: UInt32, _ length: UInt32) -> [UInt8] {
            let bits = offset | state << 15 | length << 17
            return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        }
        let cases: [([UInt8], String)] = [
            (pointer(8001, 1, 50), "offset 8001 is not maximally aligned"),
            (pointer(8000, 1, 10), "length 10 is less than"),
            (pointer(8000, 1, 500), "do not lie between"),
            (pointer(0, 2, 0), "redirects to line pointer 0"),
            (pointer(2000, 2, 0), "redirects to line pointer 2000"),
            (pointer(2, 2, 0), "is not heap-only"),
            (pointer(0x7FFF, 3, 0x7FFF), "it is dead, but has"),
            (pointer(0, 0, 9), "it is unused, but has"),
        ]
        let found = try reasons(cluster, inTuple: false, cases.map { (24, $0.0) })
        for (found, (_, reason)) in zip(found, cases) {
            #expect(found.contains { $0.contains(reason) }, "\(reason): \(found)")
        }
    }

    /// The offset of the first tuple on a page.
    private func tuple(_ cluster: Clusters.Cluster) throws -> Int {
        let copy = try ClusterCopy(cluster)
        return Self.firstTuple(on: try copy.page(try copy.file("b_bulk"), 1))
    }

    @Test("impossible tuple headers are named", arguments: clean)
    func headers(_ cluster: Clusters.Cluster) throws {
        let cases: [(Int, [UInt8], String)] = [
            (22, [200], "its data begins at byte 200"),
            (22, [32], "should begin at byte 24"),
            (18, [0xFF, 0x07], "attributes, but the table has"),
        ]
        let found = try reasons(cluster, inTuple: true, cases.map { ($0.0, $0.1) })
        for (found, (_, _, reason)) in zip(found, cases) {
            #expect(found.contains { $0.contains(reason) }, "\(reason): \(found)")
        }
        // The inserter, without the flags that say that it committed.
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        let file = try copy.file("b_bulk")
        let start = try tuple(cluster)
        try copy.write(file, block: 1, Data([0xFF, 0xFF, 0xFF, 0x7F]), at: start)
        try copy.write(file, block: 1, Data([0x02, 0x08]), at: start + 20)
        let verdict = try copy.verifyDeeply()
        #expect(verdict.findings.contains { $0.reason.contains("xmin 2147483647") }, "\(verdict)")
    }

    @Test("a row that ends before its values is named", arguments: clean)
    func shortTuple(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        let file = try copy.file("b_bulk")
        let start = try tuple(cluster)
        // Frozen, never deleted, and 23 bytes long: only the header, without its padding.
        try copy.write(file, block: 1, Data([0x02, 0x0B]), at: start + 20)
        let pointer = UInt32(start) | 1 << 15 | 23 << 17
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: pointer >> (8 * UInt32($0))) }
        try copy.write(file, block: 1, Data(bytes), at: 24)
        let found = try copy.verifyDeeply()
        #expect(found.findings.contains { $0.reason.contains("beyond its length 23") }, "\(found)")
    }

    @Test("versions that replace each other go together", arguments: clean)
    func chains(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        let file = try copy.file("b_bulk")
        let page = try copy.page(file, 1)
        func tuple(_ number: Int) -> Int {
            (Int(page[20 + 4 * number]) | Int(page[21 + 4 * number]) << 8) & 0x7FFF
        }
        /// Changes three rows of the page: deleter, successor's number, flags of both words.
        func reasons(_ changes: [(row: Int, next: UInt8, hot: UInt8, flags: [UInt8])]) throws
            -> [String]
        {
            var changed = page
            for (row, next, hot, flags) in changes {
                let start = tuple(row)
                // Its deleter is the inserter of all rows here.
                changed.replaceSubrange(
                    start + 4..<start + 8, with: page[start..<start + 4])
                changed[start + 16] = next
                changed[start + 19] = hot
                changed.replaceSubrange(start + 20..<start + 22, with: flags)
            }
            try copy.write(file, block: 1, changed)
            let verdict = try copy.verifyDeeply()
            #expect(verdict.findings.allSatisfy { $0.path == file && $0.block == 1 })
            return verdict.findings.map(\.reason)
        }
        // Inserted and deleted by committed transactions; inserted by an update, not deleted.
        let (deleted, updated): ([UInt8], [UInt8]) = ([0x02, 0x05], [0x02, 0x29])
        let (hot, heapOnly): (UInt8, UInt8) = (0x40, 0x80)
        #expect(try reasons([(1, 2, hot, deleted), (2, 2, heapOnly, updated)]) == [])
        #expect(try reasons([(1, 2, 0, deleted), (2, 2, 0, updated)]) == [])
        let cases: [([(row: Int, next: UInt8, hot: UInt8, flags: [UInt8])], String)] = [
            ([(2, 2, heapOnly, updated)], "no line pointer leads to it"),
            ([(2, 2, heapOnly, [0x02, 0x09])], "not as the result of an update"),
            ([(1, 2, hot, deleted), (2, 2, 0, updated)], "is not heap-only"),
            (
                [(1, 2, 0, deleted), (2, 2, heapOnly, updated)],
                "not marked as updated within the page"
            ),
            (
                [(1, 2, hot, deleted), (2, 2, heapOnly, updated), (3, 2, hot, deleted)],
                "to which line pointer 1 leads too"
            ),
        ]
        for (changes, reason) in cases {
            let found = try reasons(changes)
            #expect(found.contains { $0.contains(reason) }, "\(reason): \(found)")
        }
    }

    @Test(
        "a row that its catalog calls frozen may not have been written yet",
        arguments: Clusters.all)
    func frozen(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        let control = try DataDirectory.open(copy.data)
        let oldest = control.control.oldestTransaction
        try control.close()
        let file = try copy.file("b_bulk")
        let page = try copy.page(file, 1)
        let start = (Int(page[24]) | Int(page[25]) << 8) & 0x7FFF
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: oldest >> (8 * $0)) }
        try copy.write(file, block: 1, Data(bytes), at: start)
        // No hint that the inserter committed.
        try copy.write(file, block: 1, Data([0x02, 0x08]), at: start + 20)
        let found = try copy.verifyDeeply().findings.filter {
            $0.reason.contains("precedes the relation's relfrozenxid")
        }
        #expect(found.count == (cluster.isCrashed ? 0 : 1))
    }

    @Test("a lost chunk of a value stored out of line is named", arguments: clean)
    func toast(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        let table = try copy.file("toast_pglz")
        let before = try copy.verifyDeeply()
        #expect(before.report.outcome == .clean, "\(before)")
        let toast = try toastFile(copy)
        // Its first chunk is no longer used.
        try copy.write(toast, block: 0, Data([0, 0, 0, 0]), at: 24)
        let verdict = try copy.verifyDeeply()
        #expect(verdict.report.outcome == .damaged)
        let found = verdict.findings.filter { $0.path == table && $0.kind == .damagedValue }
        #expect(found.count == 1, "\(verdict)")
        #expect(found.first?.reason.contains("stored out of line") == true)
        #expect(found.first?.block != nil && found.first?.linePointer != nil)
    }

    /// The TOAST relation of `toast_pglz`.
    private func toastFile(_ copy: ClusterCopy) throws -> String {
        let cluster = try Clusters.open(copy.data)
        defer { try? cluster.close() }
        let database = try cluster.database(named: "app")
        let owner = try database.table(TableName("toast_pglz")).number
        let name = "pg_toast_\(owner)"
        return try #require(
            try database.table(TableName(schema: "pg_toast", name: name)).file)
    }
}
