import StorageTesting
import Strata
import Testing
import Threads

/// Many changes in one durable step: all of them or none.
@Suite struct TogetherTests {
    private func targets(_ names: [String]) -> [LoadTarget] {
        names.map { LoadTarget(relation: $0, schema: TestStore.schema) }
    }

    @Test(arguments: IOMethodMatrix.all)
    func loadsCommitTogether(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let names = (0..<9).map { "t\($0)" }
        let engine = try store.open()
        let session = try engine.makeSession()
        try engine.load("old", 2, mark: 9, session)
        try engine.load("t3", 2, mark: 9, session)
        var all = targets(names)
        all[3].mode = .replace
        all.append(LoadTarget(relation: "old", mode: .append))
        let loads = try engine.beginLoads(all, session: session)
        #expect(loads.map(\.target.relation) == names + ["old"])
        // Pages come in turns.
        for count in 1...3 {
            for load in loads { try load.add(1, mark: UInt8(count)) }
        }
        #expect(engine.relations.map(\.name) == ["old", "t3"])
        try copyTree(store.path, store.other)
        let copy = try Engine.open(store.other, options: store.options)
        let other = try copy.makeSession()
        #expect(copy.relations.map(\.name) == ["old", "t3"])
        #expect(try copy.relation(named: "old").marks(other) == [9, 9])
        other.close()
        try copy.close()
        let relations = try engine.commit(loads, rowCounts: loads.map { _ in 3 })
        #expect(relations.map(\.name) == names + ["old"])
        for name in names {
            #expect(try engine.relation(named: name).marks(session) == [1, 2, 3])
            #expect(engine.description(of: name)?.rowCount == 3)
        }
        #expect(engine.description(of: "old")?.rowCount == 5)
        #expect(try engine.verify(session: session).findings == 0)
        session.close()
        try engine.close()
        try store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            let marks = try engine.relation(named: "old").marks(session)
            #expect(marks == [9, 9, 1, 2, 3])
        }
    }

    @Test func ofLoadsThatCannotAllBeginNoneDoes() throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("t", 1, mark: 1, session)
            func begin(_ names: [String], _ code: StorageError.Code) {
                expectError(code) { _ = try engine.beginLoads(targets(names), session: session) }
            }
            begin(["a", "t", "b"], .alreadyExists)
            begin(["a", "a"], .relationBusy)
            begin(["a", ""], .invalidName)
            var mixed = targets(["a", "b"])
            mixed[1].mode = .append
            expectError(.notFound) { _ = try engine.beginLoads(mixed, session: session) }
            mixed[1] = LoadTarget(relation: "b", managerName: "absent")
            expectError(.unknownStorageManager) {
                _ = try engine.beginLoads(mixed, session: session)
            }
            mixed[1] = LoadTarget(relation: "b", managerOptions: ["absent": "1"])
            expectError(.invalidConfiguration) {
                _ = try engine.beginLoads(mixed, session: session)
            }
            #expect(try engine.beginLoads([], session: session).isEmpty)
            #expect(try engine.commit([]).isEmpty)
            // Nothing stays reserved, or on disk.
            #expect(names(in: store.path + "/base/1") == ["16384"])
            try engine.createRelations(targets(["a", "b"]), session: session)
            #expect(engine.relations.map(\.name) == ["a", "b", "t"])
            #expect(engine.description(of: "a")?.rowCount == 0)
        }
    }

    @Test func onlyLoadsOfOneSessionCommitTogether() throws {
        let store = TestStore()
        let engine = try store.open()
        let (one, two) = (try engine.makeSession(), try engine.makeSession())
        let first = try engine.beginLoad(targets(["a"])[0], session: one)
        let second = try engine.beginLoad(targets(["b"])[0], session: two)
        expectError(.misuse) { try engine.commit([first, second]) }
        expectError(.misuse) { try engine.commit([first, first]) }
        expectError(.misuse) { try engine.commit([first], rowCounts: [1, 2]) }
        try first.add(1, mark: 1)
        try engine.commit([first])
        let third = try engine.beginLoad(targets(["c"])[0], session: two)
        third.abort()
        // A load that has ended spoils nothing for the others.
        expectError(.closed) { try engine.commit([second, third]) }
        try second.commit()
        #expect(engine.relations.map(\.name) == ["a", "b"])
    }

    @Test func relationsAreDroppedTogether() throws {
        let store = TestStore()
        try store.with { engine, session in
            for name in ["a", "b", "c"] { try engine.load(name, 2, mark: 1, session) }
            expectError(.notFound) {
                try engine.dropRelations(named: ["a", "x", "b"], session: session)
            }
            expectError(.relationBusy) {
                try engine.dropRelations(named: ["a", "a"], session: session)
            }
            #expect(engine.relations.count == 3)
            try engine.dropRelations(named: ["a", "c"], session: session)
            #expect(engine.relations.map(\.name) == ["b"])
            #expect(try store.relationFiles() == ["16385"])
            try engine.dropRelations(named: [], session: session)
        }
    }

    /// The disk fails while they are committed: none counts.
    @Test(arguments: 1...4)
    func afterAFailureNoneCounts(_ occurrence: Int) throws {
        let store = TestStore(TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless))
        let engine = try store.open { $0.backgroundWriter = nil }
        let session = try engine.makeSession()
        let method = try #require(SimulatedMethod.of(engine.system))
        let loads = try engine.beginLoads(targets(["a", "b", "c", "d"]), session: session)
        for load in loads { try load.add(1, mark: 1) }
        method.inject(ScheduledFault(.error(ENOSPC), on: .write, occurrence: occurrence))
        #expect(throws: StorageError.self) { try engine.commit(loads) }
        #expect(engine.relations.isEmpty)
        try engine.checkpoint(session)
        #expect(names(in: store.path + "/base/1").isEmpty)
        try engine.createRelations(targets(["a", "b"]), session: session)
    }
}
