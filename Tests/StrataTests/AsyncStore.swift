import AsyncIO
import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// What serves an asynchronous session under test.
enum Service: CaseIterable, CustomStringConvertible {
    case executor, engineThread, polling

    var description: String {
        switch self {
        case .executor: "executor"
        case .engineThread: "engineThread"
        case .polling: "polling"
        }
    }
}

/// What happened, in order.
final class Record<Event: Sendable>: Sendable {
    private let events = Lock<[Event]>([], rank: .observer)
    func append(_ event: Event) { events.withLock { $0.append(event) } }
    var all: [Event] { events.withLock { $0 } }
}

/// An open store with a relation of marked pages, and a session for tasks.
///
/// Blocking calls are made on threads of their own, so every call that blocks while a task runs is
/// a bug of the engine. ``end()`` checks that there were none.
final class AsyncStore: Sendable {
    static let mark: UInt8 = 7

    let store: TestStore
    let engine: Engine
    let relation: Relation
    let session: AsyncSession
    /// How many IOs there were before the test began.
    let submittedBefore: Int
    private let executor: RingExecutor?
    private let poller: RunningThread<Void>?
    private let isEnding = Flag()

    final class Flag: Sendable {
        let value = Atomic<Bool>(false)
    }

    init(
        _ method: TestedMethod, _ service: Service, pages: Int = 100,
        limits: AsyncSessionOptions = AsyncSessionOptions(),
        _ change: @escaping @Sendable (inout EngineOptions) -> Void = { _ in }
    ) throws {
        let store = TestStore(method)
        self.store = store
        (engine, relation) = try TestThreads.run {
            let engine = try store.open(change)
            let session = try engine.makeSession()
            _ = try engine.load("r", pages, mark: Self.mark, session)
            // The pages read below are not in the pool.
            _ = try engine.buffers.evictAll(session: session)
            session.close()
            return (engine, try engine.relation(named: "r"))
        }
        submittedBefore = SimulatedMethod.of(engine.system)?.statistics.submitted ?? 0
        switch service {
        case .executor:
            executor = try RingExecutor()
            session = try engine.makeAsyncSession(on: executor!, options: limits)
            poller = nil
        case .engineThread:
            executor = nil
            session = try engine.makeAsyncSession(.engineThread, options: limits)
            poller = nil
        case .polling:
            executor = nil
            let session = try engine.makeAsyncSession(.polling, options: limits)
            self.session = session
            let isEnding = isEnding
            poller = TestThreads.beside { try Self.serve(session, isEnding) }
        }
    }

    /// A loop that only the descriptor wakes.
    private static func serve(_ session: AsyncSession, _ isEnding: Flag) throws {
        let descriptor = try session.descriptor
        while !isEnding.value.load(ordering: .acquiring) {
            let next = try session.process()
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let limit = next.map { min(50, max(1, Int($0 / .milliseconds(1)))) } ?? 50
            _ = unsafe poll(&entry, 1, CInt(limit))
        }
    }

    /// Closes everything. Checks that nothing was blocked and nothing is pinned.
    func end(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        await session.close()
        isEnding.value.store(true, ordering: .releasing)
        let (engine, executor, poller, log) = (engine, executor, poller, store.log)
        let pinned = try TestThreads.run {
            try poller?.join()
            #expect(
                engine.system.statistics.blockingCallsInTasks == 0, sourceLocation: sourceLocation)
            let session = try engine.makeSession()
            let count = try engine.buffers.evictAll(session: session)
            #expect(
                engine.system.snapshot().isEmpty, "handles are leaked",
                sourceLocation: sourceLocation)
            session.close()
            try executor?.shutdown()
            try engine.close()
            return count.skipped
        }
        #expect(pinned == 0, "pages are still pinned", sourceLocation: sourceLocation)
        _ = log
    }

    /// Checks that a page has its loaded contents.
    func check(_ page: borrowing PinnedPage, _ block: UInt32) async throws {
        #expect(page.block == BlockNumber(block))
        #expect(try await page.mark() == Self.mark)
    }
}

extension PinnedPage {
    /// The mark that ``fill(_:)`` put on the page, after checking that the page has its own block.
    func mark() async throws -> UInt8 {
        let block = block.rawValue
        return try await withView { view in try view.mark(block) }
    }
}

/// All methods under all services.
let asyncCases: [(TestedMethod, Service)] = IOMethodMatrix.all.flatMap { method in
    Service.allCases.map { (method, $0) }
}
