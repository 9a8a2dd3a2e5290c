import Foundation
import PostgresCatalogs
import PostgresCluster
import PostgresReading
import Testing

/// How files are read: within bounds, and once.
@Suite(.enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct ReadingTests {
    @Test func theTextOfOnePageIsDeliveredInPieces() throws {
        let cluster = try Clusters.clean.open()
        let database = try cluster.database(named: "app")
        let table = try database.table(TableName("toast_external"))
        #expect(table.pages == 1)
        var options = TableScanOptions()
        options.threads = 1
        var sizes: [Int] = []
        try database.scan(table, options: options).write(.csv(null: "", header: false)) {
            sizes.append($0.count)
        }
        #expect(sizes.reduce(0, +) > 3_000_000)
        #expect(sizes.count > 1)
        try cluster.close()
    }

    @Test func logsOfTransactionsAreReadOnce() throws {
        let copy = try ClusterCopy(Clusters.clean)
        let storage = try DataDirectory.open(copy.data, options: PostgresOptions())
        let log = TransactionLog(storage)
        let next = storage.control.nextTransaction
        let status = try log.status(next - 10)
        let segment = String(next / (32 * 32_768), radix: 16, uppercase: true)
        let file = "pg_xact/" + String(repeating: "0", count: 4 - segment.count) + segment
        try copy.remove(file)
        #expect(try log.status(next - 10) == status)
        // A file that does not exist is not looked for again either.
        let later = next + 32 * 32_768
        #expect(try log.status(later) == .inProgress)
        let number = String(later / (32 * 32_768), radix: 16, uppercase: true)
        try copy.write(
            "pg_xact/" + String(repeating: "0", count: 4 - number.count) + number,
            [UInt8](repeating: 0x55, count: 32 * 8192))
        #expect(try log.status(later) == .inProgress)
        try storage.close()
    }

    @Test(
        arguments: [
            ("{CONST :consttype 23 :constvalue 4 [ 5 0 0 0 0 0 0 0 ]}", [5, 0, 0, 0]),
            ("{CONST :constvalue 2 [ -1 7 ]}", [255, 7]),
        ] as [(String, [UInt8])])
    func constantsOfTreesAreRead(text: String, bytes: [UInt8]) throws {
        let tree = try #require(NodeTree(Array(text.utf8)))
        #expect(tree.name == "CONST")
        #expect(tree.datum("constvalue") == bytes)
    }

    @Test(arguments: [
        "", "{", "{CONST", "{CONST :a", "(", "(1 2", "{CONST (}", "{ }", ")",
        String(repeating: "(", count: 100_000),
        String(repeating: "{A :b ", count: 100_000),
    ])
    func damagedTreesAreNone(text: String) {
        #expect(NodeTree(Array(text.utf8)) == nil)
    }

    @Test func partsOfTreesAreFound() throws {
        let text = "{A :text \\<\\ \\{ :list ({B :n 1} <>) :empty <> :colon :x :last 2}"
        let tree = try #require(NodeTree(Array(text.utf8)))
        #expect(tree.text("text") == "< {")
        #expect(tree.elements("list").count == 2)
        #expect(tree.elements("list").first?.number("n") == 1)
        #expect(tree.elements("empty").isEmpty)
        #expect(tree.text("colon") == ":x")
        #expect(tree.number("last") == 2)
        #expect(tree.datum("last") == nil)
    }
}
