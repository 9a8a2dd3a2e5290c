import AsyncIO
import StorageTesting
import Strata
import Synchronization
import Testing

/// What happens to tasks when a resource runs out, or is misused.
@Suite struct AsyncLimitTests {
    private static let method = TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless)

    private func expect(
        _ code: StorageError.Code, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @Sendable () async throws -> Void
    ) async {
        let error = await #expect(throws: StorageError.self, sourceLocation: sourceLocation) {
            try await body()
        }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        #expect(error?.remedy != nil || code == .closed, sourceLocation: sourceLocation)
    }

    /// Pins all buffers except that many.
    private func pinAll(_ store: AsyncStore, but left: UInt32) async throws -> Pins {
        let pins = Pins()
        for block in 0..<64 - left {
            pins.add(try await store.relation.page(BlockNumber(block), session: store.session))
        }
        return pins
    }

    /// Pages that are held until the last user goes.
    final class Pins: @unchecked Sendable {
        private var pages: [Box] = []
        private final class Box {
            let page: PinnedPage
            init(_ page: consuming PinnedPage) { self.page = page }
        }
        func add(_ page: consuming PinnedPage) { pages.append(Box(page)) }
        func releaseOne() { pages.removeLast() }
        func releaseAll() { pages = [] }
    }

    @Test(arguments: asyncCases)
    func tasksQueueForBuffersInOrder(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 200)
        let pins = try await pinAll(store, but: 0)
        let order = Record<UInt32>()
        // Its tasks begin in order, one after the other.
        let executor = try RingExecutor()
        let tasks = (100..<110 as Range<UInt32>).map { block in
            Task(executorPreference: executor) {
                let page = try await store.relation.page(
                    BlockNumber(block), session: store.session)
                order.append(block)
                try await store.check(page, block)
            }
        }
        while store.session.waitingCount < tasks.count { await Task.yield() }
        // One buffer serves them one after the other.
        pins.releaseOne()
        for task in tasks { try await task.value }
        #expect(order.all == Array(100..<110))
        try executor.shutdown()
        pins.releaseAll()
        try await store.end()
    }

    @Test(arguments: Service.allCases)
    func tasksQueueNoLongerThanTheyMay(_ service: Service) async throws {
        var limits = AsyncSessionOptions()
        limits.queueLimit = .milliseconds(20)
        let store = try AsyncStore(Self.method, service, pages: 200, limits: limits)
        let pins = try await pinAll(store, but: 0)
        await expect(.waitTooLong) {
            _ = try await store.relation.page(BlockNumber(150), session: store.session)
        }
        // A stream that was refused tries the same block again.
        var stream = store.relation.stream(BlockRange(100..<120), session: store.session)
        do {
            _ = try await stream.next()
            Issue.record("there was a buffer")
        } catch let error as StorageError {
            #expect(error.code == .waitTooLong)
        }
        pins.releaseAll()
        var block: UInt32 = 100
        while let page = try await stream.next() {
            try await store.check(page, block)
            block += 1
        }
        #expect(block == 120)
        try await store.end()
    }

    @Test(arguments: Service.allCases)
    func noMoreTasksWaitThanMay(_ service: Service) async throws {
        var limits = AsyncSessionOptions()
        limits.maximumWaiting = 3
        let store = try AsyncStore(Self.method, service, limits: limits)
        let method = try #require(SimulatedMethod.of(store.engine.system))
        let hold = method.hold()
        let tasks = (0..<3 as Range<UInt32>).map { block in
            Task { try await store.mark(of: block) }
        }
        while store.session.waitingCount < 3 { await Task.yield() }
        await expect(.tooManyWaiting) { _ = try await store.mark(of: 4) }
        hold.release()
        for task in tasks { #expect(try await task.value == AsyncStore.mark) }
        #expect(try await store.mark(of: 4) == AsyncStore.mark)
        try await store.end()
    }

    @Test func limitsAreChecked() async throws {
        var limits = AsyncSessionOptions()
        limits.maximumWaiting = 0
        let store = try AsyncStore(Self.method, .executor)
        let wrong = limits
        await expect(.invalidConfiguration) {
            _ = try store.engine.makeAsyncSession(.engineThread, options: wrong)
        }
        try await store.end()
    }

    @Test func aClosedSessionTakesNothing() async throws {
        let store = try AsyncStore(Self.method, .engineThread)
        await store.session.close()
        await expect(.closed) { _ = try await store.mark(of: 1) }
        await expect(.closed) { _ = try await store.relation.extend(session: store.session) }
        await store.session.close()
        try await store.end()
    }

    @Test func onlyAPolledSessionIsProcessed() async throws {
        let store = try AsyncStore(Self.method, .engineThread)
        await expect(.misuse) { _ = try store.session.process() }
        await expect(.misuse) { _ = try store.session.descriptor }
        try await store.end()
    }

    @Test func anEngineWithSessionsStaysOpen() async throws {
        let store = try AsyncStore(Self.method, .engineThread)
        let engine = store.engine
        try TestThreads.run { _ = expectError(.misuse) { try engine.close() } }
        #expect(try await store.mark(of: 1) == AsyncStore.mark)
        try await store.end()
    }

    @Test func anExecutorThatServesStays() async throws {
        let store = try AsyncStore(Self.method, .engineThread)
        let executor = try RingExecutor()
        let session = try store.engine.makeAsyncSession(on: executor)
        await expect(.misuse) { try executor.shutdown() }
        await session.close()
        try executor.shutdown()
        await expect(.closed) { _ = try store.engine.makeAsyncSession(on: executor) }
        try await store.end()
    }

    @Test func aSessionThatIsDroppedClosesByItself() async throws {
        let store = try AsyncStore(Self.method, .engineThread) { $0.backgroundWriter = nil }
        do {
            let session = try store.engine.makeAsyncSession(.engineThread)
            let page = try await store.relation.page(BlockNumber(1), session: session)
            try await store.check(page, 1)
        }
        // Otherwise the engine could not be closed.
        for _ in 0..<1000 where store.engine.system.openSessionCount > 2 {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(store.engine.system.openSessionCount == 2)
        try await store.end()
    }

    @Test func whatBlocksInATaskIsCounted() async throws {
        let directory = TestStore(TestedMethod(.synchronous))
        let store = try directory.open()
        let session = try store.makeSession()
        _ = try store.load("r", 3, mark: 1, session)
        #expect(store.system.statistics.blockingCallsInTasks > 0)
        session.close()
        try store.close()
    }
}
