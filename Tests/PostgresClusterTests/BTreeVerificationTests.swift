import Foundation
import PostgresCluster
import Testing

/// Pages of B-trees that stand in the wrong place, with right checksums or without.
@Suite("Exchanged pages of B-trees", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct BTreeVerificationTests {
    private static let clean = Clusters.all.filter { !$0.isCrashed }
    /// Two indexes of `pg_attribute`, of a name and a number and of two numbers.
    private static let names = "base/5/2658"
    private static let numbers = "base/5/2659"

    /// A copy without checksums, so that a page may stand anywhere.
    private func copy(_ cluster: Clusters.Cluster) throws -> ClusterCopy {
        let copy = try ClusterCopy(cluster)
        try copy.removeChecksums()
        return copy
    }

    private func swap(
        _ copy: ClusterCopy, _ one: (file: String, block: Int), _ other: (file: String, block: Int)
    ) throws {
        let pages = (try copy.page(one.file, one.block), try copy.page(other.file, other.block))
        try copy.write(one.file, block: one.block, pages.1)
        try copy.write(other.file, block: other.block, pages.0)
    }

    @Test("keys of other types are named", arguments: Clusters.all)
    func otherTypes(_ cluster: Clusters.Cluster) throws {
        let copy = try copy(cluster)
        // Their neighbours have the same blocks.
        try swap(copy, (Self.names, 5), (Self.numbers, 5))
        let found = try copy.verifyDeeply().findings
        // Without a checksum, a server may have been writing the page.
        if cluster.isCrashed {
            #expect(found.isEmpty, "\(found)")
            return
        }
        #expect(found.count == 2, "\(found)")
        for path in [Self.names, Self.numbers] {
            #expect(found.contains { $0.path == path && $0.block == 5 })
        }
        #expect(found.allSatisfy { $0.kind == .damagedItem && $0.linePointer != nil })
        #expect(found.allSatisfy { $0.reason.contains("others looked at are wrong") })
    }

    @Test("a page whose neighbours do not name it is named", arguments: Clusters.all)
    func otherNeighbours(_ cluster: Clusters.Cluster) throws {
        let copy = try copy(cluster)
        try swap(copy, (Self.numbers, 4), (Self.numbers, 8))
        let found = try copy.verifyDeeply().findings
        // A server may have written one neighbour before the other.
        #expect(found.map(\.block) == (cluster.isCrashed ? [] : [4, 8]), "\(found)")
        #expect(found.allSatisfy { $0.path == Self.numbers && $0.kind == .foreignPage })
    }

    /// A build that was interrupted leaves pages whose neighbours were never written.
    @Test("an index that is not valid has no neighbours to name", arguments: clean)
    func interruptedBuild(_ cluster: Clusters.Cluster) throws {
        let copy = try copy(cluster)
        try swap(copy, (Self.numbers, 4), (Self.numbers, 8))
        // The numbers of the index and of its table begin the row of pg_index; `indisvalid` is the
        // seventh of the flags behind the numbers of columns.
        let file = "base/5/2610"
        let start = Data([0x63, 0x0A, 0, 0, 0xE1, 0x04, 0, 0])
        var rows = try copy.bytes(file)
        var (from, versions) = (rows.startIndex, 0)
        while let row = rows.range(of: start, in: from..<rows.endIndex) {
            #expect(rows[row.lowerBound + 18] == 1)
            rows[row.lowerBound + 18] = 0
            (from, versions) = (row.upperBound, versions + 1)
        }
        #expect(versions > 0)
        try copy.write(file, Array(rows))
        let found = try copy.verifyDeeply().findings
        #expect(found.isEmpty, "\(found)")
    }

    @Test("pages at the ends of a level, and of other levels, are named", arguments: clean)
    func ends(_ cluster: Clusters.Cluster) throws {
        // The leftmost leaf, the root, and a leaf.
        for (block, other) in [(1, 6), (3, 6), (1, 3)] {
            let copy = try copy(cluster)
            try copy.write(Self.numbers, block: block, try copy.page(Self.numbers, other))
            let found = try copy.verifyDeeply().findings
            #expect(found.map(\.block).contains(UInt32(block)), "\(block), \(other): \(found)")
            #expect(found.allSatisfy { $0.path == Self.numbers })
        }
    }

    @Test("the neighbours of a page that is zeroes or damaged are not", arguments: clean)
    func unknownNeighbours(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.write(Self.numbers, block: 5, Data(count: 8192))
        #expect(try copy.verifyDeeply().report.outcome == .clean)
        try copy.write(Self.numbers, block: 7, Data([0xFF]), at: 5000)
        let found = try copy.verifyDeeply().findings
        #expect(found.map(\.block) == [7], "\(found)")
        #expect(found.allSatisfy { $0.kind == .damagedPage })
    }

    /// The bound of a leaf, as PostgreSQL 10 left it, is a copy of a tuple that may have gone, and
    /// its row with it.
    @Test("the bound of a page leads to no row", arguments: clean)
    func bounds(_ cluster: Clusters.Cluster) throws {
        for part in [0, 1] {
            let copy = try copy(cluster)
            var page = try copy.page(Self.numbers, 1)
            // Eight items of the page are looked at.
            let count = ((Int(page[12]) | Int(page[13]) << 8) - 24) / 4
            let item = 1 + part * ((count - 1) / 7)
            let pointer = page.startIndex + 24 + 4 * (item - 1)
            let start =
                page.startIndex + ((Int(page[pointer]) | Int(page[pointer + 1]) << 8) & 0x7FFF)
            // Its row is in block 255, and it has all columns.
            page.replaceSubrange(start..<start + 4, with: [0, 0, 255, 0])
            page[start + 7] &= 0xDF
            try copy.write(Self.numbers, block: 1, page)
            let found = try copy.verifyDeeply().findings
            #expect(found.map(\.kind) == (part == 0 ? [] : [.wrongLength]), "\(found)")
        }
    }
}
