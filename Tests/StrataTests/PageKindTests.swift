import FileAccess
import StorageTesting
import Testing
import Threads

@testable import Strata

/// Relations whose pages are their authors' own.
@Suite("Kinds of pages") struct PageKindTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let pages: PageKind
        let kind: RowCountTests.Kind
        var testDescription: String { "\(pages), \(kind.testDescription)" }
    }

    static let cases = PageKind.allCases.flatMap { pages in
        RowCountTests.kinds.map { Case(pages: pages, kind: $0) }
    }
    static let checked: [PageKind] = [.postgres, .sealed]

    private func make(
        _ engine: Engine, _ session: Session, _ kind: PageKind, manager: String = "magnetic",
        name: String = "own", pages: Int = 20
    ) throws -> Relation {
        try OwnContents.makeRelation(
            engine, session, kind, manager: manager, name: name, pages: pages)
    }

    private func findings(_ engine: Engine, _ session: Session) throws -> [String] {
        var findings: [String] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { findings.append("\($0)") })
        return findings
    }

    @Test("Contents come back, are verified, and are copied", arguments: cases)
    func wholeLife(_ one: Case) throws {
        let store = TestStore(one.kind.method)
        let marks = (1...20).map { Optional(UInt8($0)) }
        try store.with { engine, session in
            let relation = try make(engine, session, one.pages, manager: one.kind.manager)
            _ = try engine.buffers.evictAll(session: session)
            #expect(try OwnContents.marks(relation, session) == marks)
            for manager in Engine.builtInManagerNames {
                let target = LoadTarget(relation: manager, managerName: manager)
                let copy = try #require(
                    try engine.copyRelation(named: "own", to: target, session: session))
                #expect(copy.pageKind == one.pages)
                _ = try engine.buffers.evictAll(session: session)
                #expect(try OwnContents.marks(copy, session) == marks)
            }
            try engine.checkpoint(session)
            #expect(try findings(engine, session).isEmpty)
        }
        if one.kind.manager == "memory" { return }
        try store.with { engine, session in
            let relation = try engine.relation(named: "own")
            #expect(relation.pageKind == one.pages)
            #expect(engine.description(of: "own")?.pageKind == one.pages)
            #expect(try OwnContents.marks(relation, session) == marks)
            try OwnContents.fill(
                relation.page(3, session: session), one.pages, mark: 99)
            try engine.checkpoint(session)
            #expect(try findings(engine, session).isEmpty)
        }
    }

    /// A sealed page tells of its relation, too; PostgreSQL's only of its block.
    @Test("Pages in each other's places are damage")
    func misplaced() throws {
        let store = TestStore()
        var path = ""
        try store.with { engine, session in
            path = try make(engine, session, .sealed).locator.description
            _ = try make(engine, session, .sealed, name: "other")
        }
        let file = "\(store.path)/\(path)"
        var bytes = try readFile(file)
        let page = { (block: Int) in block * blockSize..<(block + 1) * blockSize }
        let (two, five) = (Array(bytes[page(2)]), Array(bytes[page(5)]))
        bytes.replaceSubrange(page(2), with: five)
        bytes.replaceSubrange(page(5), with: two)
        try writeFile(file, bytes)
        try store.with { engine, session in
            let found = try findings(engine, session)
            #expect(found.count == 2 && found.allSatisfy { $0.contains("seal") }, "\(found)")
            let own = try engine.relation(named: "own")
            for block: UInt32 in [2, 5] {
                expectError(.invalidPage) { _ = try own.page(BlockNumber(block), session: session) }
            }
            #expect(own.engine.buffers.checksumFailures(of: own.open) == 2)
        }
        try writeFile(file, try readFile("\(store.path)/base/1/16385"))
        try store.with { engine, session in
            let found = try findings(engine, session)
            // The first segment.
            #expect(found.count == 8)
        }
    }

    private func mend(_ page: borrowing PinnedPage, _ kind: PageKind, mark: UInt8) throws {
        unsafe page.unsafeAddress.storeBytes(
            of: 0, toByteOffset: kind == .sealed ? 12 : 14, as: UInt16.self)
        try OwnContents.fill(page, kind, mark: mark)
    }

    static let refusing = checked.flatMap { pages in
        RowCountTests.kinds.map { Case(pages: pages, kind: $0) }
    }

    @Test(
        "A page that could not be read back is refused, and the others are written",
        arguments: refusing)
    func refused(_ one: Case) throws {
        let store = TestStore(one.kind.method)
        let engine = try store.open()
        let session = try engine.makeSession()
        let relation = try make(engine, session, one.pages, manager: one.kind.manager)
        try engine.checkpoint(session)
        for block: UInt32 in 0..<20 {
            let page = try relation.page(BlockNumber(block), session: session)
            try OwnContents.fill(page, one.pages, mark: UInt8(100 + block))
        }
        OwnContents.spoil(try relation.page(7, session: session), one.pages)
        let error = expectError(.pageRefused) { try engine.checkpoint(session) }
        #expect(error?.location.block == 7 && error?.location.fork == "main")
        #expect(error?.location.relation == relation.locator.description)
        expectError(.pageRefused) { try engine.buffers.flush(relation.open, session: session) }
        // All others are on disk, and the refused page's last good version is.
        for block: UInt32 in 0..<20 {
            #expect(relation.damage(in: BlockNumber(block)) == nil, "block \(block)")
        }
        let (seven, eight) = (
            try relation.page(7, session: session).isDirty,
            try relation.page(8, session: session).isDirty
        )
        #expect(seven && !eight)
        try mend(try relation.page(7, session: session), one.pages, mark: 107)
        try engine.checkpoint(session)
        _ = try engine.buffers.evictAll(session: session)
        #expect(
            try OwnContents.marks(relation, session) == (100..<120).map { Optional(UInt8($0)) })
        OwnContents.spoil(try relation.page(7, session: session), one.pages)
        expectError(.pageRefused) { try engine.checkpoint(session) }
        try engine.dropRelation(named: "own", session: session)
        // Its reader keeps it, but nothing of it needs to be written.
        try engine.checkpoint(session)
        #expect(relation.locator.number > 0)
        session.close()
        try engine.close()
    }

    /// Other relations' pages go through a pool in which a page is refused.
    @Test("A refused page stays in the pool, and readers do without its buffer", arguments: checked)
    func eviction(_ kind: PageKind) throws {
        let store = TestStore()
        let engine = try store.open()
        let session = try engine.makeSession()
        let big = try make(engine, session, kind, name: "big", pages: 200)
        let own = try make(engine, session, kind)
        try engine.checkpoint(session)
        OwnContents.spoil(try own.page(7, session: session), kind)
        for round in 0..<3 {
            for block in 0..<UInt32(200) {
                let page = try big.page(BlockNumber(block), session: session)
                try OwnContents.fill(page, kind, mark: UInt8(1 + round))
            }
        }
        let isDirty = try own.page(7, session: session).isDirty
        #expect(isDirty)
        try mend(try own.page(7, session: session), kind, mark: 50)
        session.close()
        try engine.close()
        try store.with { engine, session in
            let marks = try OwnContents.marks(engine.relation(named: "own"), session)
            let found = try findings(engine, session)
            #expect(marks[7] == 50 && found.isEmpty)
        }
    }

    @Test("A raw page's log position is kept with its buffer, and the log goes first")
    func rawPositions() throws {
        let log = NotedLog()
        let store = TestStore()
        let engine = try store.open { $0.writeAheadLog = log }
        let session = try engine.makeSession()
        let relation = try make(engine, session, .raw, pages: 4)
        try engine.checkpoint(session)
        #expect(log.highest == LSN(4))
        try relation.page(2, session: session).withExclusiveLock(lsn: LSN(70)) { bytes in
            bytes.storeBytes(of: 1, toByteOffset: 0, as: UInt64.self)
        }
        try relation.page(2, session: session).markDirty(lsn: LSN(60))
        let raised = try relation.page(2, session: session).lsn
        #expect(raised == LSN(70))
        try engine.buffers.flush(relation.open, session: session)
        #expect(log.highest == LSN(70))
        _ = try engine.buffers.evictAll(session: session)
        let read = try relation.page(2, session: session).lsn
        #expect(read == .zero)
        session.close()
        try engine.close()
    }

    @Test("Columns need PostgreSQL's pages, and appends the relation's kind")
    func misuse() throws {
        try TestStore().with { engine, session in
            for kind in [PageKind.sealed, .raw] {
                expectError(.misuse) {
                    try engine.createRelation(
                        LoadTarget(
                            relation: "t", schema: TestStore.schema, pageKind: kind),
                        session: session)
                }
            }
            _ = try make(engine, session, .raw)
            expectError(.misuse) {
                _ = try engine.beginLoad(
                    LoadTarget(relation: "own", mode: .append, pageKind: .sealed),
                    session: session)
            }
            let load = try engine.beginLoad(
                LoadTarget(relation: "own", mode: .replace), session: session)
            #expect(try load.commit().pageKind == .raw)
        }
    }
}

/// A log that is always durable, and notes how far it had to be.
final class NotedLog: WriteAheadLog {
    private let position = Lock<LSN>(.zero, rank: .observer)
    var highest: LSN { position.withLock { $0 } }

    func flush(upTo lsn: LSN) throws(StorageError) {
        position.withLock { $0 = max($0, lsn) }
    }
}
