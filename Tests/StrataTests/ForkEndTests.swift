import BufferManager
import StorageTesting
import Strata
import Testing
import Threads

/// Further forks end where the catalog and this engine say, whatever else their files contain.
@Suite struct ForkEndTests {
    private static let managers = ["magnetic", "compressed", "memory"]

    /// A relation whose fork `vm` was cut from at least 12 blocks to 5. A page that somebody had
    /// pinned at that moment has kept the rest in place.
    private static func makeCut(
        _ engine: Engine, _ session: Session, _ other: Session, _ files: NamedFailures,
        _ manager: String
    ) throws -> Relation {
        let relation = try engine.load("t", 3, mark: 1, session, manager: manager)
        try relation.grow(.visibilityMap, to: 12, mark: 2, session)
        try engine.checkpoint(session)
        let held = HeldPage(relation, .visibilityMap, other)
        files.set { call, path in
            if call == .open, path == "strata.catalog.new", !held.isHeld { held.take(9) }
            return 0
        }
        try relation.truncate(.visibilityMap, to: 5, session: session)
        files.set { _, _ in 0 }
        #expect(held.isHeld)
        held.release()
        return relation
    }

    @Test(arguments: IOMethodMatrix.all, managers)
    func whatWasCutOffIsNotRead(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        try store.open().close()
        let files = NamedFailures()
        let engine = try store.open { $0.fileSystem = files }
        let (session, other) = (try engine.makeSession(), try engine.makeSession())
        let relation = try Self.makeCut(engine, session, other, files, manager)
        #expect(try relation.blockCount(of: .visibilityMap) == 5)
        for block in [5, 9, 11] as [BlockNumber] {
            expectError(.notFound) {
                _ = try relation.page(block, fork: .visibilityMap, session: session)
            }
            expectError(.notFound) {
                try relation.read(block, fork: .visibilityMap, session: session) { _ in }
            }
        }
        #expect(try relation.marks(of: .visibilityMap, session) == [2, 2, 2, 2, 2])
        try relation.grow(.visibilityMap, to: 12, mark: 3, session)
        let marks = try relation.marks(of: .visibilityMap, session)
        #expect(marks.prefix(12) == [2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3])
        session.close()
        other.close()
        try engine.close()
    }

    @Test(arguments: IOMethodMatrix.real, managers)
    func tasksDoNotReadItEither(_ method: TestedMethod, _ manager: String) async throws {
        let store = TestStore(method)
        let files = NamedFailures()
        let (engine, relation) = try TestThreads.run {
            try store.open().close()
            let engine = try store.open { $0.fileSystem = files }
            let (session, other) = (try engine.makeSession(), try engine.makeSession())
            defer {
                session.close()
                other.close()
            }
            return (engine, try Self.makeCut(engine, session, other, files, manager))
        }
        let session = try engine.makeAsyncSession(.engineThread)
        for block in [5, 9, 11] as [BlockNumber] {
            await expectNotFound {
                _ = try await relation.page(block, fork: .visibilityMap, session: session)
            }
            await expectNotFound {
                try await relation.read(block, fork: .visibilityMap, session: session) { _ in }
            }
        }
        let last = try await relation.page(4, fork: .visibilityMap, session: session)
        let mark = try await last.withView { try $0.mark(4) }
        #expect(mark == 2)
        last.release()
        await session.close()
        try TestThreads.run { try engine.close() }
    }

    private func expectNotFound(_ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("a block behind the end was read")
        } catch {
            #expect((error as? StorageError)?.code == .notFound, "\(error)")
        }
    }

    /// What a crash has left behind the counted blocks is no part of the fork.
    @Test(arguments: IOMethodMatrix.real, ["magnetic", "compressed"])
    func whatACrashHasLeftIsNotRead(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        var counted: UInt32 = 0
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("t", 3, mark: 1, session, manager: manager)
            try relation.grow(.visibilityMap, to: 4, mark: 2, session)
            counted = try relation.blockCount(of: .visibilityMap)
            try engine.checkpoint(session)
            try relation.grow(.visibilityMap, to: counted + 4, mark: 3, session)
            try engine.buffers.flushAll(session: session)
            try engine.managers.syncPending(session)
            session.close()
        }
        for access in [EngineOptions.Access.readOnly, .readWrite] {
            let engine = try store.open { $0.access = access }
            let session = try engine.makeSession()
            let relation = try engine.relation(named: "t")
            #expect(try relation.open.storage.blockCount(.visibilityMap) > counted)
            #expect(try relation.blockCount(of: .visibilityMap) == counted)
            for block in [counted, counted + 2] {
                expectError(.notFound) {
                    _ = try relation.page(
                        BlockNumber(block), fork: .visibilityMap, session: session)
                }
            }
            if access == .readWrite {
                try relation.grow(.visibilityMap, to: counted + 4, mark: 4, session)
                let marks = try relation.marks(of: .visibilityMap, session)
                #expect(marks.prefix(8) == [2, 2, 2, 2, 4, 4, 4, 4])
            }
            session.close()
            try engine.close()
        }
    }
}

