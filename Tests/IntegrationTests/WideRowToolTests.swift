import Foundation
import StorageTesting
import Testing

/// Fields larger than a page, as the tool's users see them.
@Suite("Fields larger than a page") struct WideRowToolTests {
    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }

    /// A file with fields of 9,000 bytes and of 2 MB, some of which become smaller and some not.
    static func file(_ rows: Int) -> String {
        var random = SplitMix64(seed: 12)
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        func noise(_ count: Int) -> String {
            String(
                decoding: (0..<count).map { _ in letters[random.below(letters.count)] },
                as: UTF8.self)
        }
        var text = "id,name,body\n"
        for row in 0..<rows {
            switch row % 4 {
            case 0: text += "\(row),noise,\(noise(9000))\n"
            case 1: text += "\(row),words,\(String(repeating: "word \(row) ", count: 1200))\n"
            case 2: text += "\(row),short,\(noise(20))\n"
            default: text += "\(row),quoted,\"\(noise(4500)),\n\"\"\(noise(4500))\"\"\"\n"
            }
        }
        text += "\(rows),large,\(noise(2_000_000))\n"
        text += "\(rows + 1),large words,\(String(repeating: "large word ", count: 200_000))\n"
        return text
    }

    private func strata(_ arguments: [String]) throws -> CommandResult {
        let words = (arguments + ["--store", store]).map(Command.quoted).joined(separator: " ")
        return try Command.shell("exec $strata \(words)")
    }

    private static let kinds = ["magnetic", "compressed"].flatMap { manager in
        ["sync", "worker", "automatic"].map { (manager, $0) }
    }

    @Test("are loaded, scanned, checked, copied, appended and dropped", arguments: kinds)
    func everyCommand(_ manager: String, _ method: String) throws {
        let text = Self.file(40)
        let file = "\(directory.path)/wide.csv"
        try Data(text.utf8).write(to: URL(filePath: file))
        func run(_ arguments: String...) throws -> CommandResult {
            let result = try strata(arguments + ["--io-method", method])
            #expect(result.status == 0, "\(arguments): \(result)")
            return result
        }
        _ = try run("load", file, "--relation", "t", "--manager", manager)
        #expect(try run("scan", "--relation", "t").output == text)
        let listed = try run("relations").output.split(separator: "\n")
        #expect(listed.count == 3)
        #expect(
            listed.contains { $0.hasPrefix("pg_toast_16384 ") && $0.hasSuffix("values of \"t\"") })
        #expect(try run("verify").output.hasPrefix("no damage"))
        #expect(try run("verify", "--relation", "t").output.contains("2 relations"))
        _ = try run("load", file, "--relation", "t", "--append")
        let rows = text.dropFirst("id,name,body\n".count)
        #expect(try run("scan", "--relation", "t").output == text + rows)
        let other = manager == "magnetic" ? "compressed" : "magnetic"
        _ = try run("copy", "--from", "t", "--to", "u", "--manager", other)
        #expect(try run("scan", "--relation", "u").output == text + rows)
        _ = try run("load", file, "--relation", "t", "--replace")
        #expect(try run("scan", "--relation", "t").output == text)
        // One line for each relation with its values.
        let lines = try run("compact").output.split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("compacted ") }, "\(lines)")
        let named = try run("compact", "--relation", "t").output
        #expect(named.hasPrefix("compacted t: "), "\(named)")
        #expect(try run("verify").output.hasPrefix("no damage"))
        _ = try run("drop", "--relation", "t")
        #expect(try run("scan", "--relation", "u").output == text + rows)
        _ = try run("drop", "--relation", "u")
        #expect(try run("relations").output.isEmpty)
        _ = try run("recover")
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(store)/base/1")
        #expect(left.isEmpty, "\(left)")
    }

    @Test("a chunk that is missing is damage of the row that needs it")
    func missingChunk() throws {
        let file = "\(directory.path)/wide.csv"
        try Data(Self.file(40).utf8).write(to: URL(filePath: file))
        #expect(try strata(["load", file, "--relation", "t"]).status == 0)
        let toast = "\(store)/base/1/16385"
        let handle = try #require(FileHandle(forUpdatingAtPath: toast))
        try handle.seek(toOffset: 2 * 8192)
        try handle.write(contentsOf: Data(count: 8192))
        try handle.close()
        let verify = try strata(["verify"])
        #expect(verify.status == 1)
        for part in ["relation \"t\", fork main, block 0", "tuple ", "column \"body\""] {
            #expect(verify.errors.contains(part), "\(verify.errors)")
        }
        let scan = try strata(["scan", "--relation", "t"])
        #expect(scan.status == 1)
        #expect(scan.errors.contains("column \"body\""), "\(scan.errors)")
        let rest = try strata(["scan", "--relation", "t", "--on-damage", "skip"])
        #expect(rest.status == 1)
        #expect(rest.errors.contains("lost: invalid row"), "\(rest.errors)")
        #expect(rest.output.contains("39,quoted"))
        #expect(try strata(["copy", "--from", "t", "--to", "u"]).status == 1)
        #expect(try strata(["drop", "--relation", "t"]).status == 0)
    }

    /// The server gets the files in place of those of a table, makes the index of the values anew,
    /// and must then return every value.
    @Test(
        "PostgreSQL reads the files of a relation and of its values",
        .enabled(
            if: InstalledPostgres.programs != nil,
            "needs PostgreSQL's server programs below /usr/lib/postgresql"))
    func serverReadsOurs() throws {
        let server = try InstalledPostgres()
        try server.sql(
            "CREATE TABLE wide (id bigint, name text, body text);",
            then: """
                $query -At -c "SELECT reltoastrelid, pg_relation_filepath('wide'),
                    pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'wide'" \
                    > place
                """)
        let place = Command.text("\(server.folder.path)/place")
            .split(whereSeparator: { $0 == "|" || $0 == "\n" }).map(String.init)
        try #require(place.count == 3)
        let text = Self.file(120)
        let file = "\(server.folder.path)/wide.csv"
        try Data(text.utf8).write(to: URL(filePath: file))
        let loaded = try strata([
            "load", file, "--relation", "wide", "--toast-oid", place[0], "--schema",
            "id bigint, name text, body text",
        ])
        try #require(loaded.status == 0, "\(loaded)")
        for (ours, theirs) in [("16384", place[1]), ("16385", place[2])] {
            try Data(contentsOf: URL(filePath: "\(store)/base/1/\(ours)"))
                .write(to: URL(filePath: "\(server.folder.path)/new-\(ours)"))
            chmod("\(server.folder.path)/new-\(ours)", 0o644)
            try server.run("cat new-\(ours) > data/\(theirs)")
        }
        #expect(try server.checksums().bad.isEmpty)
        try server.sql(
            """
            REINDEX TABLE wide;
            SELECT count(*), sum(length(body)) FROM wide;
            """,
            then: """
                $query -c "COPY wide TO STDOUT (FORMAT csv, HEADER)" > out.csv
                $query -At -c "SELECT count(*) FROM wide
                    WHERE pg_column_size(body) < length(body)" > smaller
                """)
        #expect(Command.text("\(server.folder.path)/out.csv") == text)
        let smaller = Int(
            Command.text("\(server.folder.path)/smaller").trimmingCharacters(
                in: .whitespacesAndNewlines))
        #expect(try #require(smaller) >= 30, "some were compressed")
    }
}
