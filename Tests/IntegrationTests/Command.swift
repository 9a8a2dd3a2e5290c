import Foundation
import StorageTesting
import Testing

/// The result of a run of the tool.
struct CommandResult: CustomStringConvertible {
    /// The exit code, or 128 plus the number of the signal that ended it.
    let status: Int32
    let output: String
    let errors: String

    var description: String {
        "exit code \(status), output: \(output.prefix(2000)), errors: \(errors.prefix(2000))"
    }
}

/// The tool did not end in time.
struct CommandTimeout: Error {}

/// Runs the tool in shell scripts.
enum Command {
    /// The path of the tool.
    static let path = Tool.executable.path

    /// The repository's folder of inputs.
    static let fixtures = HouseTests.root.appending(path: "Fixtures").path

    /// Runs the tool with its outputs in files, so that it never waits for this process.
    @discardableResult
    static func run(_ arguments: String..., input: String = "") throws -> CommandResult {
        try shell("exec \(quoted(path)) " + arguments.map(quoted).joined(separator: " "), input)
    }

    /// Runs a script of `sh`, in which `$strata` is the tool.
    static func shell(_ script: String, _ input: String = "") throws -> CommandResult {
        let directory = TemporaryDirectory()
        let process = try start(script, input: input, directory)
        try wait(for: process)
        let status =
            process.terminationReason == .uncaughtSignal
            ? 128 + process.terminationStatus : process.terminationStatus
        return CommandResult(
            status: status, output: text("\(directory.path)/output"),
            errors: text("\(directory.path)/errors"))
    }

    /// Starts a script with its outputs in files of `directory`.
    static func start(
        _ script: String, input: String = "", _ directory: TemporaryDirectory
    ) throws -> Process {
        try Data(input.utf8).write(to: URL(filePath: "\(directory.path)/input"))
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c", "strata=\(quoted(path)); { \(script)\n} <input >output 2>errors",
        ]
        process.currentDirectoryURL = URL(filePath: directory.path)
        try process.run()
        return process
    }

    /// Waits until the process has ended.
    static func wait(for process: Process, seconds: Double = 300) throws {
        let end = Date().addingTimeInterval(seconds)
        while process.isRunning {
            if Date() > end {
                kill(process.processIdentifier, SIGKILL)
                throw CommandTimeout()
            }
            usleep(5000)
        }
    }

    /// A file's text, broken UTF-8 replaced.
    static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    /// A word, quoted for the shell.
    static func quoted(_ word: String) -> String {
        "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}

/// A store for one test, and files beside it.
struct CommandStore {
    private let directory = TemporaryDirectory()

    /// The folder that it and the files are in.
    var folder: String { directory.path }
    var path: String { "\(folder)/store" }

    /// Writes a file beside the store and returns its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = "\(directory.path)/\(name)"
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }

    /// Writes a file beside the store and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        try file(name, Array(text.utf8))
    }

    /// Loads a text, which must succeed.
    func load(
        _ text: String, as relation: String = "t", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try Command.run(
            "load", "-", "--store", path, "--relation", relation, input: text)
        #expect(result.status == 0, "\(result)", sourceLocation: sourceLocation)
    }

    /// The output of scanning a relation, which must succeed.
    func scan(
        _ relation: String = "t", sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let result = try Command.run("scan", "--store", path, "--relation", relation)
        #expect(result.status == 0, "\(result)", sourceLocation: sourceLocation)
        return result.output
    }
}
