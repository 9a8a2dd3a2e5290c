import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// Checkpoints as users make them: joined, paced, stepped, automatic; and with failing syncs.
@Suite struct CheckpointTests {
    private func change(
        _ engine: Engine, _ name: String, _ blocks: Range<UInt32>, mark: UInt8, _ session: Session
    ) throws {
        let relation = try engine.relation(named: name)
        for block in blocks {
            try relation.page(BlockNumber(block), session: session).setMark(mark)
        }
    }

    /// What a crash would leave now, if the process's writes count as done.
    private func marks(_ store: TestStore, _ name: String) throws -> [UInt8] {
        try copyTree(store.path, store.other)
        let engine = try Engine.open(store.other, options: store.options)
        let session = try engine.makeSession()
        defer { session.close() }
        return try engine.relation(named: name).marks(session)
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func stepsComeToTheSameEnd(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.backgroundWriter = nil }
        let session = try engine.makeSession()
        try engine.load("t", 20, mark: 1, session)
        try engine.load("u", 3, mark: 1, session)
        try change(engine, "t", 0..<20, mark: 2, session)
        try engine.dropRelation(named: "u", session: session)
        let checkpoint = try engine.beginCheckpoint(session)
        expectError(.storeBusy) { _ = try engine.beginCheckpoint(session) }
        expectError(.misuse) { try engine.checkpoint(session) }
        #expect(try checkpoint.step(pages: 5))
        #expect(checkpoint.progress == 0.25)
        // Changes and drops in between are left to the next.
        try engine.load("v", 3, mark: 1, session)
        try engine.dropRelation(named: "v", session: session)
        while try checkpoint.step(pages: 5) {}
        #expect(checkpoint.isDone)
        let files = names(in: store.path + "/base/1")
        #expect(!files.contains { $0.hasPrefix("16385") })
        #expect(files.contains("16386"))
        let statistics = engine.checkpointStatistics
        #expect(statistics.completed == 1 && statistics.failed == 0)
        #expect(statistics.pages == 20)
        #expect(engine.buffers.statistics.checkpointWrites == 20)
        #expect(engine.fileStatistics.syncs > 0)
        #expect(engine.fileStatistics.syncTime > .zero)
        #expect(try marks(store, "t") == Array(repeating: 2, count: 20))
        try engine.checkpoint(session)
        #expect(!names(in: store.path + "/base/1").contains("16386"))
    }

    @Test func oneThatIsGivenUpPromisesNothing() throws {
        let store = TestStore()
        let engine = try store.open { $0.backgroundWriter = nil }
        let session = try engine.makeSession()
        try engine.load("t", 20, mark: 1, session)
        try change(engine, "t", 0..<20, mark: 2, session)
        do {
            let checkpoint = try engine.beginCheckpoint(session)
            try checkpoint.step(pages: 5)
        }
        #expect(engine.checkpointStatistics.failed == 1)
        try engine.checkpoint(session)
        #expect(engine.checkpointStatistics.completed == 1)
        #expect(try marks(store, "t") == Array(repeating: 2, count: 20))
    }

