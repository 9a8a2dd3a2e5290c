import BufferManager
import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// Reading pages without pin and lock, while they change, move and go.
@Suite("Glimpses") struct GlimpseTests {
    private static let (left, right) = (1000, 8000)

    /// What a page holds at two places far apart.
    private struct Halves: Equatable {
        var left: UInt64
        var right: UInt64
        var isWhole: Bool { left == right }
    }

    private static func halves(_ page: PageGlimpse) throws -> Halves {
        Halves(left: try page.load(left), right: try page.load(right))
    }

    private static func set(_ page: borrowing PinnedPage, _ value: UInt64, pausing: Bool = false) {
        page.withExclusiveLock { span in
            span.storeBytes(of: value, toByteOffset: left, as: UInt64.self)
            if pausing { sched_yield() }
            span.storeBytes(of: value, toByteOffset: right, as: UInt64.self)
        }
    }

    private static func set(
        _ relation: Relation, _ block: UInt32, _ value: UInt64, _ session: Session
    ) throws {
        try set(relation.page(BlockNumber(block), session: session), value)
    }

    @Test("Pages in the pool and not in it", arguments: IOMethodMatrix.all)
    func reads(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            _ = try engine.load("a", 20, mark: 5, session)
        }
        try store.with { engine, session in
            let relation = try engine.relation(named: "a")
            for round in 0..<2 {
                let before = engine.buffers.statistics
                for block in 0..<20 as Range<UInt32> {
                    let mark = try relation.read(BlockNumber(block), session: session) { page in
                        try page.withCopy { view in try view.mark(block) }
                    }
                    #expect(mark == 5)
                }
                let now = engine.buffers.statistics
                #expect(now.hits - before.hits == (round == 0 ? 0 : 20))
            }
            engine.buffers.checkInvariants(idle: false)
            let beyond = expectError(.notFound) {
                try relation.read(BlockNumber(20), session: session) { _ in }
            }
            #expect(beyond?.message.contains("has no block 20") == true)
        }
    }

    /// Pages whose halves agree, under two writers and an evictor, in a pool that is too small.
    @Test("Writers and eviction at once", arguments: IOMethodMatrix.all)
    func stress(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.maximumSessions = 8 }
        let blocks: UInt32 = 80
        let relation = try TestThreads.run {
            let session = try engine.makeSession()
            defer { session.close() }
            let relation = try engine.load("a", Int(blocks), mark: 1, session)
            for block in 0..<blocks { try Self.set(relation, block, UInt64(block), session) }
            return relation
        }
        let readers = Atomic<Int>(2)
        let found = try TestThreads.run(5) { thread in
            let session = try engine.makeSession()
            defer { session.close() }
            var random = SplitMix64(seed: IOMethodMatrix.seed &+ UInt64(thread))
            // Half of all accesses go to four hot pages.
            func block() -> UInt32 {
                UInt32.random(in: 0..<(Bool.random(using: &random) ? 4 : blocks), using: &random)
            }
            if thread >= 2 {
                while readers.load(ordering: .relaxed) > 0 {
                    let block = block()
                    if thread == 4 {
                        _ = try engine.buffers.evict(
                            BlockNumber(block), of: relation.open, session: session)
                    } else {
                        let page = try relation.page(BlockNumber(block), session: session)
                        let value = UInt64(block) | random.next() << 32
                        Self.set(page, value, pausing: value & 1 << 40 == 0)
                    }
                }
                return 0
            }
            defer { readers.subtract(1, ordering: .relaxed) }
            var wrong = 0
            for _ in 0..<4000 {
                let block = block()
                let halves = try relation.read(
                    BlockNumber(block), session: session, Self.halves)
                let isOwn = UInt32(truncatingIfNeeded: halves.left) == block
                if !halves.isWhole || !isOwn { wrong += 1 }
            }
            return wrong
        }
        #expect(found.allSatisfy { $0 == 0 }, "seed \(IOMethodMatrix.seed)")
        engine.buffers.checkInvariants(idle: false)
        try engine.close()
    }

    /// What happens to a page while it is being read.
    enum Change: CaseIterable {
        case written, changedUndirtied, evicted, replaced, dropped, extended

        /// Whether the page has other contents afterwards.
        var isVisible: Bool { self == .written || self == .changedUndirtied || self == .extended }
    }

    private static func make(
        _ change: Change, to relation: Relation, _ engine: Engine
    ) throws {
        let session = try engine.makeSession()
        defer { session.close() }
        let buffers = engine.buffers
        switch change {
        case .written: try set(relation, 3, 9, session)
        case .changedUndirtied:
            try relation.page(3, session: session).withEditor(dirtying: false) { editor in
                editor.initialize()
            }
        case .evicted:
            #expect(try buffers.evict(3, of: relation.open, session: session).evicted == 1)
        case .replaced:
            _ = try buffers.evict(3, of: relation.open, session: session)
            // Other pages take all buffers, then the page comes back.
            let other = try engine.relation(named: "b")
            for block in 0..<other.blockCount {
                _ = try other.page(BlockNumber(block), session: session)
            }
            _ = try relation.page(3, session: session)
        case .dropped: try buffers.drop(relation.open, session: session)
        case .extended:
            try buffers.dropBlocks(of: relation.open, from: 3, session: session)
            try relation.open.storage.truncate(.main, to: 3, session: session)
            _ = try buffers.extend(relation.open, session: session)
        }
    }

    @Test("A change in the middle", arguments: IOMethodMatrix.all, Change.allCases)
    func changed(_ method: TestedMethod, _ change: Change) throws {
        try TestStore(method).with { engine, session in
            let relation = try engine.load("a", 4, mark: 1, session)
            try engine.load("b", 100, mark: 2, session)
            _ = try engine.checkpoint(session)
            for outcome in [false, true] {
                var calls = 0
                var first: UInt64 = 0
                _ = try relation.page(3, session: session)
                let value = try relation.read(3, session: session) { page in
                    calls += 1
                    let value = try page.load(Self.left, as: UInt64.self)
                    if calls == 1 {
                        first = value
                        // On a thread of its own: the change has a session of its own too.
                        try TestThreads.run { try Self.make(change, to: relation, engine) }
                        // Neither a value nor an error of this call may count.
                        if outcome { throw CancellationError() }
                        return value &+ 1
                    }
                    return value
                }
                #expect(calls == 2, "\(change)")
                if !change.isVisible { #expect(value == first) }
                if change == .extended { break }
            }
        }
    }

    /// A page that changes whenever it is looked at is locked in the end.
    @Test("Always changing", arguments: IOMethodMatrix.all)
    func alwaysChanging(_ method: TestedMethod) throws {
        try TestStore(method).with { engine, session in
            let relation = try engine.load("a", 4, mark: 1, session)
            var calls = 0
            var writer: RunningThread<Void>?
            let page = try relation.page(2, session: session)
            let value = try relation.read(2, session: session) { glimpse in
                calls += 1
                if calls <= 4 {
                    Self.set(page, UInt64(calls))
                } else {
                    writer = TestThreads.beside {
                        let session = try engine.makeSession()
                        defer { session.close() }
                        try Self.set(relation, 2, 99, session)
                    }
                    try TestThreads.waitOrFail("the writer sleeps") { page.hasLockWaiters }
                }
                return try glimpse.load(Self.right, as: UInt64.self)
            }
            #expect(calls == 5 && value == 4)
            try writer?.join()
            #expect(try relation.read(2, session: session, Self.halves).left == 99)
        }
    }

    @Test("Errors of the closure", arguments: IOMethodMatrix.all)
    func errors(_ method: TestedMethod) throws {
        struct Own: Error {}
        try TestStore(method).with { engine, session in
            let relation = try engine.load("a", 4, mark: 1, session)
            for isCached in [true, false] {
                var calls = 0
                func prepare() throws {
                    calls = 0
                    _ = try relation.page(1, session: session)
                    if !isCached {
                        _ = try engine.buffers.evict(1, of: relation.open, session: session)
                    }
                }
                try prepare()
                #expect(throws: Own.self) {
                    try relation.read(1, session: session) { _ in
                        calls += 1
                        throw Own()
                    }
                }
                #expect(calls == 1)
                try prepare()
                #expect(throws: PageFormatError.outsidePage(offset: 8190, length: 4)) {
                    try relation.read(1, session: session) { page in
                        calls += 1
                        return try page.load(8190, as: UInt32.self)
                    }
                }
                #expect(calls == 1)
            }
            engine.buffers.checkInvariants(idle: false)
        }
    }

    @Test("A relation that was dropped", arguments: IOMethodMatrix.all)
    func dropped(_ method: TestedMethod) throws {
        try TestStore(method).with { engine, session in
            let relation = try engine.load("a", 4, mark: 1, session)
            let before = try relation.read(1, session: session, Self.halves)
            try engine.dropRelation(named: "a", session: session)
            _ = try engine.checkpoint(session)
            #expect(try relation.read(1, session: session, Self.halves) == before)
            _ = try engine.buffers.evict(relation.open, session: session)
            #expect(try relation.read(1, session: session, Self.halves) == before)
        }
    }

    /// Pages that are only glimpsed at stay in the pool as pinned ones do.
    @Test func glimpsesKeepAPageInThePool() throws {
        try TestStore().with { engine, session in
            let relation = try engine.load("a", 400, mark: 1, session)
            _ = try relation.page(0, session: session)
            for block in 1..<400 as Range<UInt32> {
                _ = try relation.page(BlockNumber(block), session: session)
                _ = try relation.read(0, session: session, Self.halves)
            }
            #expect(engine.buffers.isResident(0, of: relation.open))
            #expect(engine.buffers.statistics.reads >= 300)
        }
    }

    @Test func anotherEnginesSession() throws {
        try TestStore().with { engine, session in
            let relation = try engine.load("a", 2, mark: 1, session)
            try TestStore().with { _, foreign in
                for block in [0, 1] as [BlockNumber] {
                    expectError(.misuse) { try relation.read(block, session: foreign) { _ in } }
                }
            }
        }
    }

    @Test("From tasks", arguments: IOMethodMatrix.all, Service.allCases)
    func tasks(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 20)
        for _ in 0..<2 {
            for block in 0..<20 as Range<UInt32> {
                let mark = try await store.relation.read(
                    BlockNumber(block), session: store.session
                ) { page in try page.withCopy { view in try view.mark(block) } }
                #expect(mark == AsyncStore.mark)
            }
        }
        await #expect(throws: CancellationError.self) {
            try await store.relation.read(0, session: store.session) { _ in
                throw CancellationError()
            }
        }
        await #expect(throws: StorageError.self) {
            try await store.relation.read(20, session: store.session) { _ in }
        }
        try await store.end()
    }
}
