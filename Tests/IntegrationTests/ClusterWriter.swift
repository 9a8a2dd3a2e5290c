import AsyncIO
import Foundation
import StorageTesting
import Testing

/// A process that changes a store in the cluster of `STRATA_RADOS_CONF`, and reports to a file.
final class ClusterWriter {
    private static let environment = ProcessInfo.processInfo.environment
    private static let configuration = environment["STRATA_RADOS_CONF"]
    static let reason: Comment =
        "STRATA_RADOS_CONF names no cluster; .ci/rados starts one and runs these tests"

    static var isThere: Bool { configuration != nil }

    /// A store in a namespace that nothing else uses.
    static func newStore() -> String {
        "rados:\(environment["STRATA_RADOS_POOL"] ?? "strata")/test-\(UUID().uuidString)"
    }

    private let directory = TemporaryDirectory()
    private let process = Process()
    private var path: String { "\(directory.path)/output" }

    /// Starts the process in a directory of its own.
    init(_ store: String, _ method: TestedMethod, seed: UInt64) throws {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        process.executableURL = URL(filePath: KillTests.client)
        process.arguments = ["take", store, method.choice.name, "\(seed)"]
        process.environment = Self.environment.merging(Self.variables) { $1 }
        process.currentDirectoryURL = URL(filePath: directory.path)
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: path))
        try process.run()
    }

    deinit { if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) } }

    private static var variables: [String: String] { ["CEPH_CONF": configuration ?? ""] }

    /// Runs a script of `sh` in which `$strata` is the tool, against the cluster.
    static func shell(_ script: String) throws -> CommandResult {
        try Command.shell("export CEPH_CONF=\(Command.quoted(configuration ?? ""))\n" + script)
    }

    /// Runs `.ci/rados-cluster` on the cluster.
    static func cluster(_ arguments: String) throws {
        let directory = URL(filePath: configuration ?? "").deletingLastPathComponent().path
        let script = HouseTests.root.appending(path: ".ci/rados-cluster").path
        let result = try Command.shell(
            "RADOS_DIR=\(Command.quoted(directory)) \(Command.quoted(script)) \(arguments)")
        #expect(result.status == 0, "\(arguments): \(result)")
    }

    /// The complete lines so far.
    private var lines: [Substring] {
        let text = Command.text(path)
        return text.prefix(upTo: text.lastIndex(of: "\n") ?? text.startIndex).split(separator: "\n")
    }

    /// What it found in the store; nil until it has opened it.
    var found: [Substring]? {
        let lines = lines
        return lines.firstIndex(of: "open").map { Array(lines[..<$0]) }
    }

    /// What it has done to the store.
    var done: [Substring] {
        let lines = lines
        return lines.firstIndex(of: "open").map { Array(lines[($0 + 1)...]) } ?? []
    }

    /// The first error.
    var failure: Substring? { lines.first { $0.hasPrefix("error ") }?.dropFirst(6) }

    /// Waits until it has opened the store and done that much, or has ended.
    func wait(for count: Int, seconds: Double = 120) throws {
        let end = Date().addingTimeInterval(seconds)
        while found == nil || done.count < count, process.isRunning {
            if Date() > end { throw CommandTimeout() }
            usleep(2000)
        }
    }

    var isRunning: Bool { process.isRunning }

    func kill() throws {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Stops all threads. Nothing is reported until ``resume()``.
    func pause() {
        Foundation.kill(process.processIdentifier, SIGSTOP)
        let status = "/proc/\(process.processIdentifier)/stat"
        while process.isRunning, !Command.text(status).contains(") T ") { usleep(1000) }
    }

    func resume() { Foundation.kill(process.processIdentifier, SIGCONT) }

    /// Waits until the process has ended by itself.
    func end() throws {
        try Command.wait(for: process, seconds: 90)
        #expect(process.terminationReason == .exit)
    }
}
