import AsyncIO
import BufferManager
import PageFormat
import ReadStream
import StorageManager
import StorageTesting
import Testing

/// Which pages the stream pins, and that it unpins them.
@Suite struct PinTests {
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func aStreamOfOnePinWorks(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            var options = ReadStreamOptions(.full)
            options.maximumPins = 0
            var stream = ReadStream(
                store.manager, over: store.relation, session: session, options: options,
                source: BlockRange(0..<40))
            #expect(try take(&stream) == Array(0..<40))
            #expect(stream.statistics.distanceCapacity == 1)
            #expect(stream.statistics.blocksPerRead == 1)
        }
    }

    @Test func theCapacityIsAFairShare() throws {
        var options = TestStore.Options()
        options.buffers = 256
        options.sessions = 16
        let store = try TestStore(.lazy, options)
        try store.withSession { session throws in
            let plain = ReadStream(
                store.manager, over: store.relation, session: session, source: BlockRange(0..<1))
            // An eighth of the pool for the only open session, or its share if that is more.
            #expect(plain.statistics.distanceCapacity == 32)
            let others = try (0..<3).map { _ in try store.manager.system.makeSession() }
            defer { for other in others { other.close() } }
            let shared = ReadStream(
                store.manager, over: store.relation, session: session, source: BlockRange(0..<1))
            #expect(shared.statistics.distanceCapacity == 16)
            let ring = AccessStrategy(.vacuum, for: store.manager)
            let limited = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions([], strategy: ring), source: BlockRange(0..<1))
            #expect(limited.statistics.distanceCapacity == min(16, ring.pinLimit ?? 0))
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func ringsAreUsedAgain(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.blocks = 300
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            let ring = AccessStrategy(.bulkRead, for: store.manager)
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions([.full, .sequential], strategy: ring),
                source: BlockRange(0..<300))
            #expect(try take(&stream) == Array(0..<300))
            #expect(store.manager.statistics.ringReuses > 0)
            let left = (0..<UInt32(300)).count {
                store.manager.isResident(BlockNumber($0), of: store.relation)
            }
            #expect(left <= 300 / 2)
        }
    }

    /// Others have pinned all buffers but one: the stream continues with that, page by page.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func oneFreeBufferIsEnough(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.buffers = 16
        options.sessions = 1
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            let holder = Pins()
            for block in 0..<15 {
                holder.add(
                    try store.manager.page(
                        BlockNumber(UInt32(block)), of: store.relation, session: session))
            }
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.full), source: BlockRange(20..<60))
            #expect(try take(&stream) == Array(20..<60))

            // With the last one pinned too, nothing can be read: an error, not a trap.
            holder.add(
                try store.manager.page(BlockNumber(15), of: store.relation, session: session))
            stream.source = BlockRange(70..<73)
            stream.resume()
            #expect(
                takeWithErrors(&stream, count: 2) == ["resourcesExhausted", "resourcesExhausted"])
            // Once there is a buffer again, the stream continues behind the failed block.
            holder.removeOne()
            #expect(takeWithErrors(&stream, count: 5) == ["72"])
            holder.removeAll()
            stream.end()
            try store.expectIdle(session)
        }
    }

    /// All buffers have dirty pages, which must be written before others can be read.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func dirtyPagesAreWrittenAheadOfTheUser(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.blocks = 200
        options.buffers = 64
        options.sessions = 2
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            for first in [0, 100] as [UInt32] {
                for block in first..<first + 64 {
                    let page = try store.manager.page(
                        BlockNumber(block), of: store.relation, session: session)
                    page.withEditor { $0.lsn = LSN(UInt64(block)) }
                }
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions([.full, .batching]), source: BlockRange(0..<200))
                #expect(try take(&stream) == Array(0..<200))
                #expect(stream.statistics.maximumReadsInFlight >= 1)
                stream.end()
            }
            try store.expectIdle(session)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func whatWasNotTakenIsGivenBack(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            for taken in [0, 1, 3, 17, 40, 99] {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions([.full, .batching]), source: BlockRange(0..<100))
                #expect(try take(&stream, atMost: taken).count == taken)
                stream.end()
                try store.expectIdle(session)
            }
        }
    }

    /// A stream may be destroyed while its reads are in flight. They end by themselves.
    @Test func readsInFlightGoOnWithoutTheStream() throws {
        let store = try TestStore(.tame)
        let method = try #require(SimulatedMethod.of(store.system))
        try store.withSession { session throws in
            let hold = method.hold { $0.offset >= 16 * 8192 }
            do {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(.full), source: BlockRange(0..<64))
                #expect(try take(&stream, atMost: 16).count == 16)
                #expect(hold.count >= 1)
            }
            hold.release()
            try store.expectIdle(session)
        }
    }
}

/// Pages that a test keeps.
final class Pins {
    private final class Pin {
        let page: PinnedPage
        init(_ page: consuming PinnedPage) { self.page = page }
    }
    private var pins: [Pin] = []

    func add(_ page: consuming PinnedPage) { pins.append(Pin(page)) }
    func removeOne() { pins.removeLast() }
    func removeAll() { pins.removeAll() }
}
