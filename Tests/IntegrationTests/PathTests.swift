import Foundation
import Testing

/// Paths are bytes: the named file is the one used, and what is shown is text.
@Suite("Paths and names") struct PathTests {
    private let store = CommandStore()

    /// Runs a script beside the store, with `$odd` a name that is not UTF-8.
    private func shell(_ script: String, _ input: String = "") throws -> CommandResult {
        try Command.shell(
            "cd \(Command.quoted(store.folder)); odd=$(printf 'caf\\351'); \(script)", input)
    }

    @Test func anEmptyPathIsRefused() throws {
        _ = try store.file("rows.csv", "a\n1\n")
        for script in [
            "load rows.csv --store '' --relation t", "load '' --store store --relation t",
            "verify --store ''", "relations --store=", "postgres verify ''",
            "load rows.csv --store store --relation t --on-error skip --rejects ''",
        ] {
            let result = try shell("mkdir -p empty; cd empty; \"$strata\" \(script)")
            #expect(result.status == 64, "\(script): \(result)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(store.folder)/empty") == [])
    }

    @Test func bytesThatAreNoTextNameWhatTheySay() throws {
        let result = try shell(
            """
            set -e
            mkdir work; cd work
            printf 'a,b\\n1,x\\n2,y\\nz\\n' >"$odd.csv"
            "$strata" load "$odd.csv" --store "$odd" --relation t --on-error skip \\
                --rejects "$odd.rejects"
            "$strata" scan --store "$odd" --relation t >"$odd.out"
            [ -f "$odd/strata.control" ] && [ -s "$odd.rejects" ] && grep -q '2,y' "$odd.out"
            [ "$(ls -A | wc -l)" -eq 4 ]
            "$strata" verify --store="$odd"
            """)
        #expect(result.status == 0, "\(result)")
    }

    @Test func namesThatAreNoTextAreRefused() throws {
        try store.load("a\n1\n")
        for script in [
            "scan --store store --relation \"$odd\"", "drop --store store --relation=\"$odd\"",
            "copy --store store --from t --to \"$odd\"", "verify --store store --relation \"$odd\"",
            "scan --store store --relation t --columns \"$odd\"",
            "load - --store store --relation u --schema \"$odd text\"",
            "load - --store store --relation u --null \"$odd\"",
            "load - --store store --relation u --delimiter \"$odd\"",
            "load - --store store --relation u --manager \"$odd\"", "\"$odd\"", "--\"$odd\"",
        ] {
            let result = try shell("\"$strata\" \(script)", "a\n1\n")
            #expect(result.status == 64, "\(script): \(result)")
            #expect(result.errors.contains("caf\\xE9"), "\(script): \(result)")
        }
    }

    /// Output never contains control characters, whatever the input contains.
    @Test func terminalsAreSentNoCommands() throws {
        try store.load("a\n1\n")
        _ = try store.file("esc\u{1B}[2J\u{202E}.csv", "a\n\"x")
        let esc = "$(printf 'e\\033]0;pwn\\007\\302\\233\\342\\200\\256')"
        for script in [
            "scan --store store --relation \"\(esc)\"", "scan --store \"\(esc)\" --relation t",
            "load esc*.csv --store store --relation u", "\"\(esc)\"", "--\"\(esc)\"",
            "scan --store store --relation t --columns \"\(esc)\"",
            "scan --store store --relation t --limit \"\(esc)\"",
            "load - --store store --relation \"\(esc)\"",
            "load - --store store --relation u --schema \"\(esc) text\"",
            "load - --store store --relation u --schema '\"'\"\(esc)\"'\" text'",
            "load - --store store --relation u --schema \"a \(esc)\"",
            "postgres verify \"\(esc)\"", "load \"\(esc)\" --store store --relation u",
        ] {
            let result = try shell("\"$strata\" \(script)", "a\n1\n")
            #expect([1, 2, 64].contains(result.status), "\(script): \(result)")
            let printed = (result.output + result.errors).unicodeScalars
            let harmful = printed.filter {
                $0 != "\n"
                    && ($0.value < 0x20 || (0x7F...0x9F).contains($0.value)
                        || (0x202A...0x202E).contains($0.value))
            }
            #expect(harmful.isEmpty, "\(script): \(result.errors.debugDescription)")
        }
    }

    @Test(arguments: ["\u{1B}]0;pwn\u{7}a,b\n1,2\n", "a,\"b\u{9B}31m\"\n1,2\n", "a,b\u{7F}\n1,2\n"])
    func columnsWithControlCharactersAreRefused(_ text: String) throws {
        let path = try store.file("rows.csv", text)
        let result = try Command.run("load", path, "--store", store.path, "--relation", "t")
        #expect(result.status == 1 && result.errors.contains("control characters"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: store.path))
        let given = try Command.run(
            "load", path, "--store", store.path, "--relation", "t", "--schema", "a int, b int")
        #expect(given.status == 0, "\(given)")
        let quoted = try Command.run(
            "load", path, "--store", store.path, "--relation", "u", "--schema",
            "\"a\u{1B}\" int, b int")
        #expect(quoted.status == 1 && quoted.errors.contains("control characters"), "\(quoted)")
    }

    @Test func rejectsThatCannotBeAreRefusedBeforeThereIsAStore() throws {
        let path = try store.file("rows.csv", "a\n1\n")
        _ = try store.file("full", "something")
        for rejects in ["store/rejects", "none/rejects", "full", ".", "store"] {
            let result = try Command.run(
                "load", path, "--store", store.path, "--relation", "t", "--on-error", "skip",
                "--rejects", "\(store.folder)/\(rejects)")
            #expect(result.status == 1, "\(rejects): \(result)")
            let isThere = FileManager.default.fileExists(atPath: store.path)
            #expect(!isThere, "\(rejects)")
        }
    }

    /// A failed load leaves no store that it would have created.
    @Test func noStoreIsLeftByAFailedLoad() throws {
        let rows = (0..<30_000).map { "\($0)\n" }.joined()
        let path = try store.file("rows.csv", "a\n" + rows + "1,2\n")
        let load = ["load", path, "--store", store.path, "--relation", "t"]
        for managers in [[], ["--manager", "compressed"], ["--manager", "memory"]] {
            let result = try Tool.run(load + managers)
            #expect(result.code == 1 && result.errors.contains("line 30002"), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: store.path))
        }
        // An existing directory stays, empty; an existing store is unchanged.
        try FileManager.default.createDirectory(
            atPath: store.path, withIntermediateDirectories: false)
        #expect(try Tool.run(load).code == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.path) == [])
        try store.load("a\n1\n", as: "u")
        #expect(try Tool.run(load).code == 1)
        #expect(try store.scan("u") == "a\n1\n")
        #expect(try Tool.run(["drop", "--store", store.path, "--relation", "u"]).code == 0)
        #expect(try Tool.run(load).code == 1)
        #expect(try Tool.run(["verify", "--store", store.path]).code == 0)
    }

    /// A pipe without data does not keep a load from ending.
    @Test(arguments: ["-", "pipe"]) func aLoadFromAnIdlePipeCanBeInterrupted(_ input: String) throws
    {
        let result = try shell(
            """
            mkfifo pipe
            sleep 600 >pipe & writer=$!
            "$strata" load \(input) --store store --relation t <pipe & load=$!
            while ! grep -qs '^SigBlk:.*[2367abef]$' /proc/$load/status; do sleep 0.05; done
            kill -INT $load
            wait $load; status=$?
            kill $writer
            exit $status
            """)
        #expect(result.status == 130, "\(result)")
        #expect(result.errors.contains("interrupted, nothing was loaded"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    /// Messages name the tool's options.
    @Test func theLibrarysOptionsAreNotNamed() throws {
        let path = try store.file("rows.csv", "a\n1\n")
        let result = try Command.run(
            "load", path, "--store", store.path, "--relation", "t", "--buffers", "100000TB")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("--buffers"), "\(result)")
        #expect(!result.errors.contains("EngineOptions"), "\(result)")
    }
}
