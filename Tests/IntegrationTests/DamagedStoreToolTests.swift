import Foundation
import StorageTesting
import Strata
import Testing

/// What the tool says and does where files of a store are missing, foreign, or of another time.
@Suite struct DamagedStoreToolTests {
    static let managers = ["magnetic", "compressed"]

    private let directory = TemporaryDirectory()
    private var store: String { directory.path + "/store" }

    private func run(_ arguments: String..., input: String? = nil) throws -> Tool.Outcome {
        try Tool.run([arguments[0], "--store", store] + arguments.dropFirst(), input: input)
    }

    /// - Parameter manager: nil to append.
    private func load(_ rows: Range<Int>, _ manager: String?) throws {
        let input = "id\n" + rows.map { "\($0)\n" }.joined()
        let options = manager.map { ["--manager", $0] } ?? ["--append"]
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "m"] + options, input: input)
        #expect(outcome.code == 0, "\(outcome)")
    }

    private func file(_ name: String) -> URL { URL(filePath: "\(store)/\(name)") }

    @Test(arguments: managers) func aCatalogOlderThanTheStore(_ manager: String) throws {
        try load(0..<3000, manager)
        let old = try Data(contentsOf: file("strata.catalog"))
        try load(3000..<6000, nil)
        let new = try Data(contentsOf: file("strata.catalog"))
        try old.write(to: file("strata.catalog"))

        // The rows that the later append put on the page that was the last are shown, too.
        let shown = try run("scan", "--relation", "m").lines.count
        #expect(manager == "magnetic" ? (3002..<3250).contains(shown) : shown == 3001)
        for round in 0..<2 {
            let verified = try run("verify")
            #expect(verified.code == 1 && verified.errors.contains("older"), "\(verified)")
            let scanned = try run("scan", "--relation", "m")
            #expect(scanned.code == 1 && scanned.errors.contains("older"), "\(scanned.errors)")
            #expect(scanned.lines.count == shown)
            let copied = try run("copy", "--from", "m", "--to", "other")
            #expect(copied.code == 1 && copied.errors.contains("older"), "\(copied.errors)")
            let listed = try run("relations")
            #expect(listed.errors.contains("older"), "\(listed)")
            let planned = try run("recover", "--dry-run")
            #expect(planned.code == 1 && planned.output.contains("older"), "\(planned)")
            let recovered = try run("recover")
            #expect(recovered.code == 1 && recovered.output.contains("older"), "\(recovered)")
            #expect(!recovered.output.contains("whole"), "\(recovered)")
            let appended = try Tool.run(
                ["load", "-", "--store", store, "--relation", "m", "--append"],
                input: "id\n1\n")
            #expect(appended.code == 1, "round \(round): \(appended)")
            #expect(appended.errors.contains("--accept-catalog"), "\(appended)")
        }

        try new.write(to: file("strata.catalog"))
        let back = try run("scan", "--relation", "m")
        #expect(back.code == 0 && back.lines.count == 6001)

        try old.write(to: file("strata.catalog"))
        let accepted = try run("recover", "--accept-catalog")
        #expect(accepted.code == 0 && accepted.output.contains("\"m\""), "\(accepted)")
        let kept = try run("scan", "--relation", "m")
        #expect(kept.code == 0 && kept.lines.count == shown, "\(kept.errors)")
        try load(9000..<9010, nil)
        let after = try run("scan", "--relation", "m")
        #expect(after.code == 0 && after.lines.count == shown + 10)
        #expect(!after.errors.contains("older"), "\(after.errors)")
        #expect(try run("verify").code == 0)
    }

    @Test(arguments: managers, ["missing", "directory", "short"])
    func recoverNamesBadFiles(_ manager: String, _ kind: String) throws {
        try load(0..<3000, manager)
        let path = "base/1/16384" + (manager == "compressed" ? ".chunks" : "")
        try FileManager.default.removeItem(at: file(path))
        if kind == "directory" {
            try FileManager.default.createDirectory(
                at: file(path), withIntermediateDirectories: false)
        } else if kind == "short" {
            try Data().write(to: file(path))
        }
        for options in [["--dry-run"], []] {
            let outcome = try Tool.run(["recover", "--store", store] + options)
            #expect(outcome.code == 1, "\(outcome)")
            #expect(!outcome.output.contains("whole"), "\(outcome)")
            #expect((outcome.output + outcome.errors).contains("\"m\""), "\(outcome)")
        }
    }

    /// What cannot be undone is no success.
    @Test func recoverFailsWhereSomethingIsNotUndone() throws {
        var options = EngineOptions()
        options.ioMethod = .synchronous
        options.logger = RecordingLog().logger()
        let engine = try Engine.open(store, options: options)
        let session = try engine.makeSession()
        let load = try engine.beginLoad(LoadTarget(relation: "m"), session: session)
        _ = try load.nextPage()
        let middle = try Data(contentsOf: file("strata.catalog"))
        load.abort()
        session.close()
        try engine.close()
        try middle.write(to: file("strata.catalog"))
        try FileManager.default.removeItem(at: file("strata.clean"))
        try FileManager.default.createDirectory(
            at: file("base/1/16384"), withIntermediateDirectories: false)
        let outcome = try run("recover")
        #expect(outcome.code == 1 && outcome.output.contains("could not undo"), "\(outcome)")
    }

    @Test func aDryRunNamesWhatWouldBeRemoved() throws {
        try load(0..<10, "magnetic")
        try FileManager.default.createDirectory(
            at: file("base/1/20000"), withIntermediateDirectories: false)
        try Data([1]).write(to: file("base/1/20001"))
        let planned = try run("recover", "--dry-run", "--remove-orphans")
        #expect(planned.output.contains("would remove \"base/1/20001\""))
        #expect(!planned.output.contains("would remove \"base/1/20000\""))
    }

    @Test(arguments: ["verify", "scan", "relations", "recover"])
    func aBadJournalStopsNoReading(_ command: String) throws {
        try load(0..<10, "magnetic")
        try Data(repeating: 7, count: 20_000).write(to: file("strata.journal.0"))
        let options = ["scan": ["--relation", "m"], "recover": ["--dry-run"]][command] ?? []
        let outcome = try Tool.run([command, "--store", store] + options)
        let isFinding = command == "verify" || command == "recover"
        #expect(outcome.code == (isFinding ? 1 : 0), "\(outcome)")
        #expect((outcome.output + outcome.errors).contains("strata.journal.0"), "\(outcome)")
        #expect(!outcome.output.isEmpty)
    }

    /// A load makes no new store over one whose control file is missing.
    @Test func aStoreWithoutItsControlFileIsKept() throws {
        try load(0..<10, "magnetic")
        try FileManager.default.removeItem(at: file("strata.control"))
        try FileManager.default.removeItem(at: file("strata.clean"))
        try FileManager.default.removeItem(at: file("base/1/16384"))
        let catalog = try Data(contentsOf: file("strata.catalog"))
        let outcome = try Tool.run(
            ["load", "-", "--store", store, "--relation", "n"], input: "id\n1\n")
        #expect(outcome.code == 1 && outcome.errors.contains("control"), "\(outcome)")
        #expect(try Data(contentsOf: file("strata.catalog")) == catalog)
    }

    @Test func aLinkIsCalledALink() throws {
        try load(0..<10, "magnetic")
        let path = file("base/1/16384")
        try FileManager.default.removeItem(at: path)
        try FileManager.default.createSymbolicLink(
            atPath: path.path, withDestinationPath: "16384")
        for command in [["verify"], ["scan", "--relation", "m"], ["recover"], ["relations"]] {
            let outcome = try Tool.run([command[0], "--store", store] + command.dropFirst())
            let text = outcome.output + outcome.errors
            #expect(outcome.code == 1, "\(command) \(outcome)")
            #expect(text.contains("link") && !text.contains("Too many levels"), "\(text)")
        }
    }
}
