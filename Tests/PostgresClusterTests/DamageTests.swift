import Foundation
import PostgresCluster
import StorageManager
import StorageTesting
import Testing

@Suite("Damaged clusters", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct DamageTests {
    /// Copies a cluster, except what is never read.
    private func copy(_ cluster: Clusters.Cluster) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        let target = URL(filePath: directory.path)
        for name in ["PG_VERSION", "global", "base", "pg_xact", "pg_multixact", "pg_subtrans"] {
            try FileManager.default.copyItem(
                at: URL(filePath: cluster.data).appending(path: name),
                to: target.appending(path: name))
        }
        try FileManager.default.createDirectory(
            at: target.appending(path: "pg_tblspc"), withIntermediateDirectories: true)
        return directory
    }

    /// Opens the cluster and reads everything it can. Returns how many rows that were.
    private func readAll(_ path: String) -> Int {
        guard let directory = try? Clusters.open(path, checksums: false) else { return 0 }
        defer { try? directory.close() }
        guard let database = try? directory.database(named: "app") else { return 0 }
        var rows = 0
        for table in (try? database.tables()) ?? [] where !table.name.hasPrefix("many_") {
            var options = TableScanOptions()
            options.threads = 1
            options.includesDead = true
            options.unknownTypesAsHexadecimal = true
            guard let scan = try? database.scan(table, options: options) else { continue }
            rows += (try? scan.write(.none) { _ in }) ?? 0
        }
        return rows
    }

    @Test("a damaged page is an error that names file and block")
    func damagedPage() throws {
        let directory = try copy(Clusters.clean)
        let database = try Clusters.open(directory.path).database(named: "app")
        let table = try database.table(TableName("b_bulk"))
        let file = try #require(table.file)
        let handle = try FileHandle(forUpdating: URL(filePath: "\(directory.path)/\(file)"))
        try handle.seek(toOffset: 3 * 8192 + 5000)
        try handle.write(contentsOf: Data([1, 2, 3, 4]))
        try handle.close()
        let error = try #require(throws: StorageError.self) {
            try database.text(TableName("b_bulk"))
        }
        #expect(error.code == .invalidPage)
        #expect(error.location.block == 3)
    }

    @Test("random damage to any file makes nothing trap, and intact parts are read")
    func randomDamage() throws {
        var rows = 0
        for seed in 1...6 as ClosedRange<UInt64> { rows += try damageAndRead(seed) }
        #expect(rows > 1000)
    }

    private func damageAndRead(_ seed: UInt64) throws -> Int {
        let directory = try copy(Clusters.clean)
        let root = URL(filePath: directory.path)
        var generator = SeededGenerator(seed)
        var files: [URL] = []
        for folder in ["global", "base/16384", "pg_xact", "pg_multixact/offsets"] {
            files += try FileManager.default.contentsOfDirectory(
                at: root.appending(path: folder), includingPropertiesForKeys: nil)
        }
        files = files.filter { $0.lastPathComponent != "pg_control" }
            .filter { !$0.lastPathComponent.hasSuffix(".map") }
            .sorted { $0.path < $1.path }
        for file in files where generator.next() % 3 == 0 {
            var bytes = try Data(contentsOf: file)
            if bytes.isEmpty { continue }
            for _ in 0..<1 + generator.next() % 4 {
                let index = Int(generator.next() % UInt64(bytes.count))
                bytes[index] = UInt8(truncatingIfNeeded: generator.next() >> 16)
            }
            try bytes.write(to: file)
        }
        return readAll(directory.path)
    }
}

/// Numbers that are the same in each run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
