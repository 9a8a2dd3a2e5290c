import Foundation
import StorageTesting
import Testing

/// Stores that earlier versions wrote open, and are taken along.
@Suite struct OldStoreTests {
    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }

    /// Copies a store that a version wrote. Git keeps no empty directories.
    private func copy(_ name: String) throws {
        try FileManager.default.copyItem(
            atPath: "\(Command.fixtures)/stores/\(name)", toPath: store)
        try FileManager.default.createDirectory(
            atPath: "\(store)/global", withIntermediateDirectories: true)
    }

    private func run(_ arguments: String...) throws -> Tool.Outcome {
        let outcome = try Tool.run(arguments + ["--store", store])
        #expect(outcome.code == 0, "\(arguments): \(outcome.errors)")
        return outcome
    }

    private static let header = "id,name,score\n"
    private static let rows = "1,one,0.5\n2,two,1.5\n3,\"three, with a comma\",\n"

    private func scan(_ relation: String) throws -> String {
        try run("scan", "--relation", relation).output
    }

    @Test(arguments: ["version-2", "version-3", "version-4", "version-5"])
    func itIsReadChangedAndReadAgain(_ version: String) throws {
        try copy(version)
        let catalog = "\(store)/strata.catalog"
        let before = try Data(contentsOf: URL(filePath: catalog))
        let (packed, quoted) = ("packed", "with \"quotes\"")
        #expect(try run("verify").output.hasPrefix("no damage"))
        #expect(try scan("people") == Self.header + Self.rows + Self.rows)
        for name in [packed, quoted] {
            #expect(try scan(name) == Self.header + Self.rows, "\(name)")
        }
        // Reading leaves it as it is.
        #expect(try Data(contentsOf: URL(filePath: catalog)) == before)

        let file = "\(Command.fixtures)/stores/people.csv"
        _ = try run("load", file, "--relation", packed, "--append")
        _ = try run("drop", "--relation", quoted)
        _ = try run("load", file, "--relation", "new")
        #expect(try scan(packed) == Self.header + Self.rows + Self.rows)
        #expect(try scan("new") == Self.header + Self.rows)
        #expect(try scan("people") == Self.header + Self.rows + Self.rows)
        #expect(try run("verify").output.hasPrefix("no damage"))
    }
}
