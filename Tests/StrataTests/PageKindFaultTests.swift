import FileAccess
import StorageTesting
import Testing
import Threads

@testable import Strata

/// Damage, misuse and refusals, which concern relations of one kind of pages only, or one page.
@Suite("Faults of kinds of pages") struct PageKindFaultTests {
    private func make(
        _ engine: Engine, _ session: Session, _ kind: PageKind, manager: String = "magnetic",
        name: String = "own", pages: Int = 20
    ) throws -> Relation {
        try OwnContents.makeRelation(
            engine, session, kind, manager: manager, name: name, pages: pages)
    }

    @Test("A raw page that its storage has lost is damage, not a page of 0xFF")
    func lostRawPages() throws {
        let store = TestStore()
        var path = ""
        try store.with { engine, session in
            path = try make(engine, session, .raw, manager: "compressed").locator.description
        }
        let file = "\(store.path)/\(path).chunks"
        var bytes = try readFile(file)
        // Chunks begin at multiples of 4096 bytes, behind the file's header.
        for unit in stride(from: 4096, to: bytes.count, by: 4096) { bytes[unit + 100] ^= 0x5A }
        try writeFile(file, bytes)
        try store.with { engine, session in
            let relation = try engine.relation(named: "own")
            var lost = 0
            for block in 0..<UInt32(20) {
                do throws(StorageError) {
                    let page = try relation.page(BlockNumber(block), session: session)
                    let mark = try? OwnContents.mark(page, .raw)
                    #expect(mark == UInt8(1 + block))
                } catch {
                    #expect(error.code == .invalidPage)
                    lost += 1
                }
            }
            #expect(lost > 0)
            expectError(.invalidPage) {
                _ = try engine.copyRelation(
                    named: "own", to: LoadTarget(relation: "copy"), session: session)
            }
        }
    }

    @Test("Refused pages of a dropped relation do not keep a reader going for ever")
    func droppedAndRefused() throws {
        let store = TestStore()
        let engine = try store.open { $0.poolBytes = 16 * blockSize }
        let session = try engine.makeSession()
        let own = try make(engine, session, .sealed)
        let other = try make(engine, session, .sealed, name: "other")
        try engine.checkpoint(session)
        for block in 0..<UInt32(16) {
            do throws(StorageError) {
                OwnContents.spoil(try own.page(BlockNumber(block), session: session), .sealed)
            } catch {
                #expect(error.code == .pageRefused)
            }
        }
        try engine.dropRelation(named: "own", session: session)
        expectError(.pageRefused) {
            for block in 0..<UInt32(20) { _ = try other.page(BlockNumber(block), session: session) }
        }
        #expect(own.locator != other.locator)
        session.close()
        try engine.close()
    }

    @Test("A last page that could not be read back is not put in place")
    func refusedReplacement() throws {
        try TestStore().with { engine, session in
            try engine.load("t", 1, mark: 1, session)
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            let last = try #require(try load.lastPage())
            last.withEditor { $0.header.upper = 3 }
            expectError(.pageRefused) { try load.commit(rowCount: 0) }
            _ = try engine.buffers.evictAll(session: session)
            #expect(try engine.relation(named: "t").marks(session) == [1])
        }
    }

    @Test("Pages get checksums also from an engine that does not verify them")
    func unverified() throws {
        let store = TestStore()
        try store.with { engine, session in
            _ = try engine.load("t", 3, mark: 1, session, isCounted: false)
        }
        let engine = try store.open { $0.verifiesChecksums = false }
        let session = try engine.makeSession()
        try engine.relation(named: "t").page(1, session: session).fill(9)
        session.close()
        try engine.close()
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == [1, 9, 1])
        }
    }

    /// Makes a logged change of a page that ends at position 70, and calls `body`, after which the
    /// log must be durable up to there.
    private func checkLog(
        _ kind: PageKind, _ change: (inout MutableRawSpan) -> Void,
        _ body: (Engine, Session, Relation) throws -> Void
    ) throws {
        let log = NotedLog()
        // Its directory goes with it.
        let store = TestStore()
        defer { withExtendedLifetime(store) {} }
        let engine = try store.open { $0.writeAheadLog = log }
        let session = try engine.makeSession()
        let relation = try make(engine, session, kind, pages: 4)
        try engine.checkpoint(session)
        #expect(log.highest < LSN(70))
        try relation.page(2, session: session).withExclusiveLock(lsn: LSN(70), change)
        try body(engine, session, relation)
        #expect(log.highest == LSN(70))
        session.close()
        try engine.close()
    }

    @Test(
        "A logged change that makes a page all zeroes waits for its log",
        arguments: PageKind.allCases)
    func zeroedPages(_ kind: PageKind) throws {
        try checkLog(kind) { bytes in
            for offset in stride(from: 0, to: blockSize, by: 8) {
                bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt64.self)
            }
        } _: { engine, session, relation in
            try engine.buffers.flush(relation.open, session: session)
        }
    }

    @Test("A copy waits for the log of what it copies", arguments: PageKind.allCases)
    func copies(_ kind: PageKind) throws {
        try checkLog(kind) { bytes in
            bytes.storeBytes(of: 7, toByteOffset: 8000, as: UInt8.self)
        } _: { engine, session, _ in
            _ = try engine.copyRelation(
                named: "own", to: LoadTarget(relation: "copy"), session: session)
        }
    }

    @Test("A refused page concerns only those who want it written")
    func neighbours() throws {
        let store = TestStore()
        let engine = try store.open { $0.automaticCheckpoints = nil }
        let session = try engine.makeSession()
        let relation = try make(engine, session, .sealed)
        try engine.checkpoint(session)
        try OwnContents.fill(relation.page(6, session: session), .sealed, mark: 60)
        OwnContents.spoil(try relation.page(7, session: session), .sealed)
        let six = try relation.page(6, session: session)
        try engine.buffers.flush(six, session: session)
        six.release()
        let load = try engine.beginLoad(
            LoadTarget(relation: "another"), session: session)
        try OwnContents.fill(try load.nextPage(), .postgres, mark: 1)
        try load.commit()
        let isDirty = try relation.page(7, session: session).isDirty
        #expect(isDirty)
        expectError(.pageRefused) { try engine.checkpoint(session) }
        try engine.dropRelation(named: "own", session: session)
        session.close()
        try engine.close()
    }

    @Test("Rows are counted in PostgreSQL's pages only")
    func counts() throws {
        try TestStore().with { engine, session in
            for kind in [PageKind.sealed, .raw] {
                let load = try engine.beginLoad(
                    LoadTarget(relation: kind.name, pageKind: kind), session: session)
                try OwnContents.fill(try load.nextPage(), kind, mark: 1)
                expectError(.misuse) { try load.commit(rowCount: 0) }
                let count = try load.commit().rowCount
                #expect(count == nil)
            }
        }
    }
}
