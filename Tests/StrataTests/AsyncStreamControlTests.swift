import AsyncIO
import StorageTesting
import Strata
import Synchronization
import Testing

/// Pause, resume and reset of streams for tasks.
@Suite struct AsyncStreamControlTests {
    /// Names blocks in order and counts them.
    private struct CountedBlocks: BlockSource, Sendable {
        let count: UInt32
        let named: Tally
        mutating func next() -> (block: BlockNumber, data: UInt32)? {
            let block = UInt32(named.count)
            guard block < count else { return nil }
            named.add()
            return (BlockNumber(block), block &+ 1)
        }
    }

    /// Takes all pages, or at most a given number, and returns their blocks.
    private func take<Source>(
        _ stream: inout AsyncPageStream<Source>, _ store: AsyncStore, atMost limit: Int = .max
    ) async throws -> [UInt32] {
        var blocks: [UInt32] = []
        while blocks.count < limit, let page = try await stream.next() {
            let block = page.block.rawValue
            try await store.check(page, block)
            blocks.append(block)
        }
        return blocks
    }

    @Test(arguments: asyncCases)
    func pausedStreamsGiveWhatTheyHave(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 200)
        let named = Tally()
        var stream = store.relation.stream(
            CountedBlocks(count: 200, named: named), session: store.session)
        var taken = try await take(&stream, store, atMost: 30)
        for _ in 0..<3 {
            try await stream.pause()
            let namedBefore = UInt32(named.count)
            taken += try await take(&stream, store)
            #expect(taken == Array(0..<namedBefore) && named.count == Int(namedBefore))
            #expect(try await stream.next() == nil)
            #expect(stream.data == nil)
            try await stream.resume()
            taken += try await take(&stream, store, atMost: 20)
            #expect(stream.data == taken.last.map { $0 + 1 })
        }
        taken += try await take(&stream, store)
        #expect(taken == Array(0..<200))
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func resetStartsAnew(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 200)
        var options = ReadStreamOptions()
        for flags in [[], .full, .batching] as [ReadStreamFlags] {
            options.flags = flags
            var stream = store.relation.stream(
                BlockRange(0..<200), session: store.session, options: options)
            for round in 0..<5 as Range<UInt32> {
                try await stream.reset(with: BlockRange(round..<200))
                #expect(stream.data == nil)
                let expected = Array(round..<round + 40)
                #expect(try await take(&stream, store, atMost: 40) == expected)
            }
            try await stream.reset(with: BlockRange(190..<200))
            #expect(try await take(&stream, store) == Array(190..<200))
            // After its end, too.
            try await stream.reset(with: BlockRange(0..<10))
            #expect(try await take(&stream, store) == Array(0..<10))
        }
        try await store.end()
    }

    @Test(arguments: asyncCases)
    func aSourceCanGoOnLater(_ method: TestedMethod, _ service: Service) async throws {
        let store = try AsyncStore(method, service, pages: 200)
        var stream = store.relation.stream(BlockRange(0..<30), session: store.session)
        // The loop has met the source's end while pages wait for the task.
        var taken = try await take(&stream, store, atMost: 20)
        try await stream.resume(with: BlockRange(30..<90))
        taken += try await take(&stream, store)
        // Blocks that the first source had not named by then are not read.
        let first = taken.count - 60
        #expect((20...30).contains(first))
        #expect(taken == Array(0..<UInt32(first)) + Array(30..<90))
        #expect(try await stream.next() == nil)
        try await stream.resume(with: BlockRange(10..<20))
        #expect(try await take(&stream, store) == Array(10..<20))
        try await store.end()
    }

    /// Resetting waits for no IO. IO in flight ends in the pool.
    @Test(arguments: Service.allCases)
    func resetLeavesReadsInFlightAlone(_ service: Service) async throws {
        let method = TestedMethod(seed: IOMethodMatrix.seed, faults: SimulatedFaults())
        let store = try AsyncStore(method, service, pages: 200)
        let simulated = try #require(SimulatedMethod.of(store.engine.system))
        let hold = simulated.hold { $0.offset >= 16 * 8192 && $0.offset < 64 * 8192 }
        var stream = store.relation.stream(
            BlockRange(0..<64), session: store.session, options: ReadStreamOptions(.full))
        #expect(try await take(&stream, store, atMost: 16).count == 16)
        try await stream.reset(with: BlockRange(64..<100))
        #expect(try await take(&stream, store) == Array(64..<100))
        hold.release()
        try await stream.reset(with: BlockRange(0..<100))
        #expect(try await take(&stream, store) == Array(0..<100))
        try await store.end()
    }

    @Test(arguments: Service.allCases)
    func aCancelledChangeLeavesTheStream(_ service: Service) async throws {
        let method = TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless)
        let store = try AsyncStore(method, service, pages: 200)
        let task = Task {
            var stream = store.relation.scan(session: store.session)
            var count = UInt32(try await take(&stream, store, atMost: 10).count)
            withUnsafeCurrentTask { $0?.cancel() }
            // Where the loop has the stream, a cancelled task does not wait for it.
            try? await stream.pause()
            while true {
                do {
                    try await stream.resume()
                    break
                } catch is CancellationError {
                    await Task.yield()
                }
            }
            while true {
                do {
                    guard let page = try await stream.next() else { return count }
                    #expect(page.block == BlockNumber(count))
                    count += 1
                } catch is CancellationError {
                    await Task.yield()
                }
            }
        }
        #expect(try await task.value == 200)
        try await store.end()
    }

    @Test func aClosedSessionChangesNothing() async throws {
        let method = TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless)
        let store = try AsyncStore(method, .engineThread, pages: 200)
        do {
            var stream = store.relation.scan(session: store.session)
            #expect(try await take(&stream, store, atMost: 1) == [0])
            await store.session.close()
            do {
                try await stream.pause()
                _ = try await take(&stream, store)
                Issue.record("the session was open")
            } catch let error as StorageError {
                #expect(error.code == .closed)
            }
        }
        // The stream has given its pages back, which this checks.
        try await store.end()
    }
}
