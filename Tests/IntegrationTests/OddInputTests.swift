import Foundation
import Testing

/// Input that nobody would give the tool on purpose: the tool says what is wrong, and ends.
@Suite("strata: odd options and odd files")
struct OddInputTests {
    let store = CommandStore()

    /// Expects an error with a message, and no end by a signal.
    private func refused(
        _ result: CommandResult, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect([1, 64].contains(result.status), "\(result)", sourceLocation: sourceLocation)
        #expect(!result.errors.isEmpty, sourceLocation: sourceLocation)
    }

    @Test(
        "Impossible options",
        arguments: [
            ["--buffers", "0"], ["--buffers", "-1"], ["--buffers", "1"], ["--buffers", "100TB"],
            ["--buffers", "9223372036854775807"], ["--buffers", "99999999999999999999"],
            ["--buffers", ""], ["--limit", "-1"], ["--limit", "18446744073709551616"],
            ["--columns", "x"], ["--columns", "\""], ["--format", "x"], ["--io-method", "x"],
            ["--delimiter", ""], ["--delimiter", "é"], ["--delimiter", "\""],
            ["--delimiter", "\n"],
            ["--null", "\""], ["--null", "a\nb"],
        ])
    func options(_ arguments: [String]) throws {
        try store.load("n\n1\n")
        refused(
            try Command.shell(
                "exec $strata scan --store \(Command.quoted(store.path)) --relation t "
                    + arguments.map(Command.quoted).joined(separator: " ")))
    }

    @Test("Impossible names and columns")
    func names() throws {
        let file = try store.file("rows", "n,t\n1,a\n")
        let names = ["", String(repeating: "x", count: 300), "\u{1}"]
        for name in names {
            refused(
                try Command.run("load", file, "--store", store.path, "--relation", name))
        }
        let schemas = [
            "", "n", "n int", "n int, t", "n int, t text, x int", "n int, n int", "\"\" int",
            "n int[], t text", "n varchar(0), t text", "n int, t text,", ",", "(", "n int not",
            "\"a", (0..<2000).map { "c\($0) int" }.joined(separator: ","),
        ]
        for schema in schemas {
            refused(
                try Command.run(
                    "load", file, "--store", store.path, "--relation", "t", "--schema", schema))
        }
    }

    @Test("Paths that are not directories")
    func directories() throws {
        let file = try store.file("rows", "n\n1\n")
        try FileManager.default.createSymbolicLink(
            atPath: "\(store.folder)/loop", withDestinationPath: "loop")
        #expect(mkfifo("\(store.folder)/pipe", 0o600) == 0)
        let directories = [
            "", "/dev/null", file, "/proc", "\(store.folder)/loop", "\(store.folder)/pipe",
            String(repeating: "x", count: 300), String(repeating: "x/", count: 3000),
        ]
        for directory in directories {
            refused(try Command.run("verify", "--store", directory))
            refused(try Command.run("load", file, "--store", directory, "--relation", "t"))
        }
    }

    /// What may be in a file's place.
    enum Intruder: CaseIterable {
        case pipe, directory, nothing, emptyFile, longFile, zeroes, loop

        func take(_ path: String) throws {
            let manager = FileManager.default
            if self == .longFile {
                #expect(truncate(path, 5 << 40) == 0)
                return
            }
            try manager.removeItem(atPath: path)
            switch self {
            case .pipe: #expect(mkfifo(path, 0o600) == 0)
            case .directory:
                try manager.createDirectory(atPath: path, withIntermediateDirectories: false)
            case .emptyFile: #expect(manager.createFile(atPath: path, contents: nil))
            case .zeroes:
                try manager.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
            case .loop:
                try manager.createSymbolicLink(atPath: path, withDestinationPath: path)
            case .nothing, .longFile: break
            }
        }
    }

    @Test(
        "Other objects in a file's place are reported, and nothing waits for them",
        arguments: Intruder.allCases)
    func intruders(_ intruder: Intruder) throws {
        try store.load("n\n1\n")
        let compressed = try Command.run(
            "load", "-", "--store", store.path, "--relation", "c", "--manager", "compressed",
            input: "n\n1\n")
        #expect(compressed.status == 0, "\(compressed)")
        let sound = "\(store.folder)/sound"
        try FileManager.default.copyItem(atPath: store.path, toPath: sound)
        let files = try FileManager.default.subpathsOfDirectory(atPath: "\(sound)/base/1").map {
            "base/1/\($0)"
        }
        #expect(files.count == 3)
        for file in files + ["strata.catalog", "strata.control"] {
            try FileManager.default.removeItem(atPath: store.path)
            try FileManager.default.copyItem(atPath: sound, toPath: store.path)
            try intruder.take("\(store.path)/\(file)")
            // A map that is not a file can be rebuilt from the chunks, and a crash may leave length
            // behind the last chunk or block.
            let verified = try Command.run("verify", "--store", store.path)
            if !file.hasSuffix("map") && !(intruder == .longFile && file.hasSuffix("chunks")) {
                #expect(verified.status == 1, "\(file): \(verified)")
            }
            #expect(verified.status <= 1, "\(file): \(verified)")
            for relation in ["t", "c"] {
                let scan = try Command.run("scan", "--store", store.path, "--relation", relation)
                #expect(scan.status <= 1, "\(file): \(scan)")
                #expect(scan.status == 1 || scan.output == "n\n1\n", "\(file): \(scan)")
            }
        }
    }

    @Test("A file far behind the others is reported once")
    func farSegment() throws {
        try store.load("n\n1\n")
        let files = try FileManager.default.subpathsOfDirectory(atPath: "\(store.path)/base/1")
        let path = "\(store.path)/base/1/\(try #require(files.first)).4294967295"
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let result = try Command.run("verify", "--store", store.path)
        #expect(result.status == 1)
        #expect(result.errors.contains("4294967294\" are missing"), "\(result)")
        #expect(result.errors.split(separator: "\n").count <= 2, "\(result)")
    }
}
