import Foundation
import PostgresCluster
import StorageTesting
import Testing

/// One file of a data directory is lost or damaged: the verdict names it, and the rest is checked.
@Suite("Harmed files", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct HarmedFilesTests {
    /// What is done to a file or folder.
    enum Harm: CaseIterable {
        case removed
        case garbled
        case emptied
        case replacedByFolder
        case replacedByLinkToNothing

        func apply(_ path: String, _ copy: ClusterCopy) throws {
            let full = "\(copy.data)/\(path)"
            switch self {
            case .removed: try copy.remove(path)
            case .garbled:
                let count = try copy.bytes(path).count
                try copy.write(path, [UInt8](repeating: 0xA7, count: max(count, 7)))
            case .emptied: try copy.write(path, [])
            case .replacedByFolder:
                try copy.remove(path)
                try FileManager.default.createDirectory(
                    atPath: full, withIntermediateDirectories: false)
            case .replacedByLinkToNothing:
                try copy.remove(path)
                try FileManager.default.createSymbolicLink(
                    atPath: full, withDestinationPath: "nowhere")
            }
        }
    }

    /// A clean cluster in every way, and one whose server may be changing files.
    private static let cases =
        Harm.allCases.map { (Clusters.all[0], $0) }
        + [(Clusters.crashed, Harm.removed)]
    private static let smallFiles = [
        "PG_VERSION", "global/pg_control", "global/pg_filenode.map", "base/16384/PG_VERSION",
        "base/16384/pg_filenode.map",
    ]
    /// Their contents have no checksum, so that garbage is not told from outcomes.
    private static let logFiles = [
        "pg_xact/0000", "pg_xact/0001", "pg_multixact/offsets/0000", "pg_multixact/offsets/0001",
        "pg_multixact/members/0000",
    ]
    private static let neededFolders = [
        "pg_xact", "pg_multixact", "pg_multixact/members", "pg_multixact/offsets", "pg_wal",
        "pg_twophase", "pg_notify", "pg_replslot", "pg_logical", "pg_logical/snapshots",
        "pg_subtrans", "pg_snapshots", "pg_serial", "pg_dynshmem", "pg_commit_ts", "pg_tblspc",
        "global", "base", "base/16384",
    ]

    /// Checks that a verdict tells of a path, and that the rest was looked at.
    private func expect(_ verdict: Verdict, toTellOf path: String, _ what: String) {
        let paths = verdict.findings.map(\.path)
        #expect(verdict.report.outcome == .damaged, "\(what): \(verdict)")
        #expect(paths.contains { $0 == path || $0.hasPrefix(path + "/") }, "\(what): \(verdict)")
        let least: UInt64 = ["base", "base/16384"].contains(path) ? 50 : 2000
        #expect(verdict.report.pages > least, "\(what): \(verdict.report)")
    }

    @Test("small files", arguments: cases)
    func smallFile(_ cluster: Clusters.Cluster, _ harm: Harm) throws {
        for path in Self.smallFiles {
            let copy = try ClusterCopy(cluster)
            try harm.apply(path, copy)
            let verdict = try copy.verify()
            expect(verdict, toTellOf: path, "\(path) \(harm)")
            #expect(verdict.findings.count == 1, "\(path) \(harm): \(verdict)")
        }
    }

    @Test("logs of transactions", arguments: [Harm.removed, .emptied, .replacedByFolder])
    func log(_ harm: Harm) throws {
        for path in Self.logFiles {
            let copy = try ClusterCopy(Clusters.clean)
            try harm.apply(path, copy)
            expect(try copy.verify(), toTellOf: path, "\(path) \(harm)")
        }
    }

    @Test("after a crash, only the oldest logs may be gone")
    func crashedLogs() throws {
        for path in ["pg_xact/0000", "pg_xact/0001"] {
            let copy = try ClusterCopy(Clusters.crashed)
            try copy.remove(path)
            let verdict = try copy.verify()
            let isOld = path.hasSuffix("0000")
            #expect(verdict.paths(.missing) == (isOld ? [] : [path]), "\(verdict)")
            #expect(verdict.report.outcome == (isOld ? .incomplete : .damaged))
        }
    }

    @Test("the write-ahead log and prepared transactions", arguments: cases)
    func writeAheadLog(_ cluster: Clusters.Cluster, _ harm: Harm) throws {
        let files = FileManager.default
        for folder in ["pg_wal", "pg_twophase"] {
            let copy = try ClusterCopy(cluster)
            let name = try files.contentsOfDirectory(atPath: "\(copy.data)/\(folder)")
                .filter { !$0.hasPrefix("archive") && !$0.hasPrefix("summ") }.sorted().first
            let path = "\(folder)/\(try #require(name))"
            try harm.apply(path, copy)
            let verdict = try copy.verify()
            // Nothing else tells how many transactions were prepared.
            if folder == "pg_twophase" && harm == .removed { continue }
            expect(verdict, toTellOf: path, "\(path) \(harm)")
        }
    }

    @Test("folders and links", arguments: neededFolders + ["pg_tblspc/16387", "pg_tblspc/16388"])
    func folder(_ path: String) throws {
        let copy = try ClusterCopy(Clusters.clean)
        try copy.remove(path)
        // Of half of them a file of no bytes stands there instead.
        let isFile = path.utf8.count.isMultiple(of: 2)
        if isFile { try copy.write(path, []) }
        expect(try copy.verify(), toTellOf: path, "\(path), \(isFile ? "a file" : "missing")")
    }

    @Test("catalogs", arguments: Harm.allCases)
    func catalogs(_ harm: Harm) throws {
        let all = ["pg_class", "pg_attribute", "pg_namespace", "pg_database", "pg_tablespace"]
        for name in harm == .removed || harm == .emptied ? all : ["pg_class"] {
            let copy = try ClusterCopy(Clusters.clean)
            let path = try copy.file("pg_catalog.\(name)")
            try harm.apply(path, copy)
            expect(try copy.verify(), toTellOf: path, "\(name) \(harm)")
        }
    }

    @Test("files that tell nothing of others", arguments: Clusters.all)
    func others(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        for path in ["postgresql.conf", "pg_hba.conf", "global/pg_internal.init"] {
            try copy.write(path, [0xA7])
        }
        try copy.write("postmaster.pid", [0xFF, 0])
        try copy.write("postmaster.opts", [])
        for path in ["pg_ident.conf", "postgresql.auto.conf", "pg_stat", "pg_stat_tmp"] {
            try copy.remove(path)
        }
        let verdict = try copy.verify()
        #expect(verdict.report.outcome == .clean, "\(verdict)")
    }

    @Test("without the control file, checksums are what the catalogs' pages have")
    func assumptions() throws {
        for hasChecksums in [true, false] {
            let copy = try ClusterCopy(Clusters.clean)
            if !hasChecksums { try copy.removeAllChecksums() }
            try copy.remove("global/pg_control")
            let table = try ClusterCopy(Clusters.clean).file("b_bulk")
            // The checksum alone tells of that.
            try copy.write(table, block: 3, Data([0xA7, 0xA7]), at: 5000)
            let verdict = try copy.verify()
            #expect(verdict.report.assumesControl)
            #expect(verdict.paths(.damagedPage) == (hasChecksums ? [table] : []), "\(verdict)")
            #expect(verdict.doubts.contains { $0.path == "global/pg_control" })
            #expect(verdict.report.catalogs != .unreadable)
        }
    }

    @Test("a whole control file of another version is refused")
    func otherVersion() throws {
        let copy = try ClusterCopy(Clusters.clean)
        try copy.changeControl { bytes in bytes[8] = 0xB1 }
        let error = #expect(throws: StorageError.self) { try copy.verify() }
        #expect(error?.code == .notADataDirectory)
    }
}
