import StorageTesting
import Strata
import Testing

/// Relations get other names.
@Suite struct RenameTests {
    @Test(arguments: IOMethodMatrix.all, ["magnetic", "compressed", "memory"])
    func onlyTheNameChanges(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            let relation = try engine.load("old", 20, mark: 1, session, manager: manager)
            let before = try #require(engine.description(of: "old"))
            var pages = relation.scan(session: session)
            #expect(try pages.next()?.block == 0)
            try engine.renameRelation("old", to: "new", session: session)
            #expect(relation.name == "new")
            #expect(engine.relations.map(\.name) == ["new"])
            #expect(engine.description(of: "old") == nil)
            let after = try #require(engine.description(of: "new"))
            #expect(after.locator == before.locator && after.rowCount == 20)
            // What was open goes on.
            var rest = 1
            while try pages.next() != nil { rest += 1 }
            #expect(rest == 20)
            #expect(try relation.marks(session) == Array(repeating: 1, count: 20))
            try engine.load("new", 3, mark: 2, session, mode: .append)
            #expect(relation.rowCount == 23 && relation.blockCount == 23)
            _ = try relation.extend(session: session)
            try engine.checkpoint(session)
            #expect(engine.description(of: "new")?.blockCount == 24)
            // The old name is free.
            try engine.load("old", 2, mark: 3, session, manager: manager)
        }
        if manager == "memory" { return }
        try store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            #expect(engine.relations.map(\.name) == ["new", "old"])
            #expect(try engine.relation(named: "old").marks(session) == [3, 3])
            try engine.dropRelation(named: "new", session: session)
        }
    }

    @Test func namesAreChecked() throws {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("a", 1, mark: 1, session)
            try engine.load("b", 1, mark: 1, session)
            func rename(_ name: String, _ new: String) throws {
                try engine.renameRelation(name, to: new, session: session)
            }
            expectError(.notFound) { try rename("x", "y") }
            expectError(.alreadyExists) { try rename("a", "b") }
            expectError(.alreadyExists) { try rename("a", "a") }
            for name in ["", "a\nb", String(repeating: "n", count: 64)] {
                expectError(.invalidName) { try rename("a", name) }
            }
            let load = try engine.beginLoad(
                LoadTarget(relation: "a", mode: .append), session: session)
            expectError(.relationBusy) { try rename("a", "c") }
            expectError(.relationBusy) { try rename("b", "a") }
            load.abort()
            try rename("a", "c")
            #expect(engine.relations.map(\.name) == ["b", "c"])
        }
        var options = store.options
        options.access = .readOnly
        let engine = try Engine.open(store.path, options: options)
        let session = try engine.makeSession()
        expectError(.storeReadOnly) {
            try engine.renameRelation("b", to: "d", session: session)
        }
        session.close()
        try engine.close()
    }

    /// The toast relation stays with its owner, for objects that were open before as well.
    @Test(arguments: ["magnetic", "compressed"]) func valuesStay(_ manager: String) throws {
        let store = TestStore()
        try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: "old", schema: TestStore.schema, managerName: manager),
                session: session)
            try load.add(2, mark: 1)
            let values = try load.beginToast()
            try values.add(3, mark: 2)
            load.toastRowCount = 3
            let relation = try load.commit(rowCount: 2)
            let toast = try #require(engine.description(of: "old")?.toastRelation)
            expectError(.misuse) {
                try engine.renameRelation(toast, to: "t", session: session)
            }
            try engine.renameRelation("old", to: "new", session: session)
            #expect(try relation.toast()?.blockCount == 3)
            #expect(engine.description(of: toast)?.toastOwner == "new")
        }
        try store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            #expect(try engine.relation(named: "new").toast()?.blockCount == 3)
            let more = try engine.beginLoad(
                LoadTarget(relation: "new", mode: .append), session: session)
            try more.beginToast().add(1, mark: 4)
            try more.commit()
            try engine.dropRelation(named: "new", session: session)
            #expect(engine.relations.isEmpty)
        }
    }

    /// A rename in the middle of a checkpoint: what the checkpoint counts, it counts under the new
    /// name.
    @Test func besideACheckpoint() throws {
        let store = TestStore()
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("old", 5, mark: 1, session)
            var added = relation.blockCount
            while added < 9 {
                added += UInt32(try relation.extend(by: 4, session: session).count)
            }
            for block: UInt32 in 5..<added {
                try relation.page(BlockNumber(block), session: session).fill(2)
            }
            let checkpoint = try engine.beginCheckpoint(session)
            try checkpoint.step(pages: 1)
            try engine.renameRelation("old", to: "new", session: session)
            while try checkpoint.step() {}
            session.close()
        }
        try store.with { engine, session in
            #expect(!engine.recovery.endedCleanly)
            let relation = try engine.relation(named: "new")
            #expect(relation.blockCount >= 9 && relation.rowCount == nil)
            #expect(try relation.marks(session).prefix(6) == [1, 1, 1, 1, 1, 2])
        }
    }

    /// The row count goes, under whatever name, before a changed page is written.
    @Test func theRowCountIsTakenBack() throws {
        let store = TestStore()
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("old", 5, mark: 1, session)
            try relation.page(2, session: session).fill(2, rows: 7)
            try engine.renameRelation("old", to: "new", session: session)
            #expect(engine.description(of: "new")?.rowCount == 5)
            try engine.buffers.flushAll(session: session)
            #expect(engine.description(of: "new")?.rowCount == nil)
            session.close()
        }
        try store.with { engine, _ in
            #expect(engine.description(of: "new")?.rowCount == nil)
        }
    }

    /// A power cut at every call: there is the old name or the new one, never both, never none.
    @Test func powerCuts() throws {
        var names: Set<String> = []
        var (cut, isDone) = (0, false)
        while !isDone {
            let disk = SimulatedDisk()
            let store = SimulatedStore(disk)
            let engine = try store.open()
            let session = try engine.makeSession()
            try engine.load("old", 4, mark: 1, session)
            let before = disk.changeCount
            disk.cutPower(afterCalls: before + cut)
            do {
                try engine.renameRelation("old", to: "new", session: session)
                isDone = disk.changeCount < before + cut
            } catch { #expect(disk.isWithoutPower) }
            let next = try SimulatedStore(disk.crash(seed: UInt64(cut))).open()
            let reader = try next.makeSession()
            let found = try #require(next.relations.first?.name)
            #expect(next.relations.count == 1)
            #expect(!isDone || found == "new")
            names.insert(found)
            #expect(try next.relation(named: found).marks(reader) == [1, 1, 1, 1])
            cut += 1
        }
        #expect(names == ["old", "new"])
    }
}

/// Opens stores on a simulated disk.
struct SimulatedStore {
    let disk: SimulatedDisk

    init(_ disk: SimulatedDisk) { self.disk = disk }

    func open(_ change: (inout EngineOptions) -> Void = { _ in }) throws -> Engine {
        var options = EngineOptions.simulated(on: disk)
        options.createdSegmentBlocks = 8
        options.compressedDisk.properties.chunkBytes = 4 * blockSize
        options.compressedDisk.compactsByItself = false
        change(&options)
        return try Engine.open("/", options: options)
    }
}
