import AsyncIO
import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// Tasks that are cancelled before they have what they wanted.
@Suite struct AsyncCancellationTests {
    /// How many cancellations each stress case makes; `STRATA_CANCELLATIONS` overrides it.
    static let count: Int =
        unsafe getenv("STRATA_CANCELLATIONS").flatMap { unsafe Int(String(cString: $0)) } ?? 300

    /// Lets IO wait until the test is ready for it.
    private static var held: TestedMethod {
        TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless, name: "held")
    }

    @Test(arguments: asyncCases)
    func cancelledTasksLeaveNothingBehind(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 300)
        let stress = CancellationStress(relation: store.relation, session: store.session) { page in
            let mark = try await page.mark()
            #expect(mark == AsyncStore.mark)
        }
        let outcome = try await stress.run(Self.count, seed: method.seed ?? 1)
        #expect(outcome.cancelled >= Self.count)
        for block in 0..<300 as Range<UInt32> {
            try await store.check(
                store.relation.page(BlockNumber(block), session: store.session), block)
        }
        try await store.end()
    }

    @Test(arguments: Service.allCases)
    func aCancelledReadGoesOnIntoThePool(_ service: Service) async throws {
        let store = try AsyncStore(Self.held, service)
        let method = try #require(SimulatedMethod.of(store.engine.system))
        let hold = method.hold()
        let reading = Task { try await store.mark(of: 3) }
        while method.pendingCount == 0 { await Task.yield() }
        reading.cancel()
        // The task returns at once: nothing has completed.
        await #expect(throws: CancellationError.self) { _ = try await reading.value }
        #expect(!store.isResident(3))
        // The next reader waits for the same IO.
        let next = Task { try await store.mark(of: 3) }
        while store.session.waitingCount == 0 { await Task.yield() }
        hold.release()
        #expect(try await next.value == AsyncStore.mark)
        #expect(method.statistics.submitted == 1 + store.submittedBefore)
        try await store.end()
    }

    @Test(arguments: Service.allCases)
    func aStreamThatGoesInTheMiddleGivesEveryPinBack(_ service: Service) async throws {
        let store = try AsyncStore(Self.held, service, pages: 100)
        do {
            var stream = store.relation.scan(session: store.session)
            for _ in 0..<10 { _ = try await stream.next() }
        }
        // Reads in flight end; then nothing is pinned, which this checks.
        try await store.end()
    }

    /// A stream that one task after another takes from.
    private final class SharedStream: @unchecked Sendable {
        private let store: AsyncStore
        private var stream: AsyncPageStream<BlockRange>
        private(set) var count: UInt32 = 0

        init(_ store: AsyncStore) {
            self.store = store
            stream = store.relation.scan(session: store.session)
        }

        func takeAll() async throws {
            while let page = try await stream.next() {
                try await store.check(page, count)
                count += 1
            }
        }
    }

    @Test(arguments: Service.allCases)
    func aCancelledStreamCanGoOn(_ service: Service) async throws {
        let store = try AsyncStore(Self.held, service, pages: 100)
        let method = try #require(SimulatedMethod.of(store.engine.system))
        let hold = method.hold()
        do {
            let stream = SharedStream(store)
            let reading = Task { try await stream.takeAll() }
            while store.session.waitingCount == 0 { await Task.yield() }
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            hold.release()
            try await stream.takeAll()
            #expect(stream.count == 100)
        }
        try await store.end()
    }

    @Test func aTaskCancelledBeforehandDoesNotWait() async throws {
        let store = try AsyncStore(Self.held, .executor)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            _ = try await store.mark(of: 1)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await store.end()
    }

    @Test func aCancelledCheckpointGoesOn() async throws {
        let store = try AsyncStore(TestedMethod(.worker), .engineThread)
        let page = try await store.relation.page(BlockNumber(0), session: store.session)
        try await page.fillAwaiting(9)
        let engine = store.engine
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await engine.checkpoint()
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await engine.checkpoint()
        let isDirty = page.isDirty
        #expect(!isDirty)
        page.release()
        try await store.end()
    }
}

extension AsyncStore {
    func mark(of block: UInt32) async throws -> UInt8 {
        try await relation.page(BlockNumber(block), session: session).mark()
    }

    func isResident(_ block: UInt32) -> Bool {
        engine.buffers.isResident(BlockNumber(block), of: relation.open)
    }
}
