import FileAccess
import StorageTesting
import Strata
import Testing
import Threads

/// Full disks and failing syncs.
@Suite struct FailureTests {
    private func open(_ store: TestStore, _ files: LimitedFileSystem) throws -> Engine {
        mkdir(store.path, 0o700)
        return try store.open { $0.fileSystem = files }
    }

    @Test(arguments: [TestedMethod(.synchronous), IOMethodMatrix.simulated])
    func aFullDiskEndsALoadAndNothingElse(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let files = LimitedFileSystem()
        let engine = try open(store, files)
        let session = try engine.makeSession()
        try engine.load("t", 5, mark: 1, session)
        for mode in [LoadTarget.Mode.append, .replace] {
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: mode), session: session)
            files.leave(20 * blockSize)
            let error = expectError(.extendFailed) { try load.add(100, mark: 2) }
            #expect(error?.errorNumber == ENOSPC)
            #expect(error?.description.contains("Free space") == true)
            files.leave(nil)
            load.abort()
            #expect(try engine.relation(named: "t").marks(session) == [1, 1, 1, 1, 1])
        }
        // A catalog that cannot be written publishes nothing.
        let load = try engine.beginLoad(LoadTarget(relation: "u"), session: session)
        try load.add(2, mark: 1)
        try engine.buffers.flushAll(session: session)
        files.leave(10)
        #expect(throws: StorageError.self) { try load.commit() }
        files.leave(nil)
        expectError(.notFound) { _ = try engine.relation(named: "u") }
        try engine.load("u", 2, mark: 1, session)
        #expect(try store.relationFiles().count == 2)
    }

    /// Growing over a segment's end can fail half-way; the grown part must not become a gap.
    @Test(arguments: [1, 2, 7, 8, 9, 15, 16, 17, 24])
    func aLoadGoesOnAfterAFullDisk(spaceInBlocks: Int) throws {
        let store = TestStore()
        let files = LimitedFileSystem()
        mkdir(store.path, 0o700)
        let engine = try store.open {
            $0.fileSystem = files
            $0.createdSegmentBlocks = 8
        }
        let session = try engine.makeSession()
        let load = try engine.beginLoad(LoadTarget(relation: "t"), session: session)
        files.leave(spaceInBlocks * blockSize)
        var added = 0
        var failures = 0
        while added < 40 {
            do {
                try load.add(1, mark: UInt8(added + 1))
                added += 1
            } catch {
                failures += 1
                files.leave(nil)
            }
        }
        #expect(failures == 1)
        let relation = try load.commit()
        #expect(relation.blockCount == 40)
        #expect(try relation.marks(session) == (1...40).map { UInt8($0) })
    }

    @Test func afterAFailedSyncNothingIsPromised() throws {
        let store = TestStore()
        let files = LimitedFileSystem()
        var engine: Engine? = try open(store, files)
        var session: Session? = try engine?.makeSession()
        try engine?.load("t", 5, mark: 1, session!)
        let load = try engine!.beginLoad(LoadTarget(relation: "u"), session: session!)
        try load.add(2, mark: 2)
        files.failSyncs(EIO)
        expectError(.fileSyncFailed) { try load.commit() }
        files.failSyncs(0)
        let error = expectError(.storeFailed) { try engine?.checkpoint(session!) }
        #expect(error?.underlying?.code == .fileSyncFailed)
        #expect(error?.remedy?.contains("open it again") == true)
        expectError(.storeFailed) { try engine?.load("v", 1, mark: 1, session!) }
        expectError(.storeFailed) { try engine?.dropRelation(named: "t", session: session!) }
        #expect(store.log.contains("takes no more changes"))
        // What was committed can be read, and is there after reopening.
        #expect(try engine?.relation(named: "t").marks(session!).count == 5)
        session?.close()
        expectError(.storeFailed) { try engine?.close() }
        session = nil
        engine = nil
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks.count == 5)
            try engine.load("v", 1, mark: 1, session)
        }
    }

    /// Without space for their copies, pages are not written; they are once there is space.
    @Test(arguments: [TestedMethod(.synchronous), IOMethodMatrix.simulated])
    func aFullDiskUnderTheJournal(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let files = LimitedFileSystem()
        let engine = try open(store, files)
        let session = try engine.makeSession()
        let relation = try engine.load("t", 20, mark: 1, session, isCounted: false)
        for block: UInt32 in 0..<20 {
            try relation.page(BlockNumber(block), session: session).fill(2)
        }
        for space in [0, 4096, 8192] {
            files.leave(space)
            let error = #expect(throws: StorageError.self) { try engine.checkpoint(session) }
            #expect(error?.errorNumber == ENOSPC && error?.location.path == "strata.journal.0")
            #expect(error?.description.contains("Free space") == true)
        }
        files.leave(nil)
        #expect(try relation.marks(session) == Array(repeating: 2, count: 20))
        try engine.checkpoint(session)
        #expect(try engine.buffers.evictAll(session: session).written == 0)
        #expect(try relation.marks(session) == Array(repeating: 2, count: 20))
        session.close()
        try engine.close()
    }

    @Test func afterAFailedSyncOfTheJournalNothingGoesInPlace() throws {
        let store = TestStore()
        let files = LimitedFileSystem()
        let engine = try open(store, files)
        let session = try engine.makeSession()
        let relation = try engine.load("t", 20, mark: 1, session, isCounted: false)
        for block: UInt32 in 0..<20 {
            try relation.page(BlockNumber(block), session: session).fill(2)
        }
        let before = try readFile(store.path + "/\(relation.locator)")
        files.failSyncs(EIO)
        let failure = expectError(.fileSyncFailed) { try engine.checkpoint(session) }
        #expect(failure?.location.path == "strata.journal.0")
        files.failSyncs(0)
        #expect(throws: StorageError.self) { try engine.buffers.flushAll(session: session) }
        let error = expectError(.storeFailed) { try engine.checkpoint(session) }
        #expect(error?.underlying?.code == .fileSyncFailed)
        #expect(try readFile(store.path + "/\(relation.locator)") == before)
        #expect(try relation.marks(session) == Array(repeating: 2, count: 20))
        session.close()
    }
}
