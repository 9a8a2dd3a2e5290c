import StorageTesting
import Testing

@testable import Strata

/// Appends that fill up the last page.
@Suite("Filled-up last pages") struct FillingTests {
    /// Appends a row: on the last page if it has room.
    private static func append(
        _ value: Int64, _ engine: Engine, _ session: Session
    ) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: "t", mode: .append), session: session)
        try place(value, load)
        try load.commit(rowCount: 1)
    }

    private static func place(_ value: Int64, _ load: PendingLoad) throws {
        if let last = try load.lastPage() {
            let block = last.block.rawValue
            let isPlaced = try last.withEditor { editor in try place(value, &editor, block) }
            if isPlaced { return }
        }
        let page = try load.nextPage()
        let block = page.block.rawValue
        try page.withEditor { editor in
            editor.initialize()
            _ = try place(value, &editor, block)
        }
    }

    private static func place(_ value: Int64, _ editor: inout PageEditor, _ block: UInt32) throws
        -> Bool
    {
        var row = HeapTupleBuilder(layout: TestStore.schema.layout)
        row.begin()
        row.append(value)
        row.appendNull()
        return try row.place(on: &editor, block: block) != nil
    }

    /// The values of all rows, after comparing their number with the catalog's.
    private static func values(_ relation: Relation, _ session: Session) throws -> [Int64] {
        let extent = relation.extent
        var values: [Int64] = []
        var pages = relation.scan(session: session, extent: extent)
        while let page = try pages.next() { values += try Self.values(on: page) }
        try relation.checkRowCount(UInt64(values.count), of: extent)
        return values
    }

    private static func values(on page: borrowing PinnedPage) throws -> [Int64] {
        try page.withView { view in
            var decoder = HeapTupleDecoder(layout: TestStore.schema.layout)
            var values: [Int64] = []
            for number in view.linePointerNumbers {
                guard let row = try view.tuple(number) else { continue }
                try decoder.decode(row)
                values.append(try decoder.integer(0, of: row, as: Int64.self) ?? -1)
            }
            return values
        }
    }

    private static func findings(_ engine: Engine, _ session: Session) throws
        -> [VerificationFinding]
    {
        var findings: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { findings.append($0) })
        return findings
    }

    private func create(
        _ engine: Engine, _ session: Session, manager: String = "magnetic", rows: Int64 = 0
    ) throws {
        try engine.createRelation(
            LoadTarget(relation: "t", schema: TestStore.schema, managerName: manager),
            session: session)
        for value in 0..<rows { try Self.append(value, engine, session) }
    }

    @Test("Single rows share pages", arguments: RowCountTests.kinds)
    func singleRows(_ kind: RowCountTests.Kind) throws {
        let store = TestStore(kind.method)
        let rows: Int64 = 500
        try store.with { engine, session in
            try create(engine, session, manager: kind.manager, rows: rows)
            let relation = try engine.relation(named: "t")
            #expect(try Self.values(relation, session) == Array(0..<rows))
            #expect(relation.rowCount == UInt64(rows) && relation.extent.isRowCountExact)
            // Compressed pages are not journalled, so each append begins a page.
            let isFilled = kind.manager != "compressed"
            #expect(relation.blockCount == (isFilled ? 3 : UInt32(rows)))
            #expect(try Self.findings(engine, session).isEmpty)
        }
        if kind.manager == "memory" { return }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(try Self.values(relation, session) == Array(0..<rows))
            #expect(try Self.findings(engine, session).isEmpty)
        }
    }

    @Test("Readers see the page as it was until the commit, and after an abort")
    func aborts() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 3)
            let relation = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try Self.place(7, load)
            #expect(try Self.values(relation, session) == [0, 1, 2])
            load.abort()
            #expect(try Self.values(relation, session) == [0, 1, 2])
            try Self.append(3, engine, session)
            #expect(try Self.values(relation, session) == [0, 1, 2, 3])
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
            try Self.place(7, load)
            try relation.page(BlockNumber(0), session: session).withEditor { editor in
                _ = try Self.place(8, &editor, 0)
            }
            let error = expectError(.relationBusy) { try load.commit(rowCount: 1) }
            #expect(error?.location.block == 0 && error?.remedy != nil)
            #expect(try Self.values(relation, session) == [0, 1, 2, 8])
            try Self.append(9, engine, session)
            #expect(try Self.values(relation, session) == [0, 1, 2, 8, 9])
            #expect(relation.rowCount == nil)
            #expect(try Self.findings(engine, session).isEmpty)
        }
    }

    @Test("A thread that is changing the last page cannot commit")
    func ownLock() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 1)
            let relation = try engine.relation(named: "t")
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try Self.place(1, load)
            let page = try relation.page(BlockNumber(0), session: session)
            page.withEditor(dirtying: false) { _ in
                _ = expectError(.pageInUse) { try load.commit(rowCount: 1) }
            }
            page.release()
            #expect(try Self.values(relation, session) == [0])
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
            try Self.append(3, engine, session)
            #expect(relation.blockCount == 2 && relation.rowCount == 4)
            expectError(.invalidPage) { _ = try Self.values(relation, session) }
            #expect(try Self.findings(engine, session).count == 1)
        }
    }

    @Test("A scan that meets rows which came meanwhile is no damage")
    func scans() throws {
        try TestStore().with { engine, session in
            try create(engine, session, rows: 3)
            let relation = try engine.relation(named: "t")
            let before = relation.extent
            try Self.append(3, engine, session)
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
            try Self.place(2, load)
            let page = try load.nextPage()
            try page.withEditor { editor in
                editor.initialize()
                _ = try Self.place(3, &editor, 1)
            }
            page.release()
            try load.commit(rowCount: 2)
            let relation = try engine.relation(named: "t")
            #expect(try Self.values(relation, session) == [0, 1, 2, 3])
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
        try Self.place(3, load)
        // The copy is kept, and does not count yet.
        try engine.prepareFilling([load])
        try copyTree(store.path, store.other)
        try Self.expectRows([0, 1, 2], in: store.other, store)
        engine.releaseFilling([load], hasFailed: true)
        load.abort()
        // Its number must not count for another version.
        try Self.append(4, engine, session)
        #expect(try Self.values(relation, session) == [0, 1, 2, 4])
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
        for value in 3..<6 as Range<Int64> { try Self.append(value, engine, session) }
        try copyTree(store.path, store.other)
        session.close()
        try engine.close()
        try writeFile("\(store.other)/\(path)", old)
        try Self.expectRows([0, 1, 2, 3, 4, 5], in: store.other, store)
    }

    private static func expectRows(_ rows: [Int64], in path: String, _ store: TestStore) throws {
        let engine = try Engine.open(path, options: store.options)
        let session = try engine.makeSession()
        #expect(try values(engine.relation(named: "t"), session) == rows)
        #expect(try findings(engine, session).isEmpty)
        session.close()
        try engine.close()
    }

    // MARK: Power cuts

    private static func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions()
        options.fileSystem = disk
        options.ioExecutor = disk
        options.ioMethod = .synchronous
        options.poolBytes = 64 * blockSize
        options.maximumSessions = 2
        options.backgroundWriter = nil
        options.logger = RecordingLog().logger(level: .critical)
        return options
    }

    /// Appends rows, with checkpoints and a change of the page by other means now and then.
    ///
    /// - Returns: how many appends were acknowledged.
    private static func live(on disk: SimulatedDisk) -> (acknowledged: Int, created: Bool) {
        var done = 0
        var created = false
        do {
            let engine = try Engine.open("/", options: options(disk))
            let session = try engine.makeSession()
            defer { session.close() }
            try engine.createRelation(
                LoadTarget(relation: "t", schema: TestStore.schema), session: session)
            created = true
            for value in 0..<12 as Range<Int64> {
                try append(value, engine, session)
                done += 1
                if value % 5 == 4 { try engine.checkpoint(session) }
                if value == 6 {
                    let relation = try engine.relation(named: "t")
                    let page = try relation.page(BlockNumber(0), session: session)
                    // Marks the page as changed, so that it is written by the pool.
                    page.withEditor { _ in }
                }
            }
        } catch {}
        return (done, created)
    }

    @Test("Power cuts at every call leave each append or none of it")
    func powerCuts() throws {
        let seed = IOMethodMatrix.seed
        let whole = SimulatedDisk()
        #expect(Self.live(on: whole).acknowledged == 12)
        var random = SplitMix64(seed: seed, stream: 21)
        for cut in 1...whole.changeCount {
            let disk = SimulatedDisk()
            disk.cutPower(afterCalls: cut)
            let (acknowledged, created) = Self.live(on: disk)
            let crashed = disk.crash(seed: random.next())
            if !created { continue }
            let engine = try Engine.open("/", options: Self.options(crashed))
            let session = try engine.makeSession()
            let values = try Self.values(engine.relation(named: "t"), session)
            #expect(
                values == Array(0..<Int64(values.count))
                    && (acknowledged...acknowledged + 1).contains(values.count),
                "seed \(seed), cut \(cut): \(acknowledged) acknowledged, \(values) found")
            #expect(try Self.findings(engine, session).isEmpty, "seed \(seed), cut \(cut)")
            session.close()
            try engine.close()
        }
    }
}
