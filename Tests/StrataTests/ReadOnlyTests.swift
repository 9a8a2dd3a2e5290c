import StorageTesting
import Testing

@testable import Strata

/// Read-only access to stores that were not closed: what it reports, and that it changes nothing.
@Suite("Read-only access to a store") struct ReadOnlyTests {
    /// Leaves a store as after a power cut: torn pages with copies in the journal, and the files of
    /// an unfinished load.
    static func leave(_ store: TestStore) throws {
        let engine = try store.open()
        let session = try engine.makeSession()
        try engine.load("a", 20, mark: 1, session)
        let relation = try engine.relation(named: "a")
        try engine.checkpoint(session)
        for block: UInt32 in 3..<6 {
            try relation.page(BlockNumber(block), session: session).fill(2)
        }
        let file = store.path + "/\(relation.locator)"
        let old = try readFile(file)
        try engine.buffers.flushAll(session: session)
        try abandonLoad(engine, session, "b")
        session.close()
        var torn = try readFile(file)
        let half = 4 * blockSize + 4096..<5 * blockSize
        torn.replaceSubrange(half, with: old[half])
        try writeFile(file, torn)
    }

    /// Leaves a load as a killed process does.
    private static func abandonLoad(_ engine: Engine, _ session: Session, _ name: String) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: name, schema: TestStore.schema), session: session)
        try load.add(12, mark: 3)
        try engine.buffers.flushAll(session: session)
        let files = try snapshot(engine.directory)
        load.abort()
        let own = ["strata.catalog", "strata.clean"]
        for (path, bytes) in files where path.hasPrefix("base") || own.contains(path) {
            try writeFile(engine.directory + "/" + path, bytes)
        }
    }

    @Test(arguments: IOMethodMatrix.real)
    func aStoreThatWasNotClosed(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try Self.leave(store)
        let before = try snapshot(store.path)

        let looking = try store.open { $0.access = .readOnly }
        #expect(looking.needsRecovery)
        let actions = looking.recovery.actions
        guard case .replayedJournal(let journal) = actions.first else {
            Issue.record("the journal was not looked at: \(actions)")
            return
        }
        #expect(journal.pages == 3 && journal.torn == 1 && journal.outdated == 0)
        #expect(actions.contains { if case .removedFiles = $0 { true } else { false } })
        let session = try looking.makeSession()
        let report = try looking.verify(session: session)
        #expect(report.findings == 0 && report.pagesChecked == 20)
        #expect(
            try looking.relation(named: "a").marks(session)
                == (0..<20).map { (3..<6).contains($0) ? 2 : 1 })
        expectError(.storeReadOnly) { try looking.checkpoint(session) }
        expectError(.storeReadOnly) { try looking.load("c", 1, mark: 1, session) }
        expectError(.storeReadOnly) { try looking.dropRelation(named: "a", session: session) }
        expectError(.storeLocked) { _ = try store.open() }
        session.close()
        try looking.close()
        let isSame = try snapshot(store.path) == before
        #expect(isSame)

        let engine = try store.open()
        #expect(engine.recovery.actions == actions && !engine.needsRecovery)
        let reader = try engine.makeSession()
        #expect(try engine.verify(session: reader).findings == 0)
        reader.close()
        try engine.close()
        let again = try store.open { $0.access = .readOnly }
        #expect(again.recovery.actions.isEmpty && !again.needsRecovery)
        #expect(again.ioMethodName == method.choice.name)
        try again.close()
    }

    /// A closed store is read from its own files, and none of them can be written.
    @Test(arguments: IOMethodMatrix.real)
    func aStoreThatWasClosed(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in _ = try engine.load("a", 20, mark: 1, session) }
        let before = try snapshot(store.path)
        let engine = try store.open { $0.access = .readOnly }
        let session = try engine.makeSession()
        #expect(try engine.verify(session: session).findings == 0)
        let relation = try engine.relation(named: "a")
        try relation.page(0, session: session).fill(9)
        #expect(throws: StorageError.self) { try engine.buffers.flushAll(session: session) }
        session.close()
        try engine.close()
        let isSame = try snapshot(store.path) == before
        #expect(isSame)
    }

    /// While recovery runs in memory, no change reaches the file system below.
    @Test(arguments: IOMethodMatrix.real)
    func nothingGetsThrough(_ method: TestedMethod) throws {
        for isClosed in [false, true] {
            let store = TestStore(method)
            try Self.leave(store)
            if isClosed { try store.open().close() }
            let before = try snapshot(store.path)
            let fileSystem = ChangeRefusingFileSystem()
            let looking = try store.open {
                $0.access = .readOnly
                $0.fileSystem = fileSystem
            }
            #expect(looking.needsRecovery == !isClosed)
            let session = try looking.makeSession()
            #expect(try looking.verify(session: session).findings == 0)
            #expect(try looking.relation(named: "a").marks(session).count == 20)
            session.close()
            try looking.close()
            #expect(fileSystem.refused == [])
            let isSame = try snapshot(store.path) == before
            #expect(isSame)
        }
    }

    @Test func aJournalThatCannotBeRead() throws {
        let store = TestStore()
        try Self.leave(store)
        let path = store.path + "/strata.journal.0"
        var bytes = try readFile(path)
        // One of its two headers is enough.
        bytes[30] ^= 1
        try writeFile(path, bytes)
        try store.open { $0.access = .readOnly }.close()
        bytes[2048 + 30] ^= 1
        try writeFile(path, bytes)
        let before = try snapshot(store.path)
        // Readers do without its copies of pages, and are told so.
        let looking = try store.open { $0.access = .readOnly }
        let isTold = looking.recovery.actions.contains { action in
            if case .unusableJournal("strata.journal.0", _) = action { true } else { false }
        }
        #expect(isTold, "\(looking.recovery.actions)")
        let session = try looking.makeSession()
        #expect(try looking.verify(session: session).findings > 0)
        session.close()
        try looking.close()
        let error = expectError(.journalDamaged) { _ = try store.open() }
        #expect(error?.remedy != nil && error?.location.path == "strata.journal.0")
        let after = try snapshot(store.path)
        let isSame =
            before.filter { $0.key != "strata.lock" } == after.filter { $0.key != "strata.lock" }
        #expect(isSame)
    }
}
