import StorageTesting
import Strata
import Testing

/// Relations come and go.
@Suite struct DropTests {
    @Test(arguments: IOMethodMatrix.all)
    func aDroppedRelationLeavesNothing(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            try engine.load("t", 40, mark: 1, session)
            try engine.load("u", 2, mark: 2, session)
            try engine.dropRelation(named: "t", session: session)
            #expect(engine.relations.map(\.name) == ["u"])
            // Its space is freed at once, its files are removed at the checkpoint.
            #expect(try store.relationFiles() == ["16385"])
            #expect(names(in: store.path + "/base/1").contains("16384"))
            try engine.checkpoint(session)
            let files = names(in: store.path + "/base/1")
            #expect(!files.contains { $0.hasPrefix("16384") })
            expectError(.notFound) { _ = try engine.relation(named: "t") }
            expectError(.notFound) { try engine.dropRelation(named: "t", session: session) }
            // The name is free, but the number is not reused.
            let again = try engine.load("t", 3, mark: 3, session)
            #expect(again.locator.number > 16385)
            #expect(try again.marks(session) == [3, 3, 3])
        }
        try store.with { engine, _ in
            #expect(engine.recovery.actions.isEmpty)
            #expect(engine.relations.map(\.name) == ["t", "u"])
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func whoReadsADroppedRelationGoesOnReading(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open()
        let session = try engine.makeSession()
        try engine.load("t", 100, mark: 1, session)
        do {
            let relation = try engine.relation(named: "t")
            try engine.dropRelation(named: "t", session: session)
            try engine.load("t", 3, mark: 2, session)
            #expect(try relation.marks(session) == Array(repeating: 1, count: 100))
            // A crash now: the next opening removes the files that nothing names any more.
            try copyTree(store.path, store.other)
        }
        try engine.checkpoint(session)
        #expect(try store.relationFiles().count == 1)

        #expect(try store.relationFiles(store.other).count > 1)
        let copy = try Engine.open(store.other, options: store.options)
        #expect(copy.recovery.actions.count == 1)
        #expect(try store.relationFiles(store.other).count == 1)
        let other = try copy.makeSession()
        #expect(try copy.relation(named: "t").marks(other) == [2, 2, 2])
    }

    @Test(arguments: IOMethodMatrix.all)
    func aDropWhileOthersReadWaitsForThem(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open()
        do {
            let session = try engine.makeSession()
            try engine.load("t", 60, mark: 1, session)
        }
        // Threads read the present `t` while it is repeatedly replaced and dropped.
        try TestThreads.run(3) { index in
            let session = try engine.makeSession()
            for round in 0..<30 {
                if index == 0 {
                    let mark = UInt8(round % 5)
                    try engine.load("t", 20 + round, mark: mark, session, mode: .replace)
                    if round % 7 == 3 { try engine.dropRelation(named: "t", session: session) }
                } else {
                    guard let relation = try? engine.relation(named: "t") else { continue }
                    let marks = try relation.marks(session)
                    #expect(Set(marks).count == 1)
                    #expect(marks.count == Int(relation.blockCount))
                }
            }
        }
        let session = try engine.makeSession()
        try engine.checkpoint(session)
        try engine.checkpoint(session)
        let kept = engine.description(of: "t").map { "\($0.locator.number)" } ?? "none"
        let files = names(in: store.path + "/base/1")
        #expect(files.allSatisfy { $0 == kept || $0.hasPrefix(kept + ".") })
        engine.buffers.checkInvariants()
    }

    @Test func strangersStayHoweverOftenTheStoreIsOpened() throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("t", 2, mark: 1, session)
            try engine.load("u", 2, mark: 1, session)
            try engine.dropRelation(named: "u", session: session)
        }
        let base = store.path + "/base/1/"
        let strange = [
            "16385", "16385.1", "16385_fsm", "16386", "20000", "notes.txt", "t2_16384",
        ]
        for name in strange { try writeFile(base + name, [1, 2, 3]) }
        for _ in 0..<2 {
            try store.with { engine, _ in
                #expect(engine.recovery.actions.count == strange.count)
                #expect(names(in: base) == ["16384"] + strange)
                #expect(store.log.contains("16385_fsm"))
            }
        }
        try store.with { engine, session in
            // The number of an existing file is not given out.
            let next = try engine.load("v", 1, mark: 1, session).locator.number
            #expect(next > 16384 && !strange.contains("\(next)"))
        }
    }

    @Test func anEmptyRelationIsARelation() throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.createRelation(
                LoadTarget(relation: "t", schema: TestStore.schema), session: session)
            expectError(.alreadyExists) {
                try engine.createRelation(LoadTarget(relation: "t"), session: session)
            }
        }
        try store.with { engine, session in
            #expect(try engine.relation(named: "t").blockCount == 0)
            try engine.load("t", 1, mark: 4, session, mode: .append)
            #expect(try engine.relation(named: "t").marks(session) == [4])
        }
    }
}
