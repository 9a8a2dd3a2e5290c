import Foundation
import Logging
import PostgresCluster
import StorageTesting
import Testing

/// The data directories of the fixtures, unpacked once for all tests.
enum Clusters {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let packed = root.appending(path: "Fixtures/postgres/clusters")

    /// A cluster of the fixtures.
    struct Cluster: Sendable, CustomTestStringConvertible {
        let version: Int
        let isCrashed: Bool

        var testDescription: String { "\(version) \(isCrashed ? "crashed" : "clean")" }
        var name: String { "\(version)-\(isCrashed ? "crashed" : "clean")" }
        /// The data directory.
        var data: String { Clusters.folder(name).path + "/data" }
        /// The expected output, as its server showed it.
        var expected: URL {
            Clusters.folder("\(version)-expected")
                .appending(path: isCrashed ? "expected-crashed" : "expected")
        }

        func open() throws -> PostgresDirectory { try Clusters.open(data) }
    }

    static let all = [
        Cluster(version: 15, isCrashed: false), Cluster(version: 15, isCrashed: true),
        Cluster(version: 18, isCrashed: false), Cluster(version: 18, isCrashed: true),
    ]
    static let clean = all[2]
    static let crashed = all[3]

    static func open(_ path: String, checksums: Bool = true) throws -> PostgresDirectory {
        var options = PostgresOptions()
        options.poolBytes = 4 << 20
        options.verifiesChecksums = checksums
        options.logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        return try PostgresDirectory.open(path, options: options)
    }

    /// Whether archives can be unpacked, because `tar` and `zstd` exist.
    static let canUnpack: Bool = {
        (try? run(["-c", "command -v tar && command -v zstd"])) == 0
    }()

    static func run(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Lives as long as the tests do.
    private static let directory = TemporaryDirectory()
    private static let unpacked: [String: URL] = {
        var folders: [String: URL] = [:]
        for name in [
            "15-clean", "15-crashed", "15-expected", "18-clean", "18-crashed", "18-expected",
        ] {
            let folder = URL(filePath: directory.path).appending(path: name)
            let archive = packed.appending(path: "\(name).tar.zst").path
            let script =
                "mkdir -p '\(folder.path)' && tar --zstd -xf '\(archive)' -C '\(folder.path)'"
            guard (try? run(["-c", script])) == 0 else { continue }
            folders[name] = folder
        }
        return folders
    }()

    static func folder(_ name: String) -> URL {
        unpacked[name] ?? URL(filePath: "/nonexistent/\(name)")
    }
}

/// A line of `tables.tsv`.
struct ExpectedTable {
    let database: String
    let schema: String
    let name: String
    let kind: String
    /// The file of its rows; empty if there is none.
    let file: String

    static func all(of cluster: Clusters.Cluster) throws -> [ExpectedTable] {
        let path = cluster.expected.appending(path: "tables.tsv")
        let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").dropFirst()
        return lines.map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                .map { String($0.replacing("\\t", with: "\t")) }
            return ExpectedTable(
                database: fields[0], schema: fields[1], name: fields[2], kind: fields[3],
                file: fields[12])
        }
    }
}

extension PostgresDatabase {
    /// The text of a scan.
    func text(
        _ table: TableName, _ format: RowTextFormat = .csv(null: "\\N", header: true),
        _ change: (inout TableScanOptions) -> Void = { _ in }
    ) throws -> [UInt8] {
        var options = TableScanOptions()
        options.onlyOwnRows = true
        change(&options)
        var text: [UInt8] = []
        try scan(try self.table(table), options: options).write(format) { text += $0 }
        return text
    }

    func lines(
        _ table: String, _ change: (inout TableScanOptions) -> Void = { _ in }
    ) throws -> [String] {
        let text = try text(try TableName(table), .csv(null: "\\N", header: true), change)
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
