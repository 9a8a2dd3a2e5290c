import Foundation
import Testing

/// The tool's messages say what has happened, in terms that its users know.
@Suite("Messages") struct MessageTests {
    private let store = CommandStore()

    private func fill() throws {
        let rows = "a,b\n" + (0..<3000).map { "\($0),text of \($0 &* 2_654_435_761)\n" }.joined()
        for manager in ["magnetic", "compressed"] {
            let result = try Command.run(
                "load", "-", "--store", store.path, "--relation", manager, "--manager", manager,
                "--schema", "a integer, b text", input: rows)
            #expect(result.status == 0, "\(result)")
        }
    }

    /// Messages name no setting of the library, which users of the tool cannot change.
    private func expectNoSettings(
        _ result: CommandResult, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for word in ["Options.", "Configuration."] {
            #expect(
                !result.errors.contains(word) && !result.output.contains(word), "\(result)",
                sourceLocation: sourceLocation)
        }
    }

    private func replace(_ path: String, byLinkTo target: String) throws {
        try FileManager.default.removeItem(atPath: "\(store.path)/\(path)")
        try FileManager.default.createSymbolicLink(
            atPath: "\(store.path)/\(path)", withDestinationPath: target)
    }

    @Test func aLinkIsCalledALink() throws {
        try fill()
        let saved = "\(store.folder)/saved"
        try FileManager.default.moveItem(atPath: "\(store.path)/strata.lock", toPath: saved)
        try FileManager.default.createSymbolicLink(
            atPath: "\(store.path)/strata.lock", withDestinationPath: saved)
        for command in ["relations", "verify", "recover"] {
            let result = try Command.run(command, "--store", store.path)
            #expect(result.status == 1, "\(result)")
            #expect(result.errors.contains("strata.lock"), "\(result)")
            #expect(result.errors.contains("symbolic link"), "\(result)")
            #expect(!result.errors.contains("cycle"), "\(result)")
        }
    }

    @Test(arguments: ["base/1/16384", "base/1/16385.chunks", "strata.catalog"])
    func aLinkToItselfIsNamed(_ path: String) throws {
        try fill()
        try replace(path, byLinkTo: path.split(separator: "/").last.map(String.init)!)
        let result = try Command.run("verify", "--store", store.path)
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains(path), "\(result)")
        #expect(!result.errors.contains("cycle"), "\(result)")
    }

    /// For each storage manager, the message has the error's name and a remedy.
    @Test(
        arguments: ["magnetic", "compressed"],
        [
            "load rows.csv --relation more --manager MANAGER",
            "load rows.csv --relation MANAGER --append",
            "copy --from magnetic --to more --manager MANAGER",
        ])
    func aLimitOnFilesIsNoFullDisk(_ manager: String, _ command: String) throws {
        try fill()
        let rows = (0..<60_000).map { "\($0),\($0 &* 2_654_435_761)\n" }.joined()
        _ = try store.file("rows.csv", "a,b\n" + rows)
        var failures = 0
        for limit in [0, 1, 7, 8, 16, 33, 64] {
            let result = try Command.shell(
                "cd \(Command.quoted(store.folder)); cp -a store copy; ulimit -f \(limit);"
                    + " \"$strata\" \(command.replacing("MANAGER", with: manager))"
                    + " --store copy 2>&1 | cat >&2")
            let said = result.errors
            if !said.contains("could not") { continue }
            failures += 1
            #expect(said.contains("File too large") || said.contains("wrote only"), "\(said)")
            #expect(said.contains("ulimit -f"), "\(said)")
            #expect(!said.contains("No space left"), "\(said)")
        }
        #expect(failures > 0)
    }

    /// A failure with a compressed relation includes the reason.
    @Test(arguments: [".chunks", ".map"])
    func compressedRelationsTellTheError(_ suffix: String) throws {
        try fill()
        let path = "\(store.path)/base/1/16385\(suffix)"
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        let result = try Command.shell(
            "for c in 'scan --relation compressed' 'compact --relation compressed'"
                + " 'load - --append --relation compressed'; do"
                + " echo a,b | \"$strata\" $c --store \(Command.quoted(store.path)) >/dev/null;"
                + " done; true")
        #expect(result.errors.contains("16385\(suffix)"), "\(result)")
        #expect(result.errors.lowercased().contains("directory"), "\(result)")
    }

    @Test func optionsAreTheTools() throws {
        try fill()
        for arguments in [
            ["--buffers", "4TB"], ["--buffers", "9000g"], ["--buffers", "100000TB"],
        ] {
            let commands = [
                ["relations", "--store", store.path], ["scan", "--relation", "magnetic"],
                ["postgres", "verify", store.folder],
            ]
            for command in commands {
                let isStore = command[0] == "scan" ? ["--store", store.path] : []
                let result = try Tool.run(command + isStore + arguments)
                let isVerdict = command[0] == "postgres"
                #expect(result.code == (isVerdict ? 2 : 1), "\(command): \(result)")
                if !isVerdict {
                    #expect(result.errors.contains("--buffers"), "\(command): \(result)")
                }
                for word in ["Options.", "Configuration.", "number of buffers"] {
                    #expect(!result.errors.contains(word), "\(command): \(result)")
                }
            }
        }
        // A limit on addresses instead of the machine's memory.
        let limited = try Command.shell(
            "ulimit -v 4000000; \"$strata\" relations --buffers 8GB --store "
                + Command.quoted(store.path))
        #expect(limited.status == 1 && limited.errors.contains("--buffers"), "\(limited)")
        expectNoSettings(limited)
        // As few descriptors as possible.
        let few = try Command.shell(
            "for n in 4 5 6 7 8 9 10 12; do (ulimit -n $n; \"$strata\" verify --io-method sync"
                + " --store \(Command.quoted(store.path))); done; true")
        #expect(few.errors.contains("ulimit -n"), "\(few)")
        expectNoSettings(few)
    }

    @Test(arguments: ["scan --relation magnetic", "verify", "copy --from magnetic --to more"])
    func aSparseSegmentIsOneThatIsTooLong(_ command: String) throws {
        try fill()
        let handle = try FileHandle(
            forWritingTo: URL(filePath: "\(store.path)/base/1/16384"))
        try handle.truncate(atOffset: 3 << 30)
        try handle.close()
        let result = try Command.shell(
            "\"$strata\" \(command) --store \(Command.quoted(store.path)) >/dev/null")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("base/1/16384"), "\(result)")
        #expect(!result.errors.contains("segment size"), "\(result)")
        expectNoSettings(result)
    }
}
