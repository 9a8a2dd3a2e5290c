import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// Scans by several threads or tasks give each page once.
@Suite("Parallel scans") struct ParallelScanTests {
    private struct Own: Error {}

    @Test("On threads", arguments: IOMethodMatrix.all, [1, 3])
    func threads(_ method: TestedMethod, _ workers: Int) throws {
        try TestStore(method).with { engine, session in
            let relation = try engine.load("a", 150, mark: 3, session)
            _ = try engine.buffers.evict(relation.open, session: session)
            // From disk, then in part from the pool.
            for _ in 0..<2 {
                let found = try relation.parallelScan(workers: workers) { pages in
                    var blocks: [UInt32] = []
                    while let page = try pages.next() {
                        let block = page.block.rawValue
                        #expect(pages.data == Int(block) / 32)
                        #expect(try page.withView { view in try view.mark(block) } == 3)
                        blocks.append(block)
                    }
                    return blocks
                }
                #expect(found.count == workers)
                #expect(found.allSatisfy { $0 == $0.sorted() })
                #expect(found.joined().sorted() == Array(0..<150))
            }
            // Sessions and pins are given back.
            #expect(try engine.buffers.evict(relation.open, session: session).skipped == 0)
        }
    }

    @Test("By tasks", arguments: IOMethodMatrix.all, Service.allCases)
    func tasks(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 150)
        let found = try await store.relation.parallelScan(workers: 3, session: store.session) {
            pages in
            var blocks: [UInt32] = []
            while let page = try await pages.next() { blocks.append(page.block.rawValue) }
            return blocks
        }
        #expect(found.count == 3)
        #expect(found.joined().sorted() == Array(0..<150))
        await #expect(throws: Own.self) {
            try await store.relation.parallelScan(workers: 3, session: store.session) { pages in
                _ = try await pages.next()
                throw Own()
            }
        }
        await #expect(throws: StorageError.self) {
            try await store.relation.parallelScan(workers: 0, session: store.session) { _ in }
        }
        try await store.end()
    }

    /// The other workers find no more stretches, so that they end soon.
    @Test("An error of one worker", arguments: IOMethodMatrix.all)
    func failure(_ method: TestedMethod) throws {
        try TestStore(method).with { engine, session in
            let relation = try engine.load("a", 200, mark: 3, session)
            let calls = Atomic<Int>(0)
            let taken = Atomic<Int>(0)
            let isFailing = Atomic<Bool>(false)
            #expect(throws: Own.self) {
                try relation.parallelScan(workers: 2) { pages in
                    if calls.add(1, ordering: .relaxed).newValue == 1 {
                        try TestThreads.waitOrFail("the other one reads") {
                            taken.load(ordering: .relaxed) > 0
                        }
                        isFailing.store(true, ordering: .relaxed)
                        throw Own()
                    }
                    while let page = try pages.next() {
                        page.release()
                        guard taken.add(1, ordering: .relaxed).newValue == 1 else { continue }
                        try TestThreads.waitOrFail("the other one fails") {
                            isFailing.load(ordering: .relaxed)
                        }
                        usleep(300_000)
                    }
                }
            }
            // What it had taken by then, and not the rest.
            #expect(taken.load(ordering: .relaxed) < 200)
            let extent = relation.extent
            #expect(throws: Own.self) {
                try relation.parallelScan(workers: 1, extent: extent) { pages in
                    _ = try pages.next()
                    throw Own()
                }
            }
            #expect(try engine.buffers.evict(relation.open, session: session).skipped == 0)
        }
    }

    @Test("Too few sessions, and no workers")
    func limits() throws {
        try TestStore().with { engine, session in
            let relation = try engine.load("a", 10, mark: 3, session)
            for workers in [0, -1, Int.min] {
                expectError(.misuse) {
                    _ = try relation.parallelScan(workers: workers) { _ in }
                }
            }
            var others: [Session] = []
            while let other = try? engine.makeSession() { others.append(other) }
            expectError(.resourcesExhausted) {
                _ = try relation.parallelScan(workers: 2) { _ in }
            }
            for other in others { other.close() }
        }
    }

    @Test func aStoppedRangeGivesNoMoreStretches() {
        let shared = SharedBlockRange(0..<9, stretchLength: 3)
        var part = shared.part()
        #expect(part.next()?.block == 0)
        shared.stop()
        #expect(part.next()?.block == 1 && part.next()?.block == 2 && part.next() == nil)
        var other = shared.part()
        #expect(other.next() == nil)
    }
}
