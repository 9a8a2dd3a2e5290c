import StorageTesting
import Testing
import Threads

@testable import Strata

/// Appends that fill up the last page.
@Suite("Filled-up last pages") struct FillingTests {
    private func create(
        _ engine: Engine, _ session: Session, manager: String = "magnetic", rows: Int64 = 0
    ) throws {
        try engine.createRelation(
            LoadTarget(relation: "t", schema: TestStore.schema, managerName: manager),
            session: session)
        for value in 0..<rows { try SingleRows.append(value, engine, session) }
    }

    @Test("Single rows share pages", arguments: RowCountTests.kinds)
    func singleRows(_ kind: RowCountTests.Kind) throws {
        let store = TestStore(kind.method)
        let rows: Int64 = 500
        try store.with { engine, session in
            try create(engine, session, manager: kind.manager, rows: rows)
            let relation = try engine.relation(named: "t")
            #expect(try SingleRows.values(relation, session) == Array(0..<rows))
            #expect(relation.rowCount == UInt64(rows) && relation.extent.isRowCountExact)
            // Compressed pages are not journalled, so each append begins a page.
            let isFilled = kind.manager != "compressed"
            #expect(relation.blockCount == (isFilled ? 3 : UInt32(rows)))
            #expect(try SingleRows.findings(engine, session).isEmpty)
        }
        if kind.manager == "memory" { return }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(try SingleRows.values(relation, session) == Array(0..<rows))
            #expect(try SingleRows.findings(engine, session).isEmpty)
        }
    }

    @Test("Readers see the page as it was until the commit, and after an abort")
    func aborts() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 3)
            let relation = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try SingleRows.place(7, load)
            #expect(try SingleRows.values(relation, session) == [0, 1, 2])
            load.abort()
            #expect(try SingleRows.values(relation, session) == [0, 1, 2])
            try SingleRows.append(3, engine, session)
            #expect(try SingleRows.values(relation, session) == [0, 1, 2, 3])
            expectError(.closed) { _ = try load.lastPage() }
        }
    }

    @Test("Without a journal, each append begins a page")
    func withoutJournal() throws {
        let store = TestStore()
        let engine = try store.open { $0.tornPageProtection = .none }
        let session = try engine.makeSession()
        try create(engine, session, rows: 5)
        #expect(try engine.relation(named: "t").blockCount == 5)
        session.close()
        try engine.close()
    }

    @Test("New relations, and those without pages, have no last page")
    func noLastPage() throws {
        try TestStore().with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", schema: TestStore.schema), session: session)
            let last = try load.lastPage()
            #expect(last == nil)
            try load.commit(rowCount: 0)
            let append = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            let none = try append.lastPage()
            #expect(none == nil)
        }
    }

    @Test("A page that is changed by other means meanwhile is not replaced")
    func conflicts() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 3)
            let relation = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try SingleRows.place(7, load)
            try relation.page(BlockNumber(0), session: session).withEditor { editor in
                _ = try SingleRows.place(8, &editor, 0)
            }
            let error = expectError(.relationBusy) { try load.commit(rowCount: 1) }
            #expect(error?.location.block == 0 && error?.remedy != nil)
            #expect(try SingleRows.values(relation, session) == [0, 1, 2, 8])
            try SingleRows.append(9, engine, session)
            #expect(try SingleRows.values(relation, session) == [0, 1, 2, 8, 9])
            #expect(relation.rowCount == nil)
            #expect(try SingleRows.findings(engine, session).isEmpty)
        }
    }

    @Test("A thread that is changing the last page cannot commit")
    func ownLock() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 1)
            let relation = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try SingleRows.place(1, load)
            let page = try relation.page(BlockNumber(0), session: session)
            page.withEditor(dirtying: false) { _ in
                _ = expectError(.pageInUse) { try load.commit(rowCount: 1) }
            }
            page.release()
            #expect(try SingleRows.values(relation, session) == [0])
        }
    }

    @Test("A damaged last page stays as it is")
    func damage() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 3)
            let relation = try engine.relation(named: "t")
            _ = try engine.buffers.evict(relation.open, session: session)
            let path = "\(engine.directory)/base/1/\(relation.locator.number)"
            var bytes = try readFile(path)
            bytes[8100] ^= 1
            try writeFile(path, bytes)
            try SingleRows.append(3, engine, session)
            #expect(relation.blockCount == 2 && relation.rowCount == 4)
            expectError(.invalidPage) { _ = try SingleRows.values(relation, session) }
            #expect(try SingleRows.findings(engine, session).count == 1)
        }
    }

    @Test("A page that left the pool meanwhile is the same page")
    func eviction() throws {
        try TestStore().with { engine, session in
            try engine.createRelation(
                LoadTarget(relation: "t", schema: TestStore.schema), session: session)
            // New pages have no checksum in the pool.
            try SingleRows.append(0, engine, session)
            let relation = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try SingleRows.place(1, load)
            let count = try engine.buffers.evict(relation.open, session: session)
            #expect(count.evicted == 1)
            try load.commit(rowCount: 1)
            #expect(try SingleRows.values(relation, session) == [0, 1])
        }
    }

    @Test("An append that adds nothing changes nothing")
    func nothing() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 2)
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            let last = try #require(try load.lastPage())
            last.withEditor { _ in }
            try load.commit(rowCount: 0)
            let relation = try engine.relation(named: "t")
            #expect(try SingleRows.values(relation, session) == [0, 1])
            #expect(
                engine.state.withLock { $0.catalog.relations["t"]?.fillCount } == 1,
                "the second row filled the page up, and nothing else has")
        }
    }

    @Test("A scan that meets rows which came meanwhile is no damage")
    func scans() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 3)
            let relation = try engine.relation(named: "t")
            let before = relation.extent
            try SingleRows.append(3, engine, session)
            try relation.checkRowCount(3, of: before)
            try relation.checkRowCount(4, of: before)
            expectError(.relationDamaged) { try relation.checkRowCount(5, of: before) }
            expectError(.relationDamaged) { try relation.checkRowCount(2, of: before) }
        }
    }

    @Test("Rows and new pages of one append count together, with values out of line")
    func pagesToo() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 2)
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try SingleRows.place(2, load)
            let page = try load.nextPage()
            try page.withEditor { editor in
                editor.initialize()
                _ = try SingleRows.place(3, &editor, 1)
            }
            page.release()
            try load.commit(rowCount: 2)
            let relation = try engine.relation(named: "t")
            #expect(try SingleRows.values(relation, session) == [0, 1, 2, 3])
        }
    }

    @Test("What the disk has when the process dies, in every order")
    func processDeath() throws {
        let store = TestStore()
        let engine = try store.open()
        let session = try engine.makeSession()
        try create(engine, session, rows: 3)
        let relation = try engine.relation(named: "t")
        let path = "base/1/\(relation.locator.number)"
        let old = try readFile("\(store.path)/\(path)")
        let load = try engine.beginLoad(LoadTarget(relation: "t", mode: .append), session: session)
        try SingleRows.place(3, load)
        // The copy is kept, and does not count yet.
        try engine.prepareFilling([load])
        try copyTree(store.path, store.other)
        try Self.expectRows([0, 1, 2], in: store.other, store)
        engine.releaseFilling([load], hasFailed: true)
        load.abort()
        // Its number must not count for another version.
        try SingleRows.append(4, engine, session)
        #expect(try SingleRows.values(relation, session) == [0, 1, 2, 4])
        #expect(relation.blockCount == 2)
        let later = store.other + "-later"
        try copyTree(store.path, later)
        session.close()
        try engine.close()
        try writeFile("\(later)/\(path)", old + readFile("\(later)/\(path)")[8192...])
        try Self.expectRows([0, 1, 2, 4], in: later, store)
    }

    @Test("The journal brings back a version that has not reached its place")
    func replay() throws {
        let store = TestStore()
        let engine = try store.open()
        let session = try engine.makeSession()
        try create(engine, session, rows: 3)
        let relation = try engine.relation(named: "t")
        try engine.checkpoint(session)
        let path = "base/1/\(relation.locator.number)"
        let old = try readFile("\(store.path)/\(path)")
        for value in 3..<6 as Range<Int64> { try SingleRows.append(value, engine, session) }
        try copyTree(store.path, store.other)
        session.close()
        try engine.close()
        try writeFile("\(store.other)/\(path)", old)
        try Self.expectRows([0, 1, 2, 3, 4, 5], in: store.other, store)
    }

    private static func expectRows(_ rows: [Int64], in path: String, _ store: TestStore) throws {
        let engine = try Engine.open(path, options: store.options)
        let session = try engine.makeSession()
        #expect(try SingleRows.values(engine.relation(named: "t"), session) == rows)
        #expect(try SingleRows.findings(engine, session).isEmpty)
        session.close()
        try engine.close()
    }
}
