import StorageTesting
import Strata
import Testing

/// Loads count as a whole or not at all.
@Suite struct LoadTests {
    @Test(arguments: IOMethodMatrix.all)
    func committedPagesAreThereAfterReopening(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            #expect(engine.recovery.isNewStore)
            let relation = try engine.load("t", 150, mark: 7, session)
            #expect(try relation.marks(session) == Array(repeating: 7, count: 150))
            #expect(relation.rowCount == 150)
        }
        try store.with { engine, session in
            #expect(engine.recovery.endedCleanly && engine.recovery.actions.isEmpty)
            let relation = try engine.relation(named: "t")
            #expect(relation.blockCount == 150)
            #expect(relation.schema == TestStore.schema)
            #expect(
                try relation.marks(session, scanning: false) == Array(repeating: 7, count: 150))
            #expect(try relation.marks(session) == Array(repeating: 7, count: 150))
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func appendedPagesFollowTheOldOnes(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            try engine.load("t", 10, mark: 1, session)
            let before = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try load.add(90, mark: 2)
            #expect(before.blockCount == 10, "readers see the old end")
            #expect(try engine.relation(named: "t").marks(session).count == 10)
            expectError(.notFound) { _ = try before.page(10, session: session) }
            try load.commit(rowCount: 90)
            #expect(before.blockCount == 100)
            #expect(engine.description(of: "t")?.rowCount == 100)
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: 1, count: 10) + Array(repeating: 2, count: 90))
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func replacedPagesStayReadableForWhoHasThem(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            var old: Relation? = try engine.load("t", 20, mark: 1, session)
            try engine.load("t", 5, mark: 2, session, mode: .replace)
            #expect(try engine.relation(named: "t").marks(session) == [2, 2, 2, 2, 2])
            #expect(try old?.marks(session) == Array(repeating: 1, count: 20))
            let number = try #require(old?.locator.number)
            #expect(try store.relationFiles().contains("\(number)"))
            old = nil
            try engine.checkpoint(session)
            #expect(try !store.relationFiles().contains { $0.hasPrefix("\(number)") })
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func abortedAndDroppedLoadsLeaveNothing(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            try engine.load("t", 10, mark: 1, session)
            let files = try store.relationFiles()
            for mode in [LoadTarget.Mode.append, .replace] {
                do {
                    let load = try engine.beginLoad(
                        LoadTarget(relation: "t", mode: mode), session: session)
                    try load.add(100, mark: 2)
                    if mode == .append { load.abort() }
                }
                #expect(try store.relationFiles() == files)
                #expect(try engine.relation(named: "t").marks(session).count == 10)
            }
            let new = try engine.beginLoad(LoadTarget(relation: "new"), session: session)
            try new.add(3, mark: 3)
            expectError(.notFound) { _ = try engine.relation(named: "new") }
            new.abort()
            new.abort()
            expectError(.closed) { _ = try new.nextPage() }
            expectError(.closed) { try new.commit() }
            #expect(try store.relationFiles() == files)
            // Another load can start again.
            try engine.load("t", 2, mark: 4, session, mode: .append)
            try engine.load("new", 2, mark: 5, session)
        }
        #expect(store.log.count(containing: "next") == 0)
    }

    @Test(arguments: IOMethodMatrix.all)
    func aCrashDuringLoadsLeavesTheStoreAsItWas(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open()
        let (one, two, three) = try (
            engine.makeSession(), engine.makeSession(), engine.makeSession()
        )
        try engine.load("t", 10, mark: 1, one)
        try engine.load("u", 10, mark: 2, one)
        let appending = try engine.beginLoad(
            LoadTarget(relation: "t", mode: .append), session: one)
        let replacing = try engine.beginLoad(
            LoadTarget(relation: "u", mode: .replace), session: two)
        let creating = try engine.beginLoad(LoadTarget(relation: "v"), session: three)
        for load in [appending, replacing, creating] {
            try load.add(100, mark: 9)
            try engine.buffers.flushAll(session: load.session)
        }
        try copyTree(store.path, store.other)

        var options = store.options
        options.logger = store.log.logger()
        let copy = try Engine.open(store.other, options: options)
        #expect(copy.recovery.actions.count == 3)
        #expect(
            copy.recovery.actions.contains { action in
                if case .truncated("t", _, to: 10) = action { true } else { false }
            })
        #expect(store.log.contains("cut relation \"t\""))
        let session = try copy.makeSession()
        #expect(copy.relations.map(\.name) == ["t", "u"])
        #expect(
            try copy.relation(named: "t").marks(session) == Array(repeating: 1, count: 10))
        #expect(
            try copy.relation(named: "u").marks(session) == Array(repeating: 2, count: 10))
        #expect(try store.relationFiles(store.other).count == 4, "two files of two segments")
        session.close()
        try copy.close()
        let again = try Engine.open(store.other, options: options)
        #expect(again.recovery.actions.isEmpty)
    }

    @Test func aLoadHasTheRelationForItself() throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try engine.load("t", 3, mark: 1, session)
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            expectError(.relationBusy) {
                _ = try engine.beginLoad(
                    LoadTarget(relation: "t", mode: .replace), session: session)
            }
            expectError(.relationBusy) { try engine.dropRelation(named: "t", session: session) }
            expectError(.relationBusy) { _ = try relation.extend(session: session) }
            load.abort()
            _ = try relation.extend(session: session)
        }
    }

    @Test func targetsThatCannotBeAreRefused() throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("t", 3, mark: 1, session)
            let before = try store.relationFiles()
            func begin(_ target: LoadTarget) throws {
                _ = try engine.beginLoad(target, session: session)
            }
            expectError(.alreadyExists) { try begin(LoadTarget(relation: "t")) }
            expectError(.notFound) { try begin(LoadTarget(relation: "x", mode: .append)) }
            for name in ["", "a\nb", String(repeating: "x", count: 64), "\u{7F}"] {
                expectError(.invalidName) { try begin(LoadTarget(relation: name)) }
            }
            expectError(.misuse) {
                try begin(
                    LoadTarget(
                        relation: "t", schema: try Schema(parsing: "a text"), mode: .append))
            }
            expectError(.unknownStorageManager) {
                try begin(LoadTarget(relation: "x", managerName: "papyrus"))
            }
            #expect(try store.relationFiles() == before)
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func extensionsAreDurableAfterACheckpointAndGoWithACrash(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open()
        let session = try engine.makeSession()
        let relation = try engine.load("t", 3, mark: 1, session)
        _ = try relation.extend(by: 2, session: session)
        #expect(relation.blockCount == 5)
        try engine.checkpoint(session)
        _ = try relation.extend(by: 2, session: session)
        try copyTree(store.path, store.other)
        let copy = try Engine.open(store.other, options: store.options)
        let other = try copy.makeSession()
        #expect(try copy.relation(named: "t").blockCount == 5)
        // What the crash left behind the end is removed before the relation grows.
        try copy.load("t", 1, mark: 6, other, mode: .append)
        #expect(try copy.relation(named: "t").blockCount == 6)
        let page = try copy.relation(named: "t").page(5, session: other)
        #expect(page.withView { !$0.isNew })
    }
}

extension RecoveryReport {
    static var nothing: RecoveryReport { RecoveryReport() }
}
