import AsyncIO
import Foundation
import StorageTesting
import Testing

/// Read-only commands, and commands with nothing to do, leave every byte unchanged.
@Suite("Commands that change nothing") struct LookingTests {
    private let store = CommandStore()

    private func fill() throws {
        let rows = "a,b\n" + (0..<2000).map { "\($0),text of \($0)\n" }.joined()
        for manager in ["magnetic", "compressed"] {
            let result = try Command.run(
                "load", "-", "--store", store.path, "--relation", manager, "--manager", manager,
                input: rows)
            #expect(result.status == 0, "\(result)")
        }
        let compacted = try Command.run("compact", "--store", store.path)
        #expect(compacted.status == 0, "\(compacted)")
    }

    static let commands = [
        "relations", "verify", "verify --relation compressed", "recover", "recover --dry-run",
        "compact", "compact --relation magnetic", "scan --relation magnetic",
        "scan --relation compressed --format json --limit 3", "scan --relation none",
        "drop --relation none", "copy --from none --to more",
        "copy --from magnetic --to compressed",
        "load rows.csv --relation magnetic", "load missing.csv --relation more",
        "load rows.csv --relation magnetic --append --schema 'x text'",
    ]

    @Test(arguments: IOMethodMatrix.real.map(\.choice.name)) func bytesStay(_ method: String) throws
    {
        try fill()
        _ = try store.file("rows.csv", "a,b\n1,x\n")
        for command in Self.commands {
            let before = try FileTree(store.path)
            let result = try Command.shell(
                "cd \(Command.quoted(store.folder)); exec \"$strata\" \(command)"
                    + " --store store --io-method \(method)")
            #expect(result.status == 0 || result.status == 1, "\(command): \(result)")
            let after = try FileTree(store.path)
            #expect(after.differences(from: before) == [], "\(command): \(result)")
        }
    }

    /// A limit on file sizes is not a full disk, and must not kill the process.
    @Test(arguments: [
        "load rows.csv --relation more", "load rows.csv --relation magnetic --append",
        "load rows.csv --relation compressed --append", "copy --from magnetic --to more",
        "copy --from magnetic --to more --manager compressed", "drop --relation magnetic",
        "load rows.csv --relation more --manager compressed",
    ])
    func fileSizeLimit(_ command: String) throws {
        try fill()
        _ = try store.file("rows.csv", "a,b\n" + String(repeating: "1,x\n", count: 5000))
        for limit in [0, 1, 20, 64] {
            let result = try Command.shell(
                "cd \(Command.quoted(store.folder)); (ulimit -f \(limit);"
                    + " exec \"$strata\" \(command)"
                    + " --store store 2>&1) | cat >&2; \"$strata\" verify --store store")
            #expect(result.status == 0, "\(limit): \(result)")
            #expect(!result.errors.contains("No space left"), "\(limit): \(result)")
            // Errors of compressed relations are worded differently.
            if command.contains("compressed") { continue }
            if result.errors.contains("too large") || result.errors.contains("Free space") {
                #expect(result.errors.contains("ulimit -f"), "\(limit): \(result)")
            }
            if limit == 0 { #expect(result.errors.contains("ulimit -f"), "\(result)") }
        }
    }

    /// Runs with the default pool of commands.
    @Test(arguments: IOMethodMatrix.real.map(\.choice.name)) func addressSpace(_ method: String)
        throws
    {
        try fill()
        _ = try store.file("rows.csv", "a,b\n1,x\n")
        let changes = [
            "copy --from magnetic --to more --manager compressed",
            "load rows.csv --relation magnetic --append",
            "load rows.csv --relation compressed --replace", "drop --relation more",
        ]
        for command in Self.commands.prefix(9) + changes {
            let result = try Command.shell(
                "cd \(Command.quoted(store.folder)); ulimit -v 3145728; exec \"$strata\" \(command)"
                    + " --store store --io-method \(method)")
            #expect(result.status == 0, "\(command): \(result)")
        }
    }
}
