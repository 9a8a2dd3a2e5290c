import Foundation
import Testing

/// The tool with standard descriptors that are closed or connected to a full disk.
///
/// A closed one must not become a file of the store, and lost output is an error. The command's
/// changes to the store are made all the same.
@Suite("Standard descriptors") struct DescriptorTests {
    struct Call: Sendable, CustomTestStringConvertible {
        /// The arguments after the tool's name in a script; `store` is beside the script.
        let script: String
        /// Whether the store may change.
        var changes = false
        /// Whether it prints a message besides its result.
        var printsMessage = false
        /// Whether it reads standard input.
        var readsInput = false
        var testDescription: String { script }
    }

    static let calls: [Call] = [
        Call(script: "relations --store store"),
        Call(script: "scan --store store --relation t", printsMessage: true),
        Call(script: "scan --store store --relation z --format json", printsMessage: true),
        Call(script: "verify --store store"),
        Call(script: "recover --dry-run --store store"),
        Call(script: "recover --store store"),
        Call(script: "compact --store store"),
        Call(script: "copy --store store --from t --to u", changes: true),
        Call(script: "drop --store store --relation m", changes: true),
        Call(script: "load rows.csv --store store --relation n", changes: true),
        Call(script: "load rows.csv --store store --relation m --append", changes: true),
        Call(
            script: "load - --store store --relation m --replace", changes: true, readsInput: true),
        Call(script: "simulate --seeds 1 --steps 20"),
        Call(script: "--help"),
        Call(script: "help load"),
        Call(script: "--version"),
    ]

    struct Redirection: Sendable, CustomTestStringConvertible {
        let script: String
        var losesInput: Bool { script.contains("<&-") }
        var losesOutput: Bool { script.contains(" >") }
        var losesMessages: Bool { script.contains("2>") }
        var testDescription: String { script }
    }

    static let redirections: [Redirection] = {
        let inputs = ["", " <&-"]
        let outputs = ["", " >&-", " >/dev/full"]
        let messages = ["", " 2>&-", " 2>/dev/full"]
        return inputs.flatMap { input in
            outputs.flatMap { output in
                messages.map { Redirection(script: input + output + $0) }
            }
        }.filter { !$0.script.isEmpty }
    }()

    /// A store with relations of two managers, made once.
    private static let base: Result<CommandStore, any Error> = Result {
        let store = CommandStore()
        try store.load("a,b\n" + (0..<900).map { "\($0),text \($0)\n" }.joined(), as: "t")
        try store.load("a\n1\n2\n", as: "m")
        let z = try Command.run(
            "copy", "--store", store.path, "--from", "t", "--to", "z", "--manager", "compressed")
        #expect(z.status == 0, "\(z)")
        return store
    }

    @Test(arguments: calls)
    func lostOutput(_ call: Call) throws {
        let base = try Self.base.get()
        for redirection in Self.redirections {
            let store = CommandStore()
            try FileManager.default.copyItem(atPath: base.path, toPath: store.path)
            // A copy counts as not closed, which each command would report.
            _ = try Command.run("recover", "--store", store.path)
            _ = try store.file("rows.csv", "a\n7\n8\n9\n")
            let before = try FileTree(store.path)
            let result = try Command.shell(
                "cd \(Command.quoted(store.folder)); exec \"$strata\" \(call.script)"
                    + redirection.script, "a\n5\n6\n")
            let isWrong =
                redirection.losesOutput || (redirection.losesMessages && call.printsMessage)
                || (redirection.losesInput && call.readsInput)
            let note: Comment = "\(call.script)\(redirection.script): \(result)"
            #expect(result.status == (isWrong ? 1 : 0), note)
            if isWrong && !redirection.losesMessages {
                #expect(result.errors.contains("standard "), note)
            }
            let after = try FileTree(store.path)
            if !call.changes { #expect(after.differences(from: before) == [], note) }
            try expectWhole(store, call, redirection)
        }
    }

    /// A reader that has closed the pipe has seen what it wanted: no command fails, or ends early.
    @Test(arguments: calls + [Call(script: "scan --store store --relation large")])
    func closedReader(_ call: Call) throws {
        let base = try Self.base.get()
        let store = CommandStore()
        try FileManager.default.copyItem(atPath: base.path, toPath: store.path)
        _ = try store.file("rows.csv", "a\n7\n8\n9\n")
        if call.script.hasSuffix("large") {
            // So large that several threads scan it.
            let rows = (0..<60_000).map { "\($0),text \($0) of some length\n" }.joined()
            try store.load("a,b\n" + rows, as: "large")
        }
        let result = try Command.shell(
            """
            cd \(Command.quoted(store.folder))
            mkfifo pipe; exec 3<>pipe 4>pipe 3<&-
            exec "$strata" \(call.script) >&4
            """, "a\n5\n6\n")
        #expect(result.status == 0, "\(call.script): \(result)")
        #expect(!result.errors.contains("standard output"), "\(result)")
        #expect(!result.errors.contains("cannot be closed"), "\(result)")
        try expectWhole(store, call, Redirection(script: " | true"))
    }

    /// Checks that no relation contains the output, and that the command's work was done.
    private func expectWhole(
        _ store: CommandStore, _ call: Call, _ redirection: Redirection
    ) throws {
        guard call.changes else { return }
        let note: Comment = "\(call.script)\(redirection.script)"
        let verified = try Command.run("verify", "--store", store.path)
        #expect(verified.status == 0, "\(note): \(verified)")
        let (relation, rows) =
            switch call.script.split(separator: " ").first {
            case "copy": ("u", 900)
            case "drop": ("t", 900)
            default:
                if call.readsInput {
                    ("m", 2)
                } else if call.script.contains("--append") {
                    ("m", 5)
                } else {
                    ("n", 3)
                }
            }
        let scanned = try store.scan(relation)
        #expect(scanned.split(separator: "\n").count == rows + 1, note)
    }
}

/// Everything below a directory, for a later comparison.
struct FileTree {
    private var contents: [String: String] = [:]

    /// - Parameter root: the directory; `strata.lock` in it may change.
    init(_ root: String) throws {
        guard let walk = FileManager.default.enumerator(atPath: root) else { return }
        for case let path as String in walk where path != "strata.lock" {
            let full = "\(root)/\(path)"
            let attributes = try FileManager.default.attributesOfItem(atPath: full)
            let type = attributes[.type] as? FileAttributeType
            var text = "\(type?.rawValue ?? "?") \(attributes[.posixPermissions] ?? "")"
            if type == .typeRegular {
                text += " " + (try Data(contentsOf: URL(filePath: full))).base64EncodedString()
            }
            contents[path] = text
        }
    }

    /// The paths that differ.
    func differences(from other: FileTree) -> [String] {
        Set(contents.keys).union(other.contents.keys).filter {
            contents[$0] != other.contents[$0]
        }.sorted()
    }
}
