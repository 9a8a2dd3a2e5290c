import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Strata

/// The row count from loads holds until pages are changed by other means. Everything that reads all
/// of a relation uses it to detect missing rows.
@Suite struct RowCountTests {
    /// Where and how relations are kept and read.
    struct Kind: Sendable, CustomTestStringConvertible {
        let manager: String
        let method: TestedMethod
        var testDescription: String { "\(manager), \(method)" }
    }

    static let kinds = Engine.builtInManagerNames.flatMap { manager in
        IOMethodMatrix.real.map { Kind(manager: manager, method: $0) }
    }

    /// Opens a store with relation `t` of 20 pages and as many rows.
    private func withRelation(
        _ kind: Kind, _ body: (Engine, Session, Relation) throws -> Void
    ) throws {
        try TestStore(kind.method).with { engine, session in
            try body(engine, session, try load(engine, kind.manager, 20, session))
        }
    }

    @discardableResult
    private func load(
        _ engine: Engine, _ manager: String, _ count: Int, _ session: Session,
        mode: LoadTarget.Mode = .create, rows: UInt64? = .max
    ) throws -> Relation {
        let load = try engine.beginLoad(
            LoadTarget(
                relation: "t", schema: TestStore.schema, mode: mode,
                managerName: mode == .append ? nil : manager), session: session)
        try load.add(count, mark: 1)
        return try load.commit(rowCount: rows == .max ? UInt64(count) : rows)
    }

    /// Puts a page into the storage, bypassing the engine, as a disk may that forgets or misdirects
    /// writes.
    private func plant(
        _ rows: Int?, at block: UInt32, of relation: Relation, _ session: Session
    ) throws {
        _ = try relation.engine.buffers.evict(relation.open, session: session)
        let memory = PageSlots(slots: 1, pages: 1)
        let address = memory.address(0, 0)
        unsafe address.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        if let rows {
            var editor = unsafe PageEditor(unsafePage: address.pointer)
            try editor.fill(1, block, rows: rows)
            editor.setChecksum(block: block)
        }
        try withExtendedLifetime(memory) {
            let pages: InlineArray<1, PageAddress> = [address]
            try relation.open.storage.write(
                .main, block: BlockNumber(block), from: pages.span, sync: .skip)
        }
    }

    /// How many rows a scan of all pages finds.
    private func countRows(_ relation: Relation, _ session: Session) throws -> UInt64 {
        let extent = relation.extent
        var rows: UInt64 = 0
        var pages = relation.scan(session: session, extent: extent)
        while let page = try pages.next() {
            rows += page.withView { UInt64($0.linePointerCount) }
        }
        try relation.checkRowCount(rows, of: extent)
        return rows
    }