/// A page that somebody holds, or gets, while it is being cut off.
@Suite struct HeldPageTests {
    private static let forks = [Fork.main, .visibilityMap]
    private static let cases = ["magnetic", "compressed"].flatMap { base in
        forks.map { (base, $0) }
    }

    /// Changing it concerns nobody: checkpoints pass, and the fork grows by pages of zeroes.
    @Test(arguments: IOMethodMatrix.all, cases)
    func changesOfWhatWasCutOff(_ method: TestedMethod, _ test: (base: String, fork: Fork)) throws {
        let (store, hooks) = (TestStore(method), DiskHooks())
        func open() throws -> Engine {
            try store.open { $0.storageManagers = [HookedDisk.plugin(test.base, hooks)] }
        }
        var engine = try open()
        var (session, other) = (try engine.makeSession(), try engine.makeSession())
        do {
            let relation = try engine.load("t", 3, mark: 1, session, manager: HookedDisk.name)
            try relation.grow(test.fork, to: 30, mark: 1, session)
            try engine.checkpoint(session)
            let held = HeldPage(relation, test.fork, other)
            hooks.hook = { call, fork in
                if call == .truncate, fork == test.fork, !held.isHeld { held.take(20) }
            }
            try relation.truncate(test.fork, to: 12, session: session)
            hooks.hook = nil
            #expect(held.isHeld)
            try held.fill(9)
            try engine.checkpoint(session)
            expectError(.pageInUse) { _ = try relation.extend(fork: test.fork, session: session) }
            try held.fill(8)
            held.release()
            try engine.checkpoint(session)
            _ = try engine.buffers.evictAll(session: session)
            #expect(try relation.blockCount(of: test.fork) == 12)
            try relation.grow(test.fork, to: 25, mark: 3, session)
        }
        session.close()
        other.close()
        try engine.close()
        engine = try open()
        (session, other) = (try engine.makeSession(), try engine.makeSession())
        #expect(engine.recovery.endedCleanly)
        let marks = try engine.relation(named: "t").marks(of: test.fork, session)
        #expect(marks.prefix(12) == Array(repeating: 1, count: 12)[...])
        #expect(marks.dropFirst(12).allSatisfy { $0 == 3 })
        session.close()
        other.close()
        try engine.close()
    }

    /// The same of a relation that is dropped while somebody has one of its pages.
    @Test(arguments: IOMethodMatrix.real)
    func changesOfWhatWasDropped(_ method: TestedMethod) throws {
        let (store, hooks) = (TestStore(method), DiskHooks())
        let engine = try store.open {
            $0.storageManagers = [HookedDisk.plugin("magnetic", hooks)]
        }
        let (session, other) = (try engine.makeSession(), try engine.makeSession())
        let held: HeldPage
        do {
            let relation = try engine.load("t", 30, mark: 1, session, manager: HookedDisk.name)
            try engine.checkpoint(session)
            held = HeldPage(relation, .main, other)
        }
        hooks.hook = { call, fork in
            if call == .truncate, fork == .main, !held.isHeld { held.take(20) }
        }
        try engine.dropRelation(named: "t", session: session)
        hooks.hook = nil
        #expect(held.isHeld)
        try held.fill(9)
        try engine.checkpoint(session)
        held.release()
        try engine.checkpoint(session)
        #expect(try store.relationFiles() == [])
        session.close()
        other.close()
        try engine.close()
        try store.open().close()
    }

    /// A page whose contents were refused, of a relation that is gone, does not matter to closing.
    @Test(arguments: [true, false])
    func refusedPagesOfWhatIsGone(_ isReplaced: Bool) throws {
        let store = TestStore()
        let engine = try store.open()
        let session = try engine.makeSession()
        let own = try OwnContents.makeRelation(
            engine, session, .sealed, manager: "magnetic", name: "own", pages: 5)
        try engine.checkpoint(session)
        OwnContents.spoil(try own.page(3, session: session), .sealed)
        if isReplaced {
            try engine.beginLoad(
                LoadTarget(relation: "own", mode: .replace), session: session
            ).commit()
        } else {
            try engine.dropRelation(named: "own", session: session)
        }
        session.close()
        try engine.close()
        withExtendedLifetime(own) {}
        #expect(!store.log.contains("is not marked as closed"))
        try store.with { engine, _ in #expect(engine.recovery.endedCleanly) }
    }

    /// A page whose contents were refused does not prevent the cut that removes it, though the
    /// catalog does not count the blocks before it yet.
    @Test func refusedPagesThatAreCutOff() throws {
        let store = TestStore()
        let engine = try store.open()
        let session = try engine.makeSession()
        let own = try OwnContents.makeRelation(
            engine, session, .sealed, manager: "magnetic", name: "own", pages: 5)
        OwnContents.spoil(try own.page(3, session: session), .sealed)
        try own.truncate(to: 2, session: session)
        #expect(own.blockCount == 2)
        try engine.checkpoint(session)
        session.close()
        try engine.close()
        try store.with { engine, session in
            let blocks = try engine.relation(named: "own").blockCount
            #expect(engine.recovery.endedCleanly && blocks == 2)
        }
    }
}
