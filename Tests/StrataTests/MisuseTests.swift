import BufferManager
import StorageTesting
import Strata
import Testing

/// Calls that mix engines, or that come at the wrong time, throw and change nothing.
@Suite("Misuse") struct MisuseTests {
    @Test("A session of another engine", arguments: IOMethodMatrix.all)
    func foreignSession(_ method: TestedMethod) throws {
        let (own, other) = (TestStore(method), TestStore(method))
        try own.with { (engine, session) throws in
            let relation = try engine.load("a", 20, mark: 1, session)
            try other.with { (_, foreign) throws in
                for _ in 0..<2 {
                    expectError(.misuse) { _ = try relation.page(5, session: foreign) }
                    expectError(.misuse) {
                        var stream = relation.scan(session: foreign)
                        _ = try stream.next()
                    }
                    // The second time, the pages are in the pool.
                    #expect(try relation.marks(session).count == 20)
                }
                let buffers = engine.buffers
                expectError(.misuse) { _ = try relation.extend(session: foreign) }
                expectError(.misuse) { _ = try buffers.extend(relation.open, session: foreign) }
                expectError(.misuse) { _ = try buffers.flush(relation.open, session: foreign) }
                expectError(.misuse) { _ = try buffers.flushAll(session: foreign) }
                expectError(.misuse) { _ = try buffers.evict(relation.open, session: foreign) }
                expectError(.misuse) {
                    _ = try buffers.evict(3, of: relation.open, session: foreign)
                }
                expectError(.misuse) { _ = try buffers.evictAll(session: foreign) }
                expectError(.misuse) { try buffers.drop(relation.open, session: foreign) }
                expectError(.misuse) {
                    try buffers.dropBlocks(of: relation.open, from: 2, session: foreign)
                }
                expectError(.misuse) { try buffers.close(relation.open, session: foreign) }
                expectError(.misuse) { try buffers.dropLocal(session: foreign) }
                expectError(.misuse) { _ = try CheckpointWriter(buffers, session: foreign) }
                expectError(.misuse) {
                    let page = try relation.page(2, session: session)
                    try buffers.flush(page, session: foreign)
                }
                expectError(.misuse) {
                    _ = try buffers.page(
                        7, of: relation.open, mode: .zeroAndLock, session: foreign)
                }
                expectError(.misuse) { _ = try engine.verify(session: foreign) }
                expectError(.misuse) { _ = try engine.checkpoint(foreign) }
                expectError(.misuse) { try engine.compact(relation: "a", session: foreign) }
                expectError(.misuse) { try engine.dropRelation(named: "a", session: foreign) }
                expectError(.misuse) {
                    _ = try engine.beginLoad(LoadTarget(relation: "b"), session: foreign)
                }
            }
            #expect(try relation.marks(session) == Array(repeating: 1, count: 20))
        }
    }

    @Test("A relation of another engine", arguments: IOMethodMatrix.all)
    func foreignRelation(_ method: TestedMethod) throws {
        let (own, other) = (TestStore(method), TestStore(method))
        try own.with { (engine, session) throws in
            try engine.load("a", 20, mark: 1, session)
            #expect(try engine.relation(named: "a").marks(session).count == 20)
            try other.with { (otherEngine, foreign) throws in
                let relation = try otherEngine.load("a", 20, mark: 2, foreign)
                expectError(.misuse) {
                    _ = try engine.buffers.page(5, of: relation.open, session: session)
                }
                expectError(.misuse) {
                    _ = try engine.buffers.flush(relation.open, session: session)
                }
            }
        }
    }

    @Test("A commit with a page still held", arguments: IOMethodMatrix.all)
    func commitWithAPage(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { (engine, session) throws in
            let load = try engine.beginLoad(
                LoadTarget(relation: "a", schema: TestStore.schema), session: session)
            try load.add(3, mark: 1)
            let page = try load.nextPage()
            expectError(.pageInUse) { try load.commit(rowCount: 4) }
            try page.withEditor { editor in
                try editor.fill(1, 3)
                expectError(.pageInUse) { try load.commit(rowCount: 4) }
            }
            page.release()
            #expect(try load.commit(rowCount: 4).marks(session) == [1, 1, 1, 1])
        }
        try store.with { (engine, session) throws in
            #expect(try engine.relation(named: "a").marks(session) == [1, 1, 1, 1])
        }
    }

    @Test("Extending a relation that was dropped or replaced", arguments: IOMethodMatrix.all)
    func extendDropped(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { (engine, session) throws in
            let first = try engine.load("a", 3, mark: 1, session)
            try engine.load("a", 2, mark: 2, session, mode: .replace)
            expectError(.notFound) { _ = try first.extend(session: session) }
            #expect(try first.marks(session) == [1, 1, 1])
            let second = try engine.relation(named: "a")
            try engine.dropRelation(named: "a", session: session)
            expectError(.notFound) { _ = try second.extend(session: session) }
        }
    }

    @Test("Counts below one", arguments: [0, -1, Int.min])
    func counts(_ count: Int) throws {
        try TestStore().with { engine, session in
            let relation = try engine.load("a", 3, mark: 1, session)
            expectError(.misuse) { _ = try relation.extend(by: count, session: session) }
            let operation = try ReadOperation(
                engine.buffers, relation: relation.open, session: session)
            expectError(.misuse) {
                var wanted = count
                _ = try engine.buffers.startRead(operation, block: 0, count: &wanted)
            }
            #expect(relation.blockCount == 3)
        }
    }

    @Test func aClosedSessionOpensNoBatch() throws {
        try TestStore().with { engine, _ in
            let session = try engine.makeSession()
            session.close()
            expectError(.closed) { try session.enterBatch() }
        }
    }
}
