import Foundation
import StorageTesting
import Testing

/// `strata inspect` on a data directory of the fixtures and on a store.
@Suite(.enabled(if: Archives.canUnpack, "tar or zstd is missing"))
struct InspectToolTests {
    private static let directory = TemporaryDirectory()
    /// The data directory, unpacked once.
    private static let data: String = {
        let archive = "\(Command.fixtures)/postgres/clusters/15-clean.tar.zst"
        _ = try? Command.shell("tar --zstd -xf '\(archive)' -C '\(directory.path)'")
        return "\(directory.path)/data"
    }()

    private func inspect(_ arguments: String) throws -> CommandResult {
        try Command.shell("exec \"$strata\" inspect \(arguments)")
    }

    private var table: String { "--postgres \(Self.data) --database app --table b_bulk" }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func aPageIsShownInEightyColumns() throws {
        let page = try inspect("\(table) --page 1")
        #expect(page.status == 0, "\(page.errors)")
        #expect(page.output.contains("block 1: a table\nheader and checksum are right\n"))
        #expect(page.output.contains("HEAP_XMIN_COMMITTED"))
        #expect(page.output.contains("t_ctid (1,1)"))
        for line in page.output.split(separator: "\n").dropFirst() {
            #expect(line.count <= 80, "\(line)")
        }
        #expect(!page.output.contains("\u{1B}"))
        let colored = try inspect("\(table) --page 1 --color always")
        #expect(colored.output.contains("\u{1B}[1m"))
        let plain = colored.output.replacing(/\u{1B}\[[0-9;]*m/, with: "")
        #expect(plain == page.output)
        let bare = try inspect("\(table) --page 1 --no-hex")
        #expect(bare.output.count < page.output.count)
    }

    @Test func aTornEndIsNoWholePage() throws {
        let folder = TemporaryDirectory()
        let path = "\(folder.path)/torn"
        try Data(count: 2 * 8192 + 100).write(to: URL(filePath: path))
        for arguments in ["'\(path)'", "'\(path)' --page 2", "'\(path)' --json"] {
            let map = try inspect(arguments)
            #expect(map.status == 1)
            #expect(map.errors.contains("ends with 100 bytes of a block"), "\(map.errors)")
        }
        #expect(try inspect("'\(path)' --page 1").status == 0)
    }

    @Test func pagesAreObjectsForPrograms() throws {
        let page = try object(try inspect("\(table) --page 1 --json").output)
        #expect(page["block"] as? Int == 1)
        #expect(page["isWhole"] as? Bool == true)
        let parts = try #require(page["parts"] as? [[String: Any]])
        #expect(
            parts.map { $0["kind"] as? String }.prefix(3) == [
                "header", "line pointers", "free space",
            ])
        let bytes = parts.compactMap { ($0["hex"] as? String)?.count }.reduce(0, +) / 2
        #expect(bytes > 7500)
        let map = try inspect("\(table) --json").output.split(separator: "\n")
        #expect(map.count > 50)
        #expect(try object(String(map[0]))["state"] as? String == "whole")
    }

    @Test func aMapShowsEachPage() throws {
        let map = try inspect(table)
        #expect(map.status == 0, "\(map.errors)")
        let lines = map.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 80 })
        #expect(lines[1].hasPrefix("         0  "))
        let copy = TemporaryDirectory()
        let file = "\(copy.path)/16384"
        let name = try #require(map.output.split(separator: ":").first)
        _ = try Command.shell("cp '\(Self.data)/\(name)' '\(file)'")
        let handle = try FileHandle(forUpdating: URL(filePath: file))
        try handle.seek(toOffset: 3 * 8192 + 4000)
        try handle.write(contentsOf: Data([1, 2, 3]))
        try handle.seek(toOffset: 5 * 8192)
        try handle.write(contentsOf: Data(count: 8192))
        try handle.close()
        let damaged = try inspect(file)
        #expect(damaged.status == 1)
        #expect(damaged.output.contains(". zeroes: 1, ! damaged: 1, ? unreadable: 0"))
        let cells = try #require(damaged.output.split(separator: "\n").dropFirst().first)
        #expect(Array(cells)[12 + 3] == "!")
        #expect(Array(cells)[12 + 5] == ".")
        let page = try inspect("\(file) --page 3 --schema 'id int, t text'")
        #expect(page.status == 1)
        #expect(page.output.contains("damaged: checksum"))
    }

    @Test func aStoresPagesAreShownWithTheirValues() throws {
        let folder = TemporaryDirectory()
        let load = try Command.shell(
            """
            printf 'id,name\\n1,alice\\n2,bob\\n' > '\(folder.path)/a.csv'
            for manager in magnetic compressed; do
                "$strata" load '\(folder.path)/a.csv' --store '\(folder.path)/s' \
                    --relation $manager --manager $manager
            done
            """)
        try #require(load.status == 0, "\(load.errors)")
        for manager in ["magnetic", "compressed"] {
            let page = try inspect(
                "--store '\(folder.path)/s' --relation \(manager) --page 0")
            #expect(page.status == 0, "\(page.errors)")
            #expect(page.output.contains("name alice"), "\(page.output)")
            #expect(try inspect("--store '\(folder.path)/s' --relation \(manager)").status == 0)
        }
    }

    @Test func wrongCommandsAreRefused() throws {
        #expect(try inspect("").status == 64)
        #expect(try inspect("--store x").status == 64)
        #expect(try inspect("--postgres \(Self.data) --table t").status == 64)
        #expect(try inspect("\(Self.data)/nothing").status == 1)
        let beyond = try inspect("\(table) --page 4000000")
        #expect(beyond.status == 1)
        #expect(beyond.errors.contains("has no block 4000000"))
    }
}