    private func findings(_ engine: Engine, _ session: Session) throws -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { findings.append($0) })
        return findings
    }

    // MARK: Rows that are missing

    @Test("Reading a page of zeroes where a load left rows is an error", arguments: kinds)
    func zeroedPages(_ kind: Kind) throws {
        try withRelation(kind) { engine, session, relation in
            #expect(try findings(engine, session).isEmpty)
            for block in [9, 10, 17] as [UInt32] {
                try plant(nil, at: block, of: relation, session)
            }
            let error = expectError(.invalidPage) { _ = try countRows(relation, session) }
            #expect(error?.location.block == 9)
            expectError(.invalidPage) {
                _ = try relation.page(BlockNumber(17), session: session)
            }
            expectError(.invalidPage) {
                _ = try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: "copy"), session: session)
            }
            #expect(engine.description(of: "copy") == nil)
            let found = try findings(engine, session)
            #expect(found.map(\.kind) == [.zeroedPage, .zeroedPage])
            #expect(found.map(\.block) == [9, 17])
            #expect(found.first?.reason.hasPrefix("2 pages up to block 10") == true)
            #expect(relation.damage(in: BlockNumber(10)) == Verifier.zeroReason)
        }
    }

    @Test(
        "Intact pages of another time are detected by their rows", arguments: kinds, [0, 3])
    func pagesOfAnotherTime(_ kind: Kind, _ rows: Int) throws {
        try withRelation(kind) { engine, session, relation in
            try plant(rows, at: 5, of: relation, session)
            let error = expectError(.relationDamaged) { _ = try countRows(relation, session) }
            #expect(
                error?.message.contains("holds \(19 + rows) rows where 20 were loaded") == true)
            #expect(error?.location.relation == "t")
            expectError(.relationDamaged) {
                _ = try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: "copy"), session: session)
            }
            #expect(engine.description(of: "copy") == nil)
            #expect(
                try findings(engine, session).map(\.kind)
                    == [rows < 1 ? .missingRows : .surplusRows])
        }
    }

    // MARK: Pages that were changed

    /// What writes pages out.
    enum Writer: CaseIterable {
        case flush, flushPage, checkpoint, eviction, behind, close
    }

    @Test(
        "The row count is removed before a changed page is written, by any writer",
        arguments: kinds, Writer.allCases)
    func changedPages(_ kind: Kind, _ writer: Writer) throws {
        let store = TestStore(kind.method)
        try store.with { engine, session in
            let relation = try load(engine, kind.manager, 20, session)
            do {
                let page = try relation.page(BlockNumber(3), session: session)
                try page.fill(9, rows: 4)
            }
            // Not written yet: the disk has the old page, readers see the new one.
            #expect(relation.rowCount == 20)
            #expect(try countRows(relation, session) == 23)
            #expect(try findings(engine, session).isEmpty)
            try write(writer, relation, session)
            if writer == .close { return }
            #expect(relation.rowCount == nil)
            #expect(engine.description(of: "t")?.rowCount == nil)
            #expect(try countRows(relation, session) == 23)
            let copy = try engine.copyRelation(
                named: "t", to: LoadTarget(relation: "copy"), session: session)
            #expect(copy?.rowCount == nil)
            try load(engine, kind.manager, 2, session, mode: .append)
            #expect(relation.rowCount == nil)
            try plant(nil, at: 6, of: relation, session)
            #expect(try countRows(relation, session) == 24, "zeroes may be meant")
            #expect(try findings(engine, session).isEmpty)
        }
        if kind.manager == "memory" { return }
        try store.with { engine, session in
            #expect(engine.description(of: "t")?.rowCount == nil)
            try load(engine, kind.manager, 2, session, mode: .replace)
            #expect(engine.description(of: "t")?.rowCount == 2)
        }
    }

    private func write(_ writer: Writer, _ relation: Relation, _ session: Session) throws {
        let engine = relation.engine
        switch writer {
        case .flush: try engine.buffers.flush(relation.open, session: session)
        case .flushPage:
            try engine.buffers.flush(
                try relation.page(BlockNumber(3), session: session), session: session)
        case .checkpoint: try engine.checkpoint(session)
        case .eviction: _ = try engine.buffers.evict(relation.open, session: session)
        case .behind:
            // The clock hand goes round until the page has been written.
            let writer = BackgroundWriter(engine.buffers, session: session)
            for _ in 0..<1000 where relation.rowCount != nil {
                _ = try writer.step()
                for block in 10..<20 as Range<UInt32> {
                    _ = try relation.page(BlockNumber(block), session: session)
                }
                if relation.rowCount != nil {
                    try load(
                        engine, "magnetic", 20, session,
                        mode: .replace, name: "other")
                }
            }
        case .close: break
        }
    }

    private func load(
        _ engine: Engine, _ manager: String, _ count: Int, _ session: Session,
        mode: LoadTarget.Mode, name: String
    ) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: name, mode: mode, managerName: manager), session: session)
        try load.add(count, mark: 1)
        _ = try load.commit(rowCount: UInt64(count))
    }

    @Test("If the row count cannot be removed, no page is written", arguments: kinds)
    func catalogThatCannotBeReplaced(_ kind: Kind) throws {
        let store = TestStore(kind.method)
        try store.with { engine, session in
            let relation = try load(engine, kind.manager, 20, session)
            do {
                let page = try relation.page(BlockNumber(3), session: session)
                try page.fill(9, rows: 4)
            }
            // All the names under which its successor could be written.
            let obstacles = ["", ".1", ".2", ".3"].map { "\(store.path)/strata.catalog.new\($0)" }
            for obstacle in obstacles { #expect(mkdir(obstacle, 0o700) == 0) }
            #expect(throws: StorageError.self) { try engine.checkpoint(session) }
            #expect(throws: StorageError.self) {
                try engine.buffers.flush(relation.open, session: session)
            }
            do {
                let page = try relation.page(BlockNumber(3), session: session)
                let isDirty = page.isDirty
                #expect(isDirty)
            }
            #expect(relation.rowCount == 20)
            #expect(try findings(engine, session).isEmpty, "what is on disk is as it was loaded")
            for obstacle in obstacles { #expect(rmdir(obstacle) == 0) }
            try engine.checkpoint(session)
            #expect(relation.rowCount == nil)
            #expect(try countRows(relation, session) == 23)
        }
    }

    @Test("A relation that grows by other means has no count, durably", arguments: kinds)
    func extending(_ kind: Kind) throws {
        let store = TestStore(kind.method)
        try store.with { engine, session in
            let relation = try load(engine, kind.manager, 20, session)
            _ = try relation.extend(by: 2, session: session)
            #expect(relation.rowCount == nil)
            #expect(try countRows(relation, session) == 20)
            try engine.checkpoint(session)
            #expect(try findings(engine, session).isEmpty)
        }
        try store.with { engine, session in
            #expect(engine.description(of: "t")?.rowCount == nil)
        }
    }

    @Test("Loads add to the row count, or end it if they do not know theirs", arguments: kinds)
    func appending(_ kind: Kind) throws {
        try withRelation(kind) { engine, session, relation in
            // Blocks that share a chunk with those of the load before are written with them.
            try load(engine, kind.manager, 3, session, mode: .append)
            try load(engine, kind.manager, 30, session, mode: .append)
            #expect(relation.rowCount == 53)
            #expect(relation.extent.blockCount == 53)
            #expect(engine.description(of: "t")?.isRowCountExact == true)
            #expect(try countRows(relation, session) == 53)
            #expect(try findings(engine, session).isEmpty)
            let copy = try engine.copyRelation(
                named: "t", to: LoadTarget(relation: "copy"), session: session)
            #expect(copy?.rowCount == 53)
            try load(engine, kind.manager, 1, session, mode: .append, rows: nil)
            #expect(relation.rowCount == nil)
        }
    }

    @Test("A checkpoint does not take away the pages of a load that was committed meanwhile")
    func checkpointBesideALoad() throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try load(engine, "magnetic", 20, session)
            _ = try relation.extend(by: 2, session: session)
            let checkpoint = try engine.beginCheckpoint(session)
            let other = try engine.makeSession()
            try load(engine, "magnetic", 5, other, mode: .append)
            other.close()
            while try checkpoint.step(pages: 1) {}
            #expect(engine.description(of: "t")?.blockCount == 27)
            let catalog = engine.state.withLock { $0.catalog }
            #expect(catalog.relations["t"]?.blockCount == 27)
        }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(relation.blockCount == 27)
        }
    }

    // MARK: Stores of older versions

    @Test("An older version's row count is a lower bound")
    func olderCounts() throws {
        let store = TestStore()
        _ = try store.with { engine, session in try load(engine, "magnetic", 20, session) }
        let path = store.path + "/strata.catalog"
        let bytes = try readFile(path)
        try writeFile(path, OlderCatalog.version1(of: bytes))
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(relation.rowCount == 20 && !relation.extent.isRowCountExact)
            #expect(try countRows(relation, session) == 20)
            try plant(3, at: 5, of: relation, session)
            #expect(try countRows(relation, session) == 22, "there may be more")
            try plant(nil, at: 6, of: relation, session)
            #expect(try countRows(relation, session) == 21, "and pages of zeroes")
            #expect(try findings(engine, session).isEmpty)
            try plant(0, at: 5, of: relation, session)
            expectError(.relationDamaged) { _ = try countRows(relation, session) }
            #expect(try findings(engine, session).map(\.kind) == [.missingRows])
            try plant(2, at: 5, of: relation, session)
            try load(engine, "magnetic", 1, session, mode: .append)
            #expect(relation.rowCount == 21 && !relation.extent.isRowCountExact)
            let copy = try engine.copyRelation(
                named: "t", to: LoadTarget(relation: "copy"), session: session)
            #expect(copy?.rowCount == 21 && copy?.extent.isRowCountExact == false)
            let page = try relation.page(BlockNumber(3), session: session)
            try page.fill(1, rows: 0)
            try engine.checkpoint(session)
            #expect(relation.rowCount == nil)
        }
    }
}
