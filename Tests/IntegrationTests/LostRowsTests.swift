import StorageTesting
import Testing
import Threads

/// Rows that a store has lost, as the tool's users see it.
@Suite("Lost rows") struct LostRowsTests {
    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }

    private static let rows = (1...3000).map { "\($0),row number \($0)\n" }

    private func strata(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(arguments + ["--store", store])
    }

    private func load(_ arguments: [String] = []) throws {
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "t"] + arguments,
            input: "n,t\n" + Self.rows.joined())
        #expect(outcome.code == 0, "\(outcome)")
    }

    /// Overwrites a page of the relation's only file.
    private func write(_ bytes: [UInt8], at block: Int) throws {
        let descriptor = open(store + "/base/1/16384", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(unsafe pwrite(descriptor, bytes, bytes.count, block * 8192) == bytes.count)
    }

    @Test(
        "A page of zeroes ends a scan and a copy, and verify reports it",
        arguments: ["csv", "json"])
    func zeroedPage(_ format: String) throws {
        try load()
        try write([UInt8](repeating: 0, count: 8192), at: 5)
        let scan = try strata("scan", "--relation", "t", "--format", format)
        #expect(scan.code == 1)
        #expect(scan.errors.contains("block 5"), "\(scan.errors)")
        #expect(scan.errors.contains("all zeroes"), "\(scan.errors)")
        if format == "csv" { #expect(("n,t\n" + Self.rows.joined()).hasPrefix(scan.output)) }
        #expect(scan.lines.count > 500)
        // A scan that does not get that far reports nothing.
        #expect(try strata("scan", "--relation", "t", "--limit", "5").code == 0)
        let copy = try strata("copy", "--from", "t", "--to", "u")
        #expect(copy.code == 1)
        #expect(copy.errors.contains("block 5"), "\(copy.errors)")
        #expect(try !strata("relations").output.contains("u  "))
        let verify = try strata("verify")
        #expect(verify.code == 1)
        #expect(verify.errors.contains("block 5"), "\(verify.errors)")
    }

    @Test("A scan can continue behind damage, and names what is lost", arguments: ["csv", "json"])
    func skippingDamage(_ format: String) throws {
        try load()
        let all = try strata("scan", "--relation", "t", "--format", format).lines
        try write([UInt8](repeating: 0, count: 8192), at: 5)
        // Line pointers and tuples are intact; a byte of a page that is covered by its checksum.
        try write([0xFF, 0xFF, 0xFF], at: 9)
        let scan = try strata(
            "scan", "--relation", "t", "--format", format, "--on-damage", "skip")
        #expect(scan.code == 1)
        for part in ["lost: ", "block 5", "block 9", "where 3000 were loaded", "skipped 3 times"] {
            #expect(scan.errors.contains(part), "\(part): \(scan.errors)")
        }
        #expect(scan.lines.count < all.count && scan.lines.count > all.count / 2)
        #expect(scan.lines.last == all.last)
        // What was written are rows of the relation, in their order.
        var rest = all[...]
        for line in scan.lines {
            guard let place = rest.firstIndex(of: line) else {
                Issue.record("\(line) is no row")
                return
            }
            rest = rest[(place + 1)...]
        }
        let sound = try strata("scan", "--relation", "t", "--limit", "9", "--on-damage", "skip")
        #expect(sound.code == 0 && !sound.errors.contains("lost"), "\(sound)")
    }

    @Test("JSON never repeats a key")
    func keys() throws {
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "k"], input: "a,a_2,b\n1,2,3\n")
        #expect(outcome.code == 0, "\(outcome)")
        let scan = try strata(
            "scan", "--relation", "k", "--format", "json", "--columns", "a,a,b,a_2,a")
        #expect(scan.output == #"{"a":1,"a_3":1,"b":3,"a_2":2,"a_4":1}"# + "\n")
    }

    @Test("An intact page without rows is reported at a scan's end, after all rows")
    func emptiedPage() throws {
        try load()
        let empty = directory.path + "/empty"
        // A page of another store with one row, on the same block.
        let outcome = try Tool.run(
            ["load", "-", "--store", empty, "--relation", "t", "--schema", "n integer, t text"],
            input: "n,t\n7,seven\n")
        #expect(outcome.code == 0, "\(outcome)")
        let page = try readPage(empty + "/base/1/16384")
        try write(page, at: 0)
        let scan = try strata("scan", "--relation", "t")
        #expect(scan.code == 1)
        #expect(scan.output.hasPrefix("n,t\n7,seven\n"))
        #expect(scan.output.hasSuffix(Self.rows[2999]), "all pages are read before it is told")
        #expect(scan.errors.contains("where 3000 were loaded"), "\(scan.errors)")
        let count = scan.lines.count - 1
        #expect(scan.errors.contains("holds \(count) rows"), "\(scan.errors)")
        let copy = try strata("copy", "--from", "t", "--to", "u", "--manager", "compressed")
        #expect(copy.code == 1)
        #expect(copy.errors.contains("where 3000 were loaded"), "\(copy.errors)")
        let verify = try strata("verify")
        #expect(verify.code == 1)
        #expect(verify.errors.contains("holds \(count) rows"), "\(verify.errors)")
    }

    @Test("What is left of a relation that was cut short can be scanned")
    func cutRelation() throws {
        try load()
        let all = try strata("scan", "--relation", "t").lines
        let path = store + "/base/1/16384"
        let size = try size(path)
        #expect(truncate(path, off_t(size - 4096)) == 0)
        #expect(try strata("scan", "--relation", "t").lines.isEmpty)
        let rest = try strata("scan", "--relation", "t", "--on-damage", "skip")
        #expect(rest.code == 1)
        #expect(rest.errors.contains("block \(size / 8192 - 1)"), "\(rest.errors)")
        #expect(rest.lines.count > all.count / 2 && all.starts(with: rest.lines))
    }

    @Test("Values out of line that are lost cost only the rows that are asked for them")
    func lostValues() throws {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        let long = String(String(repeating: letters, count: 200).shuffled())
        let rows = (0..<60).map { "\($0),\($0 % 3 == 0 ? long : "short")\n" }
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "t"], input: "n,t\n" + rows.joined())
        #expect(outcome.code == 0, "\(outcome)")
        #expect(unlink(store + "/base/1/16385") == 0)
        let numbers = try strata(
            "scan", "--relation", "t", "--columns", "n", "--on-damage", "skip")
        #expect(numbers.lines.count == 61, "\(numbers.errors)")
        let rest = try strata("scan", "--relation", "t", "--on-damage", "skip")
        #expect(rest.code == 1 && rest.lines.count == 41)
        #expect(rest.errors.contains("row 1 in block 0 of relation \"t\""), "\(rest.errors)")
        #expect(rest.errors.contains("column \"t\""), "\(rest.errors)")
    }

    @Test("The first lost block of a compressed relation is named, not one before it")
    func lostChunk() throws {
        let rows = (0..<20_000).map { "\($0),\(UInt64($0 + 1) &* 0x9E37_79B9_7F4A_7C15)\n" }
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "t", "--manager", "compressed"],
            input: "n,t\n" + rows.joined())
        #expect(outcome.code == 0, "\(outcome)")
        let path = store + "/base/1/16384.chunks"
        let size = try size(path)
        let descriptor = open(path, O_RDWR)
        try #require(descriptor >= 0)
        var byte: UInt8 = 0
        #expect(unsafe pread(descriptor, &byte, 1, off_t(size / 2)) == 1)
        byte ^= 1
        #expect(unsafe pwrite(descriptor, &byte, 1, off_t(size / 2)) == 1)
        close(descriptor)
        let verify = try strata("verify")
        let scan = try strata("scan", "--relation", "t", "--on-damage", "skip")
        let first = try #require(verify.errors.firstMatch(of: /block (\d+)/)).1
        #expect(try #require(scan.errors.firstMatch(of: /block (\d+)/)).1 == first)
        #expect(!scan.errors.contains("checksum or header"), "\(scan.errors)")
        // A reader that has seen enough must learn of it too.
        let piped = try Command.shell(
            "( \"$strata\" scan --store '\(store)' --relation t --on-damage skip;"
                + " echo \"code $?\" >&2 ) | head -n 1 > /dev/null")
        #expect(piped.errors.hasSuffix("code 1\n"), "\(piped.errors)")
    }

    private func size(_ path: String) throws -> Int {
        var status = stat()
        try #require(unsafe stat(path, &status) == 0)
        return Int(status.st_size)
    }

    private func readPage(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var page = [UInt8](repeating: 0, count: 8192)
        #expect(unsafe read(descriptor, &page, 8192) == 8192)
        return page
    }

    @Test("A completely damaged relation is reported in few lines")
    func manyFindings() throws {
        let rows = (0..<400).map { "\($0),\(String(repeating: "x", count: 4000))\n" }
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "t"],
            input: "n,t\n" + rows.joined())
        #expect(outcome.code == 0)
        for block in 0..<200 { try write([UInt8](repeating: 7, count: 16), at: block) }
        let verify = try strata("verify")
        #expect(verify.code == 1)
        let lines = verify.errors.split(separator: "\n")
        #expect(lines.count == 101, "\(lines.count)")
        let last = try #require(lines.last)
        #expect(last.contains("100 more pages up to block 199"), "\(last)")
    }
}
