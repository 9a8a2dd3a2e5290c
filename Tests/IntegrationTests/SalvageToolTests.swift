import Foundation
import StorageTesting
import Testing

/// `strata postgres salvage` on a data directory of the fixtures.
@Suite(.enabled(if: Archives.canUnpack, "tar or zstd is missing"))
struct SalvageToolTests {
    private static let directory = TemporaryDirectory()
    /// The data directory, unpacked once.
    private static let data: String = {
        let archive = "\(Command.fixtures)/postgres/clusters/15-clean.tar.zst"
        _ = try? Command.shell("tar --zstd -xf '\(archive)' -C '\(directory.path)'")
        return "\(directory.path)/data"
    }()

    private func postgres(_ arguments: String...) throws -> CommandResult {
        let list = arguments.map { "'\($0.replacing("'", with: "'\\''"))'" }
        return try Command.shell("exec \"$strata\" postgres " + list.joined(separator: " "))
    }

    private func file(of table: String) throws -> String {
        let json = try postgres("tables", Self.data, "--database", "app", "--json")
        let object = try json.output.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }.first { $0["name"] as? String == table }
        return try #require(object?["file"] as? String)
    }

    @Test func aWholeTableIsRescuedAsAScanPrintsIt() throws {
        let scan = try postgres("scan", Self.data, "--database", "app", "--table", "t_ints")
        let salvage = try postgres(
            "salvage", Self.data, "--database", "app", "--table", "t_ints", "--no-marks")
        #expect(salvage.status == 0, "\(salvage.errors)")
        #expect(salvage.output == scan.output)
        #expect(salvage.errors.contains("whole) from"))
        let marked = try postgres(
            "salvage", Self.data, "--database", "app", "--table", "t_ints", "--format", "json")
        #expect(marked.output.contains("\"ctid\":\"(0,1)\",\"confidence\":\"whole\"}"))
    }

    @Test func blocksThatTheVisibilityMapTellsOfAreLost() throws {
        let copy = TemporaryDirectory()
        _ = try Command.shell("cp -a '\(Self.data)' '\(copy.path)/data'")
        let file = try file(of: "b_bulk")
        let path = "\(copy.path)/data/\(file)"
        #expect(FileManager.default.fileExists(atPath: path + "_vm"))
        let size = try Data(contentsOf: URL(filePath: path)).count
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.seek(toOffset: 3 * 8192)
        try handle.write(contentsOf: Data(count: 8192))
        try handle.truncate(atOffset: UInt64(size) - 2 * 8192)
        try handle.close()
        let salvage = try postgres(
            "salvage", "\(copy.path)/data", "--database", "app", "--table", "b_bulk")
        #expect(salvage.status == 1)
        for block in [3, size / 8192 - 2, size / 8192 - 1] {
            #expect(
                salvage.errors.contains("lost block: file \"\(file)\", block \(block):"),
                "\(salvage.errors)")
        }
        #expect(salvage.errors.contains("3 lost blocks"), "\(salvage.errors)")
    }

    @Test func damageIsNamedAndCostsExitCodeOne() throws {
        let copy = TemporaryDirectory()
        _ = try Command.shell("cp -a '\(Self.data)' '\(copy.path)/data'")
        let file = try file(of: "b_bulk")
        let handle = try FileHandle(forUpdating: URL(filePath: "\(copy.path)/data/\(file)"))
        try handle.seek(toOffset: 8192 + 8)
        try handle.write(contentsOf: Data([1, 2]))
        try handle.close()
        let scan = try postgres(
            "scan", "\(copy.path)/data", "--database", "app", "--table", "b_bulk")
        #expect(scan.status == 1)
        let whole = try postgres("scan", Self.data, "--database", "app", "--table", "b_bulk")
        let salvage = try postgres(
            "salvage", "\(copy.path)/data", "--database", "app", "--table", "b_bulk", "--no-marks")
        #expect(salvage.status == 1)
        #expect(salvage.output == whole.output)
        #expect(salvage.errors.contains("damaged page: file \"\(file)\", block 1: checksum"))
        #expect(salvage.errors.contains("1 damaged page"))
        let json = try postgres(
            "salvage", "\(copy.path)/data", "--database", "app", "--table", "b_bulk", "--format",
            "none", "--json")
        #expect(json.output.isEmpty)
        for line in json.errors.split(separator: "\n") where line.hasPrefix("{") {
            _ = try JSONSerialization.jsonObject(with: Data(line.utf8))
        }
        #expect(json.errors.contains("\"damaged page\":1"))
        // Nothing was written.
        let name = file.split(separator: "/").last ?? ""
        let changed = try Command.shell(
            "diff -rq '\(Self.data)' '\(copy.path)/data' | grep -v '\(name)'")
        #expect(changed.output.isEmpty, "\(changed.output)")
    }

    @Test func aFileIsReadByItsColumnsAndAnImageToo() throws {
        let file = try file(of: "t_ints")
        let json = try postgres("tables", Self.data, "--database", "app", "--json")
        let object = try json.output.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }.first { $0["name"] as? String == "t_ints" }
        let columns = try #require(object?["columns"] as? [[String: Any]])
        let schema = columns.map { "\"\($0["name"] ?? "")\" \($0["type"] ?? "")" }
            .joined(separator: ", ")
        let scan = try postgres("scan", Self.data, "--database", "app", "--table", "t_ints")
        let byFile = try postgres(
            "salvage", Self.data, "--file", file, "--schema", schema, "--no-marks")
        #expect(byFile.output == scan.output, "\(byFile.errors)")
        let byImage = try postgres(
            "salvage", Self.data, "--image", "\(Self.data)/\(file)", "--schema", schema,
            "--no-marks")
        #expect(byImage.output == scan.output, "\(byImage.errors)")
        let nothing = try postgres(
            "salvage", "--image", "\(Self.data)/\(file)", "--schema", "a uuid")
        #expect(nothing.status == 1)
        #expect(nothing.errors.contains("nothing was found that fits"))
        let orphans = try postgres("salvage", Self.data, "--orphans")
        #expect(orphans.status == 0, "\(orphans.errors)")
    }

    @Test func wrongCommandsAreRefused() throws {
        #expect(try postgres("salvage").status == 64)
        #expect(try postgres("salvage", Self.data).status == 64)
        #expect(try postgres("salvage", Self.data, "--table", "t").status == 64)
        #expect(try postgres("salvage", Self.data, "--image", "x").status == 64)
        let schema = try postgres(
            "salvage", Self.data, "--file", "base/5/1", "--schema", "a nothing")
        #expect(schema.status == 1)
        #expect(schema.errors.contains("unknown type \"nothing\""))
        let missing = try postgres(
            "salvage", Self.data, "--database", "app", "--table", "x_rolled_back")
        #expect(missing.status == 1)
        let path = try postgres(
            "salvage", Self.data, "--file", "../etc/passwd", "--schema", "a int")
        #expect(path.status == 1)
    }
}
