import AsyncIO
import StorageTesting
import Strata
import Synchronization
import Testing

/// Reading and changing pages from tasks.
@Suite struct AsyncSessionTests {
    @Test(arguments: asyncCases)
    func tasksReadPages(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for step in 0..<100 {
                        let block = UInt32((step * 37 + task * 11) % 100)
                        let page = try await store.relation.page(
                            BlockNumber(block), session: store.session)
                        try await store.check(page, block)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func manyTasksWaitForOnePage(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service)
        let before = store.engine.buffers.statistics.readOperations
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    let page = try await store.relation.page(
                        BlockNumber(5), session: store.session)
                    try await store.check(page, 5)
                }
            }
            try await group.waitForAll()
        }
        #expect(store.engine.buffers.statistics.readOperations == before + 1)
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func scansGiveAllPages(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 300)
        for _ in 0..<2 {
            var stream = store.relation.scan(session: store.session)
            var block: UInt32 = 0
            while let page = try await stream.next() {
                try await store.check(page, block)
                block += 1
            }
            #expect(block == 300)
            #expect(try await stream.next() == nil)
        }
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func streamsGoBetweenPoolAndDisk(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 200) { $0.poolBytes = 256 * blockSize }
        // The first forty are in the pool, then come some that are not, repeatedly.
        for block in 0..<40 as Range<UInt32> {
            try await store.check(
                store.relation.page(BlockNumber(block), session: store.session), block)
        }
        var blocks: [UInt32] = []
        for round in 0..<20 as Range<UInt32> { blocks += Array(0..<40) + [60 + round * 3] }
        blocks += Array(100..<200)
        var stream = store.relation.stream(
            BlockSequence(blocks.map { BlockNumber($0) }), session: store.session)
        var position = 0
        while let page = try await stream.next() {
            try await store.check(page, blocks[position])
            position += 1
        }
        #expect(position == blocks.count)
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func changesOutlastThePool(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 200)
        // More pages than buffers, all of them dirty: they are written out for others.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 as Range<UInt32> {
                group.addTask {
                    for step in 0..<50 as Range<UInt32> {
                        let page = try await store.relation.page(
                            BlockNumber(step * 4 + task), session: store.session)
                        let block = page.block.rawValue
                        try await page.withEditor { editor in try editor.fill(9, block) }
                    }
                }
            }
            try await group.waitForAll()
        }
        try await store.engine.checkpoint()
        var stream = store.relation.scan(session: store.session)
        var count = 0
        while let page = try await stream.next() {
            #expect(try await page.mark() == 9)
            count += 1
        }
        #expect(count == 200)
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func relationsGrow(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 10)
        for _ in 0..<5 {
            var pages = try await store.relation.extend(by: 3, session: store.session)
            while let page = pages.next() { try await page.fillAwaiting(AsyncStore.mark) }
        }
        try await store.engine.checkpoint()
        #expect(store.relation.blockCount >= 15)
        for block in 0..<store.relation.blockCount {
            try await store.check(
                store.relation.page(BlockNumber(block), session: store.session), block)
        }
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func errorsComeToTheTaskConcerned(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service)
        let error = await #expect(throws: StorageError.self) {
            _ = try await store.relation.page(BlockNumber(100), session: store.session)
        }
        #expect(error?.code == .notFound)
        try await store.end()
    }

    @Test(arguments: IOMethodMatrix.all)
    func sessionsOfSeveralServicesShareReads(_ method: TestedMethod) async throws {
        let store = try AsyncStore(method, .executor)
        let other = try store.engine.makeAsyncSession(.engineThread)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for block in 0..<100 as Range<UInt32> {
                        let session = task % 2 == 0 ? store.session : other
                        let page = try await store.relation.page(
                            BlockNumber(block), session: session)
                        try await store.check(page, block)
                    }
                }
            }
            try await group.waitForAll()
        }
        await other.close()
        try await store.end()
    }
}

extension PinnedPage {
    /// Fills the page like ``fill(_:)``, from a task.
    func fillAwaiting(_ mark: UInt8) async throws {
        let block = block.rawValue
        try await withEditor { editor in try editor.fill(mark, block) }
    }
}
