import StorageTesting
import Testing
import Threads

@testable import Strata

/// Where counting begins, and what appending does with pages that have lost their rows.
@Suite struct CountedAppendTests {
    private func append(_ count: Int, _ engine: Engine, _ session: Session) throws {
        let load = try engine.beginLoad(
            LoadTarget(relation: "t", mode: .append), session: session)
        try load.add(count, mark: 1)
        try load.commit(rowCount: UInt64(count))
    }

    private func findings(_ engine: Engine, _ session: Session) throws -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { findings.append($0) })
        return findings
    }

    /// Replaces a page by zeroes, past the engine.
    private func zero(_ block: UInt32, of relation: Relation, _ session: Session) throws {
        _ = try relation.engine.buffers.evict(relation.open, session: session)
        let memory = PageSlots(slots: 1, pages: 1)
        let address = memory.address(0, 0)
        unsafe address.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        try withExtendedLifetime(memory) {
            let pages: InlineArray<1, PageAddress> = [address]
            try relation.open.storage.write(
                .main, block: BlockNumber(block), from: pages.span, sync: .skip)
        }
    }

    private func create(_ kind: RowCountTests.Kind, _ engine: Engine, _ session: Session) throws
        -> Relation
    {
        try engine.createRelation(
            LoadTarget(
                relation: "t", schema: TestStore.schema, managerName: kind.manager),
            session: session)
    }

    @Test(
        "A relation that was created is counted from its first load on",
        arguments: RowCountTests.kinds)
    func createdRelations(_ kind: RowCountTests.Kind) throws {
        try TestStore(kind.method).with { engine, session in
            let relation = try create(kind, engine, session)
            #expect(relation.rowCount == 0 && relation.extent.isRowCountExact)
            try append(20, engine, session)
            #expect(relation.rowCount == 20 && relation.extent.isRowCountExact)
            #expect(try findings(engine, session).isEmpty)
            try zero(5, of: relation, session)
            expectError(.invalidPage) { _ = try relation.page(BlockNumber(5), session: session) }
            #expect(try findings(engine, session).map(\.kind) == [.zeroedPage])
        }
    }

    @Test("Pages without columns have no rows, and are not counted")
    func createdWithoutColumns() throws {
        try TestStore().with { engine, session in
            let relation = try engine.createRelation(LoadTarget(relation: "t"), session: session)
            #expect(relation.rowCount == nil)
        }
    }

    @Test(
        "A relation that grows from nothing by other means has no count",
        arguments: RowCountTests.kinds)
    func createdAndExtended(_ kind: RowCountTests.Kind) throws {
        try TestStore(kind.method).with { engine, session in
            let relation = try create(kind, engine, session)
            _ = try relation.extend(by: 2, session: session)
            #expect(relation.rowCount == nil)
            try engine.checkpoint(session)
            #expect(try findings(engine, session).isEmpty)
        }
    }

    /// Appending reads no existing page, since that would take as long as a scan. It hides nothing
    /// either: the missing rows stay in the count.
    @Test(
        "Appending behind a page that lost its rows hides nothing", arguments: RowCountTests.kinds)
    func appendingBehindZeroes(_ kind: RowCountTests.Kind) throws {
        try TestStore(kind.method).with { engine, session in
            let relation = try create(kind, engine, session)
            try append(20, engine, session)
            for block in [3, 18] as [UInt32] { try zero(block, of: relation, session) }
            try append(7, engine, session)
            #expect(relation.rowCount == 27 && relation.extent.isRowCountExact)
            let error = expectError(.invalidPage) {
                var pages = relation.scan(session: session)
                while let page = try pages.next() { _ = consume page }
            }
            #expect(error?.location.block == 3)
            let found = try findings(engine, session)
            #expect(found.map(\.kind) == [.zeroedPage, .zeroedPage])
            #expect(found.map(\.block) == [3, 18])
            expectError(.invalidPage) {
                _ = try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: "copy"), session: session)
            }
        }
    }
}