    @Test(arguments: IOMethodMatrix.all)
    func allWhoAskAreServed(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.maximumSessions = 6 }
        do {
            let session = try engine.makeSession()
            try engine.load("t", 24, mark: 0, session)
        }
        try TestThreads.run(4) { thread in
            let session = try engine.makeSession()
            let begin = UInt32(thread * 6)
            for round: UInt8 in 1...10 {
                try change(engine, "t", begin..<begin + 6, mark: round, session)
                try engine.checkpoint(
                    session, pace: thread == 0 ? .spread(over: .seconds(1000)) : .fastest)
                // Nothing that was changed before is left dirty.
                let relation = try engine.relation(named: "t")
                for block in begin..<begin + 6 {
                    let page = try relation.page(BlockNumber(block), session: session)
                    #expect(!page.isDirty as Bool)
                }
                // A slow checkpoint would never end if no other thread were in a hurry.
                if thread == 0 && round == 3 { break }
            }
        }
        let statistics = engine.checkpointStatistics
        #expect(statistics.requested == 33)
        #expect(statistics.completed + statistics.joined == 33)
        #expect(statistics.failed == 0)
        try engine.close()
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: 3, count: 6) + Array(repeating: 10, count: 18))
        }
    }

    /// The pace's clock never advances: a second, hurried checkpoint ends the pauses of the first.
    @Test func hasteEndsPauses() throws {
        let store = TestStore()
        let engine = try store.open { $0.poolBytes = 1024 * blockSize }
        let session = try engine.makeSession()
        try engine.load("t", 600, mark: 1, session)
        try change(engine, "t", 0..<600, mark: 2, session)
        let slow = TestThreads.beside {
            let session = try engine.makeSession()
            try engine.checkpoint(session, pace: .spread(over: .seconds(100_000)))
        }
        try TestThreads.waitOrFail("the first has begun") {
            engine.buffers.statistics.checkpointWrites > 0
        }
        #expect(!slow.isDone)
        try engine.checkpoint(session)
        try slow.join()
        #expect(engine.checkpointStatistics.completed == 2)
    }

    @Test func checkpointsComeByThemselves() throws {
        let store = TestStore()
        let engine = try store.open {
            $0.automaticCheckpoints = AutomaticCheckpoints(
                interval: .milliseconds(1), pace: .fastest)
        }
        let session = try engine.makeSession()
        try engine.load("t", 4, mark: 1, session)
        try change(engine, "t", 0..<4, mark: 2, session)
        try TestThreads.waitOrFail("the change is durable") {
            engine.buffers.statistics.checkpointWrites >= 4
                && engine.checkpointStatistics.completed > 0
        }
        session.close()
        try engine.close()
        expectError(.invalidConfiguration) {
            _ = try store.open { $0.automaticCheckpoints = AutomaticCheckpoints(writtenBytes: 0) }
        }
    }

    @Test func aDroppedEngineEndsItsThreads() throws {
        let store = TestStore()
        for _ in 0..<5 {
            let engine = try store.open { $0.backgroundWriter?.delay = .milliseconds(1) }
            let session = try engine.makeSession()
            try engine.load("t", 100, mark: 1, session, mode: .replace)
            session.close()
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks.count == 100)
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func pagesAreWrittenInTheBackground(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.backgroundWriter?.delay = .milliseconds(1) }
        let session = try engine.makeSession()
        try engine.load("t", 200, mark: 1, session)
        var mark: UInt8 = 1
        try TestThreads.waitOrFail("the background writer writes") {
            mark = mark % 100 + 1
            try? change(engine, "t", 0..<200, mark: mark, session)
            return engine.buffers.statistics.backgroundWrites > 0
        }
        session.close()
        try engine.close()
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: mark, count: 200))
        }
    }

    /// A sync that the checkpoint starts fails once; the kernel would report success next.
    @Test(arguments: [0, 1, 2])
    func aFailedSyncIsFinal(_ number: Int) throws {
        let seed = IOMethodMatrix.seed &+ UInt64(number)
        let store = TestStore(TestedMethod(seed: seed, faults: .harmless))
        var engine: Engine? = try store.open()
        var session: Session? = try engine?.makeSession()
        do {
            let engine = try #require(engine)
            let session = try #require(session)
            let method = try #require(SimulatedMethod.of(engine.system))
            for name in ["t", "u"] { try engine.load(name, 10, mark: 1, session) }
            for name in ["t", "u"] { try change(engine, name, 0..<10, mark: 2, session) }
            method.inject(ScheduledFault(.error(EIO), on: .sync, occurrence: 1 + number % 2))
            let error = expectError(.syncFailed) { try engine.checkpoint(session) }
            #expect(error?.location.path?.hasPrefix("base/1/") == true)
            for _ in 0..<2 {
                let later = expectError(.storeFailed) { try engine.checkpoint(session) }
                #expect(later?.location.path == error?.location.path)
            }
            // Pages in the pool can be read and even changed, but not written.
            try change(engine, "t", 0..<2, mark: 3, session)
            expectError(.storeFailed) { try engine.buffers.flushAll(session: session) }
            expectError(.storeFailed) { _ = try engine.load("v", 1, mark: 1, session) }
            expectError(.storeFailed) {
                _ = try engine.relation(named: "t").extend(session: session)
            }
            #expect(try engine.relation(named: "u").marks(session).count == 10)
            #expect(engine.checkpointStatistics.completed == 0)
        }
        session?.close()
        expectError(.storeFailed) { try engine?.close() }
        (session, engine) = (nil, nil)
        // Here the disk has taken everything that was written before.
        try store.with { engine, session in
            for name in ["t", "u"] {
                let marks = try engine.relation(named: name).marks(session)
                #expect(marks.count == 10 && marks.allSatisfy { [1, 2].contains($0) })
            }
            try engine.load("v", 1, mark: 1, session)
        }
    }

    /// Full and failing disks, at the writes of journal copies and of pages: nothing is lost.
    @Test(arguments: [EIO, ENOSPC, EDQUOT], 1...4)
    func whatCouldNotBeWrittenIsWrittenNext(_ errorNumber: CInt, _ occurrence: Int) throws {
        let store = TestStore(TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless))
        let engine = try store.open { $0.backgroundWriter = nil }
        let session = try engine.makeSession()
        let method = try #require(SimulatedMethod.of(engine.system))
        try engine.load("t", 20, mark: 1, session)
        try change(engine, "t", 0..<20, mark: 2, session)
        method.inject(ScheduledFault(.error(errorNumber), on: .write, occurrence: occurrence))
        let error = #expect(throws: StorageError.self) { try engine.checkpoint(session) }
        #expect(error.map { [.writeFailed, .fileWriteFailed].contains($0.code) } == true)
        #expect(error?.errorNumber == errorNumber)
        #expect(engine.checkpointStatistics.failed == 1)
        try engine.checkpoint(session)
        session.close()
        try engine.close()
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: 2, count: 20))
        }
    }
}
