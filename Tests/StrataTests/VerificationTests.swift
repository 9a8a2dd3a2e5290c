import StorageTesting
import Strata
import Testing
import Threads

/// Verifying finds everything wrong on disk, whatever is cached.
@Suite struct VerificationTests {
    /// A store with relation `t` of 31 blocks in segments of 8, and `u` of 3.
    private func makeStore(_ method: TestedMethod) throws -> (TestStore, String) {
        let store = TestStore(method)
        let file = try store.with { engine, session in
            let relation = try engine.load("t", 31, mark: 1, session)
            try engine.load("u", 3, mark: 2, session)
            return relation.locator.description
        }
        return (store, file)
    }

    private func verify(_ store: TestStore, _ names: [String]? = nil) throws
        -> (VerificationReport, [VerificationFinding])
    {
        try store.with { engine, session in
            var findings: [VerificationFinding] = []
            var progress: UInt64 = 0
            let report = try engine.verify(
                names, session: session,
                observer: VerificationObserver {
                    findings.append($0)
                } progress: {
                    #expect($0.pagesChecked >= progress && $0.pagesChecked <= $0.pagesExpected)
                    progress = $0.pagesChecked
                })
            #expect(report.findings == findings.count)
            return (report, findings)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func soundStoresAreSound(_ method: TestedMethod) throws {
        let (store, _) = try makeStore(method)
        let (report, findings) = try verify(store)
        #expect(findings.isEmpty)
        #expect(report.relations == 2)
        #expect(report.pagesChecked == 34)
        #expect(try verify(store, ["u"]).0.pagesChecked == 3)
        expectError(.notFound) { _ = try verify(store, ["x"]) }
    }

    @Test(arguments: IOMethodMatrix.all)
    func everyDamagedPageIsNamed(_ method: TestedMethod) throws {
        let (store, file) = try makeStore(method)
        // Blocks 2, 7 and 8 (segment 1, position 0), 29 (segment 3, position 5).
        for (path, position) in [(file, 2), (file, 7), (file + ".1", 0), (file + ".3", 5)] {
            try flip(store.path + "/" + path, position * blockSize + 5000)
        }
        let (report, findings) = try verify(store)
        #expect(findings.map(\.block) == [2, 7, 8, 29])
        #expect(findings.allSatisfy { $0.kind == .damagedPage && $0.relation == "t" })
        #expect(findings.map(\.path) == [file, file, file + ".1", file + ".3"])
        #expect(findings.allSatisfy { $0.reason.contains("checksum") && $0.fork == .main })
        #expect(report.pagesChecked == 34, "it goes on after damage")
    }

    @Test(arguments: IOMethodMatrix.all)
    func damageUnderCachedPagesIsFound(_ method: TestedMethod) throws {
        let (store, file) = try makeStore(method)
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(try relation.marks(session).count == 31)
            try flip(store.path + "/" + file, 100)
            var blocks: [UInt32?] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { blocks.append($0.block) })
            #expect(blocks == [0])
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func missingSegments(_ method: TestedMethod) throws {
        let (store, file) = try makeStore(method)
        unlink(store.path + "/\(file).1")
        var (report, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.missingFile])
        #expect(findings.first?.path == "\(file).1")
        #expect(findings.first?.block == 8)
        #expect(report.pagesChecked == 26, "the segments behind it are checked")

        // The part before it must not count as the whole.
        try store.with { engine, session in
            expectError(.relationDamaged) { _ = try engine.relation(named: "t") }
            let marks = try engine.relation(named: "u").marks(session)
            #expect(marks.count == 3)
        }
        // Loading may have left empty ones at the end.
        for segment in 2...8 { unlink(store.path + "/\(file).\(segment)") }
        (report, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.wrongLength])
        #expect(findings.first?.path == "\(file).1")
        unlink(store.path + "/\(file)")
        (_, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.missingFile])
        #expect(findings.first?.path == file)
        // It can still be dropped.
        try store.with { engine, session in
            try engine.dropRelation(named: "t", session: session)
        }
        #expect(try verify(store).1.isEmpty)
    }

    @Test(arguments: IOMethodMatrix.all)
    func filesOfTheWrongLength(_ method: TestedMethod) throws {
        let (store, file) = try makeStore(method)
        let last = store.path + "/\(file).3"
        truncate(last, off_t(7 * blockSize + 100))
        var (_, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.wrongLength])
        #expect(findings.first?.reason.contains("100") == true)
        truncate(last, off_t(6 * blockSize + 100))
        (_, findings) = try verify(store)
        #expect(findings.map(\.block) == [30, 30], "a part of a block, and a block too few")
        truncate(last, off_t(7 * blockSize))
        // A block in the middle: the file is too short for the block that follows.
        truncate(store.path + "/\(file).1", off_t(4 * blockSize))
        (_, findings) = try verify(store)
        #expect(findings.contains { $0.kind == .wrongLength && $0.block == 12 })
        // A file that grew by zeroes has the right length, but its pages have lost their rows. A
        // page that is zeroes in part is damaged.
        truncate(store.path + "/\(file).1", off_t(8 * blockSize))
        let report: VerificationReport
        (report, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.zeroedPage, .damagedPage])
        #expect(findings.map(\.block) == [12, 30])
        #expect(findings.first?.reason.contains("4 pages up to block 15") == true)
        #expect(report.newPages == 4)
    }

    @Test(arguments: IOMethodMatrix.all)
    func pagesOverwrittenWithZeroesAreMissed(_ method: TestedMethod) throws {
        let (store, file) = try makeStore(method)
        try store.with { engine, session in
            try engine.load("t", 2, mark: 3, session, mode: .append)
            let bare = try engine.beginLoad(
                LoadTarget(relation: "v", schema: TestStore.schema), session: session)
            try bare.add(3, mark: 4)
            let relation = try bare.commit()
            let zeroed = store.path + "/\(relation.locator)"
            try overwrite(zeroed, 1, [UInt8](repeating: 0, count: blockSize))
        }
        var (report, findings) = try verify(store)
        #expect(findings.isEmpty, "rows that nobody has counted are not missed")
        #expect(report.newPages == 1)

        let zeroes = [UInt8](repeating: 0, count: blockSize)
        try overwrite(store.path + "/\(file).1", 2, zeroes)
        (report, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.zeroedPage])
        #expect(report.newPages == 2)
        #expect(
            findings.first?.description == "relation \"t\", fork main, block 10, file"
                + " \"\(file).1\": all zeroes, where loads left rows")
        #expect(try verify(store, ["u"]).1.isEmpty)
        // A relation that grew by other means may have pages of zeroes.
        try store.with { engine, session in
            _ = try engine.relation(named: "u").extend(by: 1, session: session)
            try engine.checkpoint(session)
        }
        (report, findings) = try verify(store, ["u"])
        #expect(findings.isEmpty)
        #expect(report.newPages == 1)
    }

    @Test("Gigabytes of holes are not read", arguments: IOMethodMatrix.real)
    func holes(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.createdSegmentBlocks = 131_072 }
        let session = try engine.makeSession()
        let relation = try engine.load("t", 3, mark: 1, session)
        let path = store.path + "/\(relation.locator)_fsm"
        try writeFile(path, [])
        truncate(path, off_t(131_072 * blockSize))
        let before = engine.system.statistics
        let report = try engine.verify(session: session)
        #expect(report.findings == 0)
        #expect(report.pagesChecked == 3 + 131_072 && report.newPages == 131_072)
        let after = engine.system.statistics
        #expect(after.completed - before.completed < 1000, "where the file system knows of holes")
        session.close()
        try engine.close()
    }

    private func overwrite(_ path: String, _ block: Int, _ page: [UInt8]) throws {
        let descriptor = open(path, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let count = unsafe page.withUnsafeBytes {
            unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(block * blockSize))
        }
        #expect(count == page.count)
    }

    /// A power cut may keep the name of a segment and lose that of the one before it.
    @Test func segmentsBehindTheEndAreNoDamage() throws {
        let store = TestStore()
        let engine = try store.open { $0.createdSegmentBlocks = 8 }
        let session = try engine.makeSession()
        let relation = try engine.load("t", 16, mark: 1, session)
        let path = store.path + "/\(relation.locator)"
        try writeFile(path + ".3", [UInt8](repeating: 0, count: 8192))
        #expect(try engine.verify(session: session).findings == 0)
        unlink(path + ".1")
        #expect(try engine.verify(session: session).findings > 0)
        session.close()
        try? engine.close()
    }

    @Test func aDirectoryInPlaceOfAFile() throws {
        let (store, file) = try makeStore(TestedMethod(.synchronous))
        unlink(store.path + "/\(file).2")
        mkdir(store.path + "/\(file).2", 0o700)
        let (report, findings) = try verify(store)
        #expect(findings.first?.kind == .unreadable)
        #expect(findings.first?.path == "\(file).2")
        #expect(findings.first?.description.contains("relation \"t\", fork main, block 16") == true)
        #expect(report.pagesChecked == 26)
        rmdir(store.path + "/\(file).2")
    }

    @Test func theStoresOwnFilesAreLookedAt() throws {
        let (store, _) = try makeStore(TestedMethod(.synchronous))
        let engine = try store.open()
        let session = try engine.makeSession()
        try flip(store.path + "/strata.catalog", 40)
        try flip(store.path + "/strata.control", 30)
        var paths: [String?] = []
        _ = try engine.verify(
            session: session,
            observer: VerificationObserver {
                #expect($0.kind == .damagedStoreFile)
                paths.append($0.path)
            })
        #expect(paths == ["strata.control", "strata.catalog"])
    }

    @Test func furtherForksAreChecked() throws {
        let (store, file) = try makeStore(TestedMethod(.synchronous))
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            try relation.open.storage.create(.freeSpaceMap, ifMissing: false)
            let page = try engine.buffers.extend(
                relation.open, fork: .freeSpaceMap, by: 1, session: session)
            _ = page
            try engine.checkpoint(session)
            #expect(engine.description(of: "t")?.forks == [.main, .freeSpaceMap])
        }
        #expect(try verify(store).0.pagesChecked == 35)
        try flip(store.path + "/\(file)_fsm", 9)
        #expect(try verify(store).1.first?.fork == .freeSpaceMap)
        unlink(store.path + "/\(file)_fsm")
        let (_, findings) = try verify(store)
        #expect(findings.map(\.kind) == [.missingFile])
        #expect(findings.first?.path == "\(file)_fsm")
    }

    private func flip(_ path: String, _ offset: Int) throws {
        let descriptor = open(path, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var byte: UInt8 = 0
        #expect(unsafe pread(descriptor, &byte, 1, off_t(offset)) == 1)
        byte ^= 0x10
        #expect(unsafe pwrite(descriptor, &byte, 1, off_t(offset)) == 1)
    }
}
