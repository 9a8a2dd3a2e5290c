import StorageTesting
import Testing
import Threads

@testable import Strata

/// Commits that wait at the same time share one durable step.
@Suite struct SharedCommitTests {
    private static let count = 8

    private static func name(_ index: Int) -> String { "t\(index)" }

    private static func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions.simulated(on: disk)
        options.maximumSessions = 16
        options.backgroundWriter = nil
        options.automaticCheckpoints = nil
        return options
    }

    private static func makeRelations(_ engine: Engine) throws {
        let session = try engine.makeSession()
        defer { session.close() }
        let targets = (0..<count).map {
            LoadTarget(relation: name($0), schema: TestStore.schema)
        }
        try engine.createRelations(targets, session: session)
        // A first row, so that the next one fills up a page.
        for target in targets { try append(0, to: target.relation, engine, session) }
    }

    private static func append(
        _ value: Int64, to name: String, _ engine: Engine, _ session: Session
    ) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: name, mode: .append), session: session)
        try SingleRows.place(value, load)
        try load.commit(rowCount: 1)
    }

    /// Appends a row to each relation at the same moment: all commits wait before one is made.
    ///
    /// - Parameter whenWaiting: called at that moment.
    /// - Returns: the error of each; nil if it was acknowledged.
    private static func appendTogether(
        _ value: Int64, _ engine: Engine, whenWaiting: @Sendable () throws -> Void = {},
        last: @escaping @Sendable (Engine, Session) throws -> Void = { _, _ in }
    ) throws -> [StorageError?] {
        let ready = Lock(0, rank: .observer)
        let mayCommit = Lock(false, rank: .observer)
        let thread = TestThreads.beside {
            try TestThreads.run(count + 1) { index -> StorageError? in
                let session = try engine.makeSession()
                defer { session.close() }
                var load: PendingLoad?
                if index < count {
                    load = try engine.beginLoad(
                        LoadTarget(relation: name(index), mode: .append), session: session)
                    try load.map { try SingleRows.place(value, $0) }
                }
                ready.withLock { $0 += 1 }
                while !mayCommit.withLock({ $0 }) { sched_yield() }
                do {
                    if let load { try load.commit(rowCount: 1) } else { try last(engine, session) }
                    return nil
                } catch let error as StorageError { return error }
            }
        }
        try TestThreads.waitOrFail("all rows are placed") { ready.withLock { $0 } == count + 1 }
        try engine.changes.withLock { _ in
            mayCommit.withLock { $0 = true }
            try TestThreads.waitOrFail("all commits wait") {
                engine.waitingChanges.waitingCount >= count
            }
            try whenWaiting()
        }
        return try thread.join()
    }

    /// The rows of each relation.
    private static func rows(_ engine: Engine) throws -> [[Int64]] {
        let session = try engine.makeSession()
        defer { session.close() }
        let findings = try SingleRows.findings(engine, session)
        #expect(findings.isEmpty)
        return try (0..<count).map { index in
            try SingleRows.values(engine.relation(named: name(index)), session)
        }
    }

    private static func generation(_ engine: Engine) -> UInt64 {
        engine.state.withLock { $0.catalog.generation }
    }

    @Test(arguments: IOMethodMatrix.all)
    func commitsShareAStep(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.maximumSessions = 16 }
        try Self.makeRelations(engine)
        let before = Self.generation(engine)
        let errors = try Self.appendTogether(1, engine)
        #expect(errors.allSatisfy { $0 == nil })
        #expect(Self.generation(engine) == before + 1)
        let rows = try Self.rows(engine)
        #expect(rows == Array(repeating: [0, 1], count: Self.count))
        try engine.close()
        try store.with { engine, _ in
            let rows = try Self.rows(engine)
            #expect(rows == Array(repeating: [0, 1], count: Self.count))
        }
    }

    @Test func whatFailsByItselfLeavesTheOthers() throws {
        let engine = try Engine.open("/", options: Self.options(SimulatedDisk()))
        try Self.makeRelations(engine)
        let errors = try Self.appendTogether(
            1, engine, last: { try $0.dropRelation(named: "missing", session: $1) })
        #expect(errors.dropLast().allSatisfy { $0 == nil })
        #expect(errors.last??.code == .notFound)
        let rows = try Self.rows(engine)
        #expect(rows == Array(repeating: [0, 1], count: Self.count))
        try engine.close()
    }

    @Test("An error of the step is that of all who share it, and they can try again")
    func fullDisk() throws {
        let disk = SimulatedDisk()
        let engine = try Engine.open("/", options: Self.options(disk))
        try Self.makeRelations(engine)
        let errors = try Self.appendTogether(1, engine) {
            disk.fail(call: 1, of: [.write], with: ENOSPC)
        }
        #expect(errors.dropLast().allSatisfy { $0?.errorNumber == ENOSPC })
        let rows = try Self.rows(engine)
        #expect(rows == Array(repeating: [0], count: Self.count))
        let session = try engine.makeSession()
        for index in 0..<Self.count {
            try Self.append(2, to: Self.name(index), engine, session)
        }
        session.close()
        let more = try Self.rows(engine)
        #expect(more == Array(repeating: [0, 2], count: Self.count))
        try engine.close()
    }

    @Test("A failed sync is told to all, of the file and of its name", arguments: [1, 2])
    func failedSync(_ call: Int) throws {
        let disk = SimulatedDisk()
        let engine = try Engine.open("/", options: Self.options(disk))
        try Self.makeRelations(engine)
        let errors = try Self.appendTogether(1, engine) {
            disk.fail(call: call, of: [.sync], with: EIO)
        }
        #expect(errors.dropLast().allSatisfy { $0?.isFinalSyncFailure == true })
        let session = try engine.makeSession()
        #expect(throws: StorageError.self) { try Self.append(2, to: "t0", engine, session) }
        session.close()
        let found = try Self.rowsAfter(disk.crash(seed: IOMethodMatrix.seed))
        #expect(found == [[0]] || found == [[0, 1]])
    }

    /// The different contents of the relations that another process finds.
    private static func rowsAfter(_ disk: SimulatedDisk) throws -> Set<[Int64]> {
        let engine = try Engine.open("/", options: options(disk))
        let found = Set(try rows(engine))
        try engine.close()
        return found
    }

    @Test("Power cuts at every call of a shared step leave all of it or nothing")
    func powerCuts() throws {
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 22)
        var outcomes: Set<[Int64]> = []
        for cut in 1... {
            let disk = SimulatedDisk()
            let engine = try Engine.open("/", options: Self.options(disk))
            try Self.makeRelations(engine)
            let errors = try Self.appendTogether(1, engine) {
                disk.cutPower(afterCalls: disk.changeCount + cut)
            }
            let isWhole = !disk.isWithoutPower
            let found = try Self.rowsAfter(disk.crash(seed: random.next()))
            #expect(found.count == 1, "cut \(cut): \(found)")
            // What one thread was told holds for all.
            if errors.dropLast().contains(where: { $0 == nil }) {
                #expect(found == [[0, 1]], "cut \(cut)")
            }
            outcomes.formUnion(found)
            if isWhole { break }
        }
        #expect(outcomes == [[0], [0, 1]])
    }
}
