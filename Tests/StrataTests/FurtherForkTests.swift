import StorageTesting
import Strata
import Testing
import Threads

/// Forks other than the main one: the catalog knows those that this engine has extended.
@Suite("Further forks") struct FurtherForkTests {
    /// A relation with a free space map of that many blocks, which the catalog knows.
    private func makeStore(
        _ method: TestedMethod = TestedMethod(.synchronous), manager: String = "magnetic",
        blocks: Int
    ) throws -> TestStore {
        let store = TestStore(method)
        try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", schema: TestStore.schema, managerName: manager),
                session: session)
            try load.add(20, mark: 1)
            let relation = try load.commit(rowCount: 20)
            if blocks == 0 { return }
            try relation.open.storage.create(.freeSpaceMap, ifMissing: false)
            var rest = blocks
            while rest > 0 {
                let pages = try engine.buffers.extend(
                    relation.open, fork: .freeSpaceMap, by: rest, session: session)
                rest -= pages.count
            }
            try engine.checkpoint(session)
            #expect(engine.description(of: "t")?.furtherForks == [.freeSpaceMap: UInt32(blocks)])
        }
        return store
    }

    /// Segments have eight blocks.
    private func addHoles(_ store: TestStore, _ suffixes: [String]) throws {
        for suffix in suffixes {
            let path = store.path + "/base/1/16384" + suffix
            try writeFile(path, [])
            #expect(truncate(path, off_t(8 * blockSize)) == 0)
        }
    }

    @Test(arguments: IOMethodMatrix.real, ["magnetic", "compressed", "memory"])
    func copiesAsMuchAsTheCatalogKnows(_ method: TestedMethod, _ manager: String) throws {
        let store = try makeStore(method, blocks: 0)
        try addHoles(store, ["_fsm", "_fsm.1", "_fsm.2"])
        try store.with { engine, session in
            let copy = try #require(
                try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: "c", managerName: manager),
                    session: session))
            #expect(try copy.marks(session).count == 20)
            #expect(try !copy.open.storage.exists(.freeSpaceMap))
            #expect(engine.description(of: "c")?.furtherForks == [:])
        }
    }

    /// The copy's forks count with the copy, not only from the next checkpoint on, and their pages
    /// are on disk by then.
    @Test(arguments: ["magnetic", "compressed"])
    func copiesCountAtOnce(_ manager: String) throws {
        let store = try makeStore(blocks: 8)
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            try engine.relation(named: "t").page(3, fork: .freeSpaceMap, session: session)
                .withEditor { $0.initialize() }
            _ = try engine.copyRelation(
                named: "t", to: LoadTarget(relation: "c", managerName: manager), session: session)
            session.close()
        }
        try store.with { engine, session in
            #expect(!engine.recovery.endedCleanly)
            #expect(engine.description(of: "c")?.furtherForks == [.freeSpaceMap: 8])
            let page = try engine.relation(named: "c").page(
                3, fork: .freeSpaceMap, session: session)
            let isNew = page.withView { $0.isNew }
            #expect(!isNew)
        }
    }

    @Test(arguments: IOMethodMatrix.real, ["magnetic", "compressed"])
    func copiesTheCatalogsCount(_ method: TestedMethod, _ manager: String) throws {
        let store = try makeStore(method, blocks: 8)
        try addHoles(store, ["_fsm.1", "_fsm.2"])
        try store.with { engine, session in
            let copy = try #require(
                try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: "c", managerName: manager),
                    session: session))
            #expect(try copy.open.storage.blockCount(.freeSpaceMap) == 8)
        }
        try store.with { engine, _ in
            #expect(engine.description(of: "c")?.furtherForks == [.freeSpaceMap: 8])
        }
    }

    /// A length that cannot be read at one checkpoint is recorded by the next.
    @Test func isCountedOnceItsLengthCanBeRead() throws {
        let store = try makeStore(blocks: 2)
        let files = NamedFailures()
        let engine = try store.open { $0.fileSystem = files }
        let session = try engine.makeSession()
        do {
            let relation = try engine.relation(named: "t")
            _ = try engine.buffers.extend(
                relation.open, fork: .freeSpaceMap, by: 3, session: session)
        }
        files.set { call, path in call == .status && path.hasSuffix("_fsm") ? EIO : 0 }
        try engine.checkpoint(session)
        files.set { _, _ in 0 }
        try engine.checkpoint(session)
        #expect(engine.description(of: "t")?.furtherForks == [.freeSpaceMap: 5])
        session.close()
        try engine.close()
    }

    @Test func aForeignForkIsNotRecorded() throws {
        let store = try makeStore(blocks: 0)
        try addHoles(store, ["_fsm"])
        let before = try snapshot(store.path)
        try store.with { engine, session in
            let moved = try engine.compact(relation: "t", session: session)
            #expect(moved == 0)
        }
        #expect(try snapshot(store.path) == before)
    }

    @Test(arguments: ["magnetic", "compressed"])
    func whatAForkHasLostStaysRecorded(_ manager: String) throws {
        let store = try makeStore(manager: manager, blocks: 12)
        try store.with { engine, session in
            let storage = try engine.relation(named: "t").open.storage
            try storage.truncate(.freeSpaceMap, to: 3, session: session)
            try engine.load("t", 2, mark: 2, session, mode: .append)
            try engine.checkpoint(session)
        }
        try store.with { engine, session in
            #expect(engine.description(of: "t")?.furtherForks == [.freeSpaceMap: 12])
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            #expect(found.contains { $0.fork == .freeSpaceMap && $0.kind == .wrongLength })
        }
    }

    /// A new file would be in the way of the lost one, and look like a short one.
    @Test(arguments: ["magnetic", "compressed"])
    func growingALostForkMakesNoFile(_ manager: String) throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try engine.load("t", 2, mark: 1, session, manager: manager)
            try relation.grow(.visibilityMap, to: 12, mark: 2, session)
            try engine.checkpoint(session)
        }
        let folder = store.path + "/base/1"
        for name in names(in: folder) where name.contains("_vm") { unlink("\(folder)/\(name)") }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            for _ in 0..<2 {
                expectError(.relationDamaged) {
                    _ = try relation.extend(fork: .visibilityMap, session: session)
                }
            }
            let made = names(in: folder).filter { $0.contains("_vm") }
            #expect(made.isEmpty, "\(made)")
        }
    }

    /// Making a fork can fail so that its name stays, without contents.
    @Test(arguments: [("magnetic", "_vm"), ("compressed", "_vm.chunks")])
    func aForkWhoseMakingFailedIsMadeAgain(_ manager: String, _ suffix: String) throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try engine.load("t", 2, mark: 1, session, manager: manager)
            try writeFile("\(store.path)/\(relation.locator)\(suffix)", [])
            try relation.grow(.visibilityMap, to: 4, mark: 2, session)
            #expect(try relation.marks(of: .visibilityMap, session) == [2, 2, 2, 2])
        }
    }

    /// The catalog counts no block of it yet, and the engine cannot ask how many it has.
    @Test func verifyingPassesOverNoForkThatCannotBeRead() throws {
        let store = try makeStore(blocks: 0)
        let files = NamedFailures()
        let engine = try store.open { $0.fileSystem = files }
        let session = try engine.makeSession()
        do {
            let relation = try engine.relation(named: "t")
            try relation.recordFreeSpace(4000, at: 0, session: session)
            try engine.buffers.flush(relation.open, session: session)
            #expect(engine.description(of: "t")?.furtherForks == [.freeSpaceMap: 0])
        }
        func findings() throws -> [VerificationFinding] {
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            return found
        }
        #expect(try findings().isEmpty)
        files.set { call, path in
            (call == .status || call == .open) && path.hasSuffix("_fsm") ? EIO : 0
        }
        let found = try findings()
        #expect(
            found.contains { $0.fork == .freeSpaceMap && $0.kind == .unreadable }, "\(found)")
        files.set { _, _ in 0 }
        session.close()
        try engine.close()
    }

    /// - Parameter isShort: whether the fork's file is too short, rather than missing.
    @Test(arguments: [true, false]) func copiesOfItsPagesAreKept(_ isShort: Bool) throws {
        let store = try makeStore(blocks: 5)
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.relation(named: "t")
            for block: UInt32 in [1, 4] {
                try relation.page(BlockNumber(block), fork: .freeSpaceMap, session: session)
                    .withEditor { $0.initialize() }
            }
            try engine.buffers.flushAll(session: session)
            session.close()
        }
        let path = store.path + "/base/1/16384_fsm"
        let whole = try readFile(path)
        unlink(path)
        if isShort { try writeFile(path, Array(whole.prefix(3 * blockSize))) }
        for _ in 0..<2 {
            try store.with { engine, _ in
                let kept = engine.recovery.actions.compactMap { action in
                    if case .replayedJournal(let journal) = action { journal.kept } else { nil }
                }
                #expect(kept == [2])
            }
        }
        try writeFile(path, [UInt8](repeating: 0, count: 5 * blockSize))
        try store.with { _, _ in }
        let again = try readFile(path)
        #expect(again[blockSize..<2 * blockSize] == whole[blockSize..<2 * blockSize])
        #expect(again.suffix(blockSize) == whole.suffix(blockSize))
    }
}
