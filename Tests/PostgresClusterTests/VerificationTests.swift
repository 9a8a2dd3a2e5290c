import Foundation
import PostgresCluster
import StorageTesting
import Testing

/// What may be done to a data directory, and the right verdict on it.
@Suite("Verdicts", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct VerificationTests {
    private static let clean = Clusters.all.filter { !$0.isCrashed }
    /// A table of 78 pages with both map forks.
    private static let table = "b_bulk"

    @Test("an intact cluster has no findings and no doubts", arguments: Clusters.all)
    func intact(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let zeroPage = try copy.file("v_zeropage")
        for verdict in [
            try copy.verify(), try copy.verifyDeeply(), try copy.verifyFilesAlone(),
        ] {
            #expect(verdict.report.outcome == .clean, "\(verdict)")
            #expect(verdict.report.pages > 5000)
            let zeroes = verdict.files.filter { $0.fork == .main && $0.zeroPages.count > 0 }
            #expect(zeroes.map(\.path) == [zeroPage])
            #expect(zeroes.first?.zeroPages.ranges == [1..<2])
        }
    }

    /// It removes files at once, and may stop without writing its catalogs.
    @Test("a file that is missing in a stopped standby is no finding", arguments: clean)
    func standby(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        // `DB_SHUTDOWNED_IN_RECOVERY`
        try copy.changeControl { bytes in bytes[16] = 2 }
        #expect(try copy.verify().report.outcome == .clean)
        let file = try copy.file(Self.table)
        for fork in ["", "_fsm", "_vm"] { try copy.remove(file + fork) }
        let verdict = try copy.verify()
        #expect(verdict.findings.isEmpty, "\(verdict)")
        #expect(verdict.doubts.map(\.path) == [file])
        #expect(verdict.doubts.allSatisfy { $0.reason.contains("in recovery") })
    }

    @Test("a missing database is a finding", arguments: Clusters.all)
    func missingDatabase(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.remove("base/1")
        let verdict = try copy.verify()
        #expect(verdict.report.outcome == .damaged)
        #expect(verdict.paths(.missing) == ["base/1"], "\(verdict)")
        #expect(verdict.files.first { $0.findings > 0 }?.owner == "database template1")
        #expect(verdict.files.count { $0.findings > 0 } == 1)
    }

    @Test("a database's folder without its version is a finding", arguments: Clusters.all)
    func missingVersion(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.remove("base/5/PG_VERSION")
        let verdict = try copy.verify()
        #expect(verdict.paths(.missing) == ["base/5/PG_VERSION"], "\(verdict)")
        #expect(verdict.report.outcome == .damaged)
    }

    @Test("a server may be copying or removing a database's files", arguments: Clusters.all)
    func fleetingDatabase(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let map = [UInt8](try copy.bytes(try copy.file(Self.table) + "_fsm"))
        // It copies and removes them in any order.
        try copy.write("base/77777/2602_fsm", map)
        let verdict = try copy.verify()
        if cluster.isCrashed {
            #expect(verdict.report.outcome == .incomplete, "\(verdict)")
            #expect(verdict.doubts.map(\.path) == ["base/77777/2602"])
        } else {
            #expect(verdict.paths(.missing) == ["base/77777/2602"], "\(verdict)")
        }
    }

    @Test("a missing database that allows no connections is none", arguments: clean)
    func missingTemplate(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.remove("base/4")
        let verdict = try copy.verify()
        #expect(verdict.report.outcome == .clean, "\(verdict)")
        #expect(verdict.report.absentTemplates == 1)
    }

    @Test("only the folder of the cluster's own version is looked at", arguments: clean)
    func otherVersion(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let junk = [UInt8](repeating: 7, count: 8192)
        for name in ["PG_14_202107181", "PG_15_202209062"] {
            try copy.write("pg_tblspc/16388/\(name)/16384/17000", junk)
        }
        let verdict = try copy.verify()
        #expect(verdict.report.outcome == .clean, "\(verdict)")
        #expect(verdict.report.otherNames == 2)
    }

    @Test("a tablespace that is not mounted is a finding", arguments: Clusters.all)
    func tablespace(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try FileManager.default.removeItem(atPath: copy.space)
        let dangling = try copy.verify()
        #expect(dangling.report.outcome == .damaged)
        #expect(dangling.paths(.missing).contains("pg_tblspc/16388"), "\(dangling)")
        #expect(try copy.verifyFilesAlone().paths(.missing) == ["pg_tblspc/16388"])
        try FileManager.default.createDirectory(
            atPath: copy.space, withIntermediateDirectories: false)
        let empty = try copy.verifyFilesAlone()
        #expect(empty.paths(.missing).count == 1, "\(empty)")
        #expect(empty.findings.first?.path.hasPrefix("pg_tblspc/16388/PG_") == true)
    }

    @Test("one odd entry never ends the check, and is a finding or passed over", arguments: clean)
    func oddEntries(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.write("base/778", [1])
        try copy.write("base/0777/1234", [1])
        try copy.write("base/+5/1234", [1])
        try copy.write("base/5/01234", [1])
        try copy.write("base/5/1234.01", [1])
        try copy.write("pg_tblspc/99999", [1])
        try copy.write("base/5/77777.4294967295", [UInt8](repeating: 0, count: 8192))
        try FileManager.default.createSymbolicLink(
            atPath: "\(copy.data)/base/5/77778", withDestinationPath: "nowhere")
        try FileManager.default.createSymbolicLink(
            atPath: "\(copy.data)/base/5/77779", withDestinationPath: ".")
        try FileManager.default.createSymbolicLink(
            atPath: "\(copy.data)/base/77780", withDestinationPath: "77780")
        let verdict = try copy.verify()
        #expect(
            Set(verdict.paths(.misplaced)) == [
                "base/778", "pg_tblspc/99999", "base/5/77777.4294967295", "base/5/77779",
            ], "\(verdict)")
        #expect(verdict.paths(.missing) == ["base/5/77778"])
        #expect(verdict.paths(.unreadable) == ["base/77780"])
        #expect(
            verdict.findings.contains { $0.reason.contains("4294967295 is out of range") })
        #expect(verdict.report.otherNames == 4)
        #expect(verdict.report.pages > 5000)
        #expect(verdict.findings.count == 6)
    }

    @Test("a relation's segments are judged together", arguments: clean)
    func segments(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file(Self.table)
        try copy.write("\(file).1", [UInt8](repeating: 0, count: 8192))
        let short = try copy.verify()
        #expect(short.paths(.wrongLength) == [file], "\(short)")
        #expect(short.files.contains { $0.path == "\(file).1" && $0.zeroPages.count == 1 })
        try copy.remove(file)
        for verdict in [try copy.verify(), try copy.verifyFilesAlone()] {
            #expect(verdict.paths(.missing) == [file], "\(verdict)")
        }
        // A server leaves emptied segments behind.
        let other = try ClusterCopy(cluster)
        try other.write("\(file).1", [])
        #expect(try other.verify().report.outcome == .clean)
    }

    @Test("a relation's missing or emptied file is a finding", arguments: Clusters.all)
    func missingRelation(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file(Self.table)
        try copy.remove(file)
        let removed = try copy.verify()
        #expect(removed.paths(.missing) == [file], "\(removed)")
        #expect(removed.files.first { $0.path == file }?.owner?.contains(Self.table) == true)
        // The map forks alone tell it too.
        #expect(try copy.verifyFilesAlone().paths(.missing) == [file])
        try copy.write(file, [])
        let emptied = try copy.verify()
        #expect(emptied.paths(.wrongLength) == [file], "\(emptied)")
        for fork in ["_fsm", "_vm"] { try copy.remove(file + fork) }
        try copy.remove(file)
        #expect(try copy.verify().paths(.missing) == [file])
        #expect(try copy.verifyFilesAlone().report.outcome == .clean)
    }

    @Test("an emptied index or sequence is a finding", arguments: Clusters.all)
    func emptied(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file("q_seq")
        try copy.cut(file, to: 0)
        let verdict = try copy.verify()
        #expect(verdict.paths(.wrongLength) == [file], "\(verdict)")
        guard cluster.isCrashed else { return }
        // Nothing tells then that no server has dropped it.
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(copy.data)/pg_wal")
        where name.hasPrefix("0") {
            try copy.remove("pg_wal/\(name)")
        }
        let doubtful = try copy.verify()
        #expect(doubtful.paths(.wrongLength).isEmpty, "\(doubtful)")
        #expect(doubtful.doubts.contains { $0.reason.contains("may have dropped it") })
    }

    @Test("an index or a sequence whose first page is zeroes is a finding", arguments: Clusters.all)
    func zeroFirstPages(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let table = try copy.file("b_bulk")
        let paths = ["base/5/2659", "base/5/2658", try copy.file("q_seq")]
        for path in paths + [table] {
            try copy.write(path, block: 0, Data(repeating: 0, count: 8192))
        }
        // After a crash, the log may have it.
        let wanted = cluster.isCrashed ? [] : paths.sorted()
        for verdict in [try copy.verify(), try copy.verifyDeeply()] {
            let found = verdict.findings.filter { $0.reason.hasPrefix("it is all zeroes") }
            #expect(found.map(\.path).sorted() == wanted, "\(verdict)")
            #expect(found.allSatisfy { $0.kind == .damagedPage && $0.block == 0 })
            #expect(verdict.findings.count == wanted.count, "\(verdict)")
        }
    }

    @Test("map forks tell of blocks that were cut off", arguments: clean)
    func cutRelation(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file(Self.table)
        try copy.cut(file, to: 40 * 8192)
        for verdict in [try copy.verify(), try copy.verifyFilesAlone()] {
            #expect(verdict.paths(.wrongLength) == [file], "\(verdict)")
            #expect(verdict.findings.first?.reason.contains("it has 40 blocks") == true)
        }
    }

    @Test(
        "after a crash, the log tells whether a server has cut off a file",
        arguments: Clusters.all.filter(\.isCrashed))
    func cutCrashed(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file(Self.table)
        try copy.cut(file, to: 40 * 8192)
        #expect(try copy.verify().paths(.wrongLength) == [file])
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(copy.data)/pg_wal")
        where name.hasPrefix("0") {
            try copy.remove("pg_wal/\(name)")
        }
        let verdict = try copy.verify()
        #expect(verdict.paths(.wrongLength).isEmpty, "\(verdict)")
        #expect(verdict.doubts.first?.reason.contains("may have cut it off") == true)
    }

    @Test("pages of zeroes are named and are no damage", arguments: clean)
    func zeroPages(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file(Self.table)
        try copy.write(file, block: 5, Data(repeating: 0, count: 8192))
        try copy.write(file, block: 78, Data(repeating: 0, count: 3 * 8192))
        let verdict = try copy.verify()
        #expect(verdict.report.outcome == .clean, "\(verdict)")
        let found = try #require(verdict.files.first { $0.path == file })
        #expect(found.zeroPages.ranges == [5..<6, 78..<81])
        #expect(found.zeroDescription.contains("blocks 5, 78-80 are all zeroes"))
    }

    @Test("a page of an index in a table is a finding", arguments: clean)
    func foreignPage(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let table = try copy.file("pg_catalog.pg_proc")
        let index = try #require(try largestIndex(copy))
        try copy.write(table, block: 2, try copy.page(index, 2))
        let verdict = try copy.verify()
        #expect(verdict.paths(.foreignPage) == [table], "\(verdict)")
        #expect(verdict.findings.first?.block == 2)
        #expect(verdict.findings.first?.reason.contains("B-tree") == true)
        // The other pages of the file tell it too.
        #expect(try copy.verifyFilesAlone().paths(.foreignPage) == [table])
        // A table's page in an index, and in a map.
        let other = try ClusterCopy(cluster)
        try other.write(index, block: 2, try other.page(table, 2))
        #expect(try other.verify().paths(.foreignPage) == [index])
        let map = try other.file(Self.table) + "_fsm"
        try other.write(map, block: 2, try other.page(table, 2))
        #expect(try other.verify().paths(.foreignPage).contains(map))
        // A map's page in a table looks like an empty one of a table, except for its contents.
        for (fork, block) in [("_fsm", 2), ("_vm", 0)] {
            let third = try ClusterCopy(cluster)
            let page = try third.page(try third.file(Self.table) + fork, block)
            try third.write(table, block: block, page)
            let found = try third.verify()
            #expect(found.paths(.foreignPage) == [table], "\(found)")
            #expect(found.findings.first?.reason.contains("a map") == true)
        }
    }

    /// An index of `pg_proc` that has more than two pages.
    private func largestIndex(_ copy: ClusterCopy) throws -> String? {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(copy.data)/base/16384")
        return names.filter { UInt32($0) != nil }.map { "base/16384/\($0)" }.first { file in
            guard let bytes = try? copy.bytes(file), bytes.count >= 3 * 8192 else { return false }
            let page = [UInt8](bytes[2 * 8192..<3 * 8192])
            return page[16] == 0xF0 && page[17] == 0x1F && page[8190] < 0x80 && page[8191] == 0
        }
    }

    @Test("six inserted bytes are one line", arguments: clean)
    func insertedBytes(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let file = try copy.file(Self.table)
        var bytes = try copy.bytes(file)
        bytes.insert(contentsOf: [1, 2, 3, 4, 5, 6], at: 10 * 8192 + 100)
        try copy.write(file, [UInt8](bytes))
        let verdict = try copy.verify()
        let files = verdict.files.filter { $0.findings > 0 }
        #expect(files.map(\.path) == [file])
        #expect(verdict.findings.count == 69)
        #expect(files.first?.description.contains("blocks 10-77") == true)
        #expect(files.first?.description.contains("it ends with 6 of a block's 8192") == true)
    }

    @Test("a damaged map of file numbers is a finding", arguments: clean)
    func map(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        try copy.change("base/5/pg_filenode.map") { file in
            try file.seek(toOffset: 20)
            try file.write(contentsOf: Data([0xFF, 0xFF]))
        }
        let verdict = try copy.verify()
        #expect(verdict.paths(.damagedFile) == ["base/5/pg_filenode.map"], "\(verdict)")
        #expect(verdict.doubts.count == 1)
    }

    @Test("a damaged page of a catalog hides only what it names", arguments: clean)
    func damagedCatalog(_ cluster: Clusters.Cluster) throws {
        let copy = try ClusterCopy(cluster)
        let table = try copy.file("p_range_2020")
        let catalog = try copy.file("pg_catalog.pg_class")
        try copy.remove(table)
        try copy.write(catalog, block: 1, Data([1, 2, 3]), at: 4000)
        let verdict = try copy.verify()
        #expect(verdict.paths(.damagedPage) == [catalog], "\(verdict)")
        #expect(verdict.paths(.missing) == [table])
        #expect(verdict.doubts.count == 1)
        #expect(verdict.doubts.first?.reason.contains("a page of the catalogs of") == true)
    }

    @Test("threads change neither findings nor their order", arguments: IOMethodMatrix.all)
    func threads(_ method: TestedMethod) throws {
        let copy = try ClusterCopy(Clusters.clean)
        try copy.removeChecksums()
        // A relation long enough for several threads, which no catalog names.
        let page = [UInt8](try copy.page(try copy.file(Self.table), 1))
        let index = [UInt8](try copy.page(try #require(try largestIndex(copy)), 2))
        let damaged: [UInt32] = [3, 511, 512, 1299]
        var bytes: [UInt8] = []
        for block in 0..<1300 as Range<UInt32> {
            switch block {
            case 700: bytes += index
            case 1023...1025: bytes += repeatElement(0, count: 8192)
            case let block where damaged.contains(block):
                bytes += repeatElement(0xAB, count: 8192)
            default: bytes += page
            }
        }
        try copy.write("base/5/77700", bytes)
        try copy.write("base/5/77700.1", [1, 2, 3])
        var options = ClusterVerificationOptions()
        // The deep check looks into the same pages; once is enough.
        options.isDeep = "\(method)" == "\(IOMethodMatrix.all[0])"
        options.threads = 1
        let alone = try copy.verify(options) { $0.ioMethod = method.choice }
        #expect(
            alone.findings.filter { $0.kind == .damagedPage }.map(\.block) == damaged, "\(alone)")
        #expect(alone.findings.filter { $0.kind == .foreignPage }.map(\.block) == [700])
        // The first segment is not full either.
        #expect(alone.paths(.wrongLength) == ["base/5/77700.1", "base/5/77700"])
        let verdict = try #require(alone.files.first { $0.path == "base/5/77700" })
        #expect(verdict.zeroPages.ranges == [1023..<1026])
        for (threads, sessions) in [(5, 32), (5, 3), (2, 1)] {
            options.threads = threads
            let several = try copy.verify(options) {
                $0.ioMethod = method.choice
                $0.maximumSessions = sessions
            }
            #expect(several.findings == alone.findings, "\(threads) threads")
            #expect(several.files == alone.files)
            #expect(several.doubts == alone.doubts)
            #expect(several.report == alone.report)
        }
        options.threads = 0
        #expect(throws: StorageError.self) { try copy.verify(options) }
    }

    @Test("a session of another engine is refused")
    func foreignSession() throws {
        let first = try DataDirectory.open(Clusters.clean.data)
        let second = try DataDirectory.open(Clusters.clean.data)
        let session = try second.makeSession()
        let error = #expect(throws: StorageError.self) { try first.verify(session: session) }
        #expect(error?.code == .misuse)
        session.close()
        try second.close()
        try first.close()
    }
}
