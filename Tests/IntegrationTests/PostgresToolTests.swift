import Foundation
import StorageTesting
import Testing

/// The archives of data directories.
enum Archives {
    /// Whether they can be unpacked, because `tar` and `zstd` exist.
    static let canUnpack =
        (try? Command.shell("command -v tar && command -v zstd"))?.status == 0
}

/// `strata postgres` on a data directory of the fixtures.
@Suite(.enabled(if: Archives.canUnpack, "tar or zstd is missing"))
struct PostgresToolTests {
    private static let directory = TemporaryDirectory()
    /// The data directory, unpacked once.
    private static let data: String = {
        let archive = "\(Command.fixtures)/postgres/clusters/15-crashed.tar.zst"
        _ = try? Command.shell("tar --zstd -xf '\(archive)' -C '\(directory.path)'")
        return "\(directory.path)/data"
    }()

    private func postgres(_ arguments: String...) throws -> CommandResult {
        let list = arguments.map { "'\($0.replacing("'", with: "'\\''"))'" }
        return try Command.shell("exec \"$strata\" postgres " + list.joined(separator: " "))
    }

    @Test func tablesAreListedForPeopleAndForPrograms() throws {
        let text = try postgres("tables", Self.data, "--database", "app")
        #expect(text.status == 0)
        #expect(text.output.contains("t_ints"))
        #expect(!text.output.contains("x_rolled_back"))
        #expect(text.errors.contains("has crashed"))
        let json = try postgres("tables", Self.data, "--json")
        let objects = try json.output.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(objects.count > 400)
        let table = try #require(objects.first { $0["name"] as? String == "ts_table" })
        #expect((table["file"] as? String)?.hasPrefix("pg_tblspc/") == true)
        #expect(table["tablespace"] as? String == "ts_inplace")
        #expect((table["columns"] as? [Any])?.isEmpty == false)
    }

    @Test func whatCannotBeCheckedIsNoDamage() throws {
        let file = "\(Self.directory.path)/file"
        try Data("x".utf8).write(to: URL(filePath: file))
        for path in ["\(Self.directory.path)/missing", Self.directory.path, file] {
            let result = try postgres("verify", path)
            #expect(result.status == 2, "\(result)")
            #expect(result.errors.contains("strata: ") && result.output.isEmpty)
            #expect(try postgres("tables", path).status == 1)
        }
        #expect(try postgres("verify").status == 64)
        let full = try Command.shell(
            "\"$strata\" postgres verify '\(Self.data)' --no-catalog > /dev/full")
        #expect(full.status == 2, "\(full)")
    }

    @Test func rowsAreScannedAsAskedFor() throws {
        let rows = try postgres(
            "scan", Self.data, "--database", "app", "--table", "T_Ints", "--columns", "id,b",
            "--limit", "2", "--null", "-")
        #expect(rows.status == 0)
        #expect(rows.output == "id,b\n1,t\n2,f\n")
        let json = try postgres(
            "scan", Self.data, "--database", "app", "--table", "public.t_ints", "--columns", "id,b",
            "--limit", "1", "--format", "json")
        #expect(json.output == "{\"id\":1,\"b\":true}\n")
        let quoted = try postgres(
            "scan", Self.data, "--database", "app", "--table", "\"We ird.Schéma\".\"dot.name\"",
            "--no-header")
        #expect(quoted.status == 0)
        #expect(quoted.output.split(separator: "\n").count == 2)
    }

    @Test func whatIsNotThereIsAnError() throws {
        let folder = try postgres("tables", directoryWithoutCluster)
        #expect(folder.status == 1)
        let database = try postgres("scan", Self.data, "--database", "no", "--table", "t")
        #expect(database.status == 1)
        #expect(database.errors.contains("There are: "))
        let table = try postgres("scan", Self.data, "--database", "app", "--table", "nothing")
        #expect(table.status == 1)
        let usage = try postgres("scan", Self.data, "--database", "app")
        #expect(usage.status == 64)
    }

    private var directoryWithoutCluster: String { Command.fixtures }
}
