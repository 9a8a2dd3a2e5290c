import Foundation
import StorageTesting
import Testing

/// The tool with relations of other storage managers than plain files.
@Suite struct ManagerToolTests {
    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }
    private let airports = HouseTests.root.appending(path: "Fixtures/csv/airports.csv").path

    private func strata(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(arguments + ["--store", store])
    }

    private func load(_ relation: String, _ more: String...) throws {
        let outcome = try Tool.run(
            ["load", airports, "--store", store, "--relation", relation] + more)
        try #require(outcome.code == 0, "\(outcome.errors)")
    }

    /// The cells of a relation's line, up to the file's name.
    private func cells(_ relation: String) throws -> [String] {
        let line = try strata("relations").lines.first { $0.hasPrefix(relation + " ") }
        return try #require(line).components(separatedBy: "  ").map {
            $0.trimmingCharacters(in: .whitespaces)
        }.filter { !$0.isEmpty }
    }

    @Test(arguments: ["sync", "worker", "automatic"])
    func compressedRelationsAreLoadedScannedAndChecked(_ method: String) throws {
        try load("plain", "--io-method", method)
        try load(
            "small", "--manager", "compressed", "--chunk", "64k", "--level", "3", "--io-method",
            method)
        let plain = try strata("scan", "--relation", "plain", "--io-method", method)
        let small = try strata("scan", "--relation", "small", "--io-method", method)
        #expect(plain.code == 0 && small.code == 0)
        #expect(plain.output == small.output)
        #expect(try strata("verify", "--io-method", method).output.hasPrefix("no damage"))
        let cells = try cells("small")
        #expect(cells[4] == "compressed")
        #expect(try #require(Double(cells[6])) > 1.5)
        #expect(try self.cells("plain")[6] == "1.00")
    }

    @Test func relationsAreCopiedToOtherManagersAndCompacted() throws {
        try load("airports")
        let copied = try strata(
            "copy", "--from", "airports", "--to", "small", "--manager", "compressed")
        #expect(copied.code == 0, "\(copied.errors)")
        #expect(copied.output.hasPrefix("copied airports to small: 36 pages, kept by compressed"))
        let back = try strata("copy", "--from", "small", "--to", "again", "--manager", "magnetic")
        #expect(back.code == 0, "\(back.errors)")
        // The same pages at the same places are the same file.
        #expect(
            FileManager.default.contentsEqual(
                atPath: store + "/base/1/16384", andPath: store + "/base/1/16386"))
        let twice = try strata("copy", "--from", "airports", "--to", "small")
        #expect(twice.code == 1)
        #expect(twice.errors.contains("\"small\" exists already"))
        let missing = try strata("copy", "--from", "nothing", "--to", "new")
        #expect(missing.code == 1)
        #expect(missing.errors.contains("no relation \"nothing\""))

        let compacted = try strata("compact")
        #expect(compacted.code == 0)
        #expect(compacted.lines.count == 3)
        #expect(try strata("verify").code == 0)
        #expect(try strata("compact", "--relation", "nothing").code == 1)
    }

    @Test func memoryRelationsEndWithTheCommand() throws {
        try load("kept")
        try load("gone", "--manager", "memory")
        let listed = try strata("relations")
        #expect(listed.lines.count == 2)
        #expect(listed.errors.contains("dropped relation \"gone\""))
        // Reading the store does not change it.
        #expect(try strata("relations").errors == listed.errors)
        #expect(try strata("recover").output.contains("dropped relation \"gone\""))
        #expect(try strata("relations").errors.isEmpty)
    }

    @Test func damageToAnyFileOfACompressedRelationIsToldOf() throws {
        try load("airports", "--manager", "compressed", "--chunk", "16k")
        // In a chunk, and in the second copy of the map's first record.
        for (file, word, place) in [("16384.chunks", "chunk", 5000), ("16384.map", "map", 70)] {
            let path = "\(store)/base/1/\(file)"
            let whole = try Data(contentsOf: URL(filePath: path))
            var bytes = whole
            bytes[place] ^= 0x10
            try bytes.write(to: URL(filePath: path))
            let verified = try strata("verify")
            #expect(verified.code == 1)
            #expect(verified.errors.contains(word), "\(verified.errors)")
            #expect(verified.errors.contains(file))
            try whole.write(to: URL(filePath: path))
            #expect(try strata("verify").code == 0)
        }
    }

    @Test func whatCannotBeIsRefused() throws {
        for arguments in [
            ["--manager", "floppy"], ["--chunk", "64k"], ["--level", "3"],
            ["--manager", "magnetic", "--level", "3"],
            ["--manager", "compressed", "--chunk", "60k"],
            ["--manager", "compressed", "--level", "20"],
            ["--append", "--manager", "compressed"], ["--manager", "rados"],
        ] {
            let outcome = try Tool.run(
                ["load", airports, "--store", store, "--relation", "t"] + arguments)
            #expect(outcome.code == 64, "\(arguments)")
            #expect(outcome.output.isEmpty)
        }
        #expect(!FileManager.default.fileExists(atPath: store))
        for manager in ["magnetic", "compressed", "rados:pool/other"] {
            let outcome = try Tool.run([
                "load", airports, "--store", "rados:pool/name", "--relation", "t", "--manager",
                manager,
            ])
            #expect(outcome.code == 64 && outcome.errors.contains("omit --manager"), "\(outcome)")
        }
    }
}
