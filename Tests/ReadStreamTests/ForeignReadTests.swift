import AsyncIO
import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing
import Threads

/// Blocks that another session is reading.
@Suite struct ForeignReadTests {
    /// A store in which another session's read of blocks 20 to 23 is held.
    func withForeignRead(
        _ body: (TestStore, SimulatedHold, Session) throws -> Void
    ) throws {
        let store = try TestStore(.tame)
        let method = try #require(SimulatedMethod.of(store.system))
        try store.withSession { other in
            let hold = method.hold { $0.offset == 20 * 8192 }
            let operation = try ReadOperation(
                store.manager, relation: store.relation, session: other)
            var count = 4
            #expect(try store.manager.startRead(operation, block: 20, count: &count))
            #expect(count == 4 && hold.count == 1)
            try store.withSession { session throws in try body(store, hold, session) }
            hold.release()
            try other.wait(for: WaitReference())
            operation.giveBack()
            try store.expectIdle(other)
        }
    }

    /// The stream splits its reads there, waits for the other's when it gets there, and returns all
    /// pages.
    @Test(arguments: [
        nil, SimulatedFault.error(EIO), .transfersAtMost(8192), .transfersAtMost(100),
    ])
    func foreignReadsAreWaitedForAndRetried(fault: SimulatedFault?) throws {
        try withForeignRead { store, hold, session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.full), source: BlockRange(0..<64))
            // All pages before it come while it is in flight.
            #expect(try take(&stream, atMost: 20) == Array(0..<20))
            hold.release(with: fault)
            #expect(try take(&stream) == Array(20..<64), "nobody inherits another's error")
        }
    }

    @Test func blocksBehindAForeignReadAreReadMeanwhile() throws {
        try withForeignRead { store, hold, session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions([.full, .batching]), source: BlockRange(16..<64))
            #expect(try take(&stream, atMost: 4) == Array(16..<20))
            hold.release()
            #expect(try take(&stream) == Array(20..<64))
        }
    }

    @Test func abandoningAWaitForAForeignRead() throws {
        try withForeignRead { store, hold, session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.full), source: BlockRange(10..<64))
            #expect(try take(&stream, atMost: 10) == Array(10..<20))
            stream.reset()
            stream.source = BlockRange(30..<64)
            #expect(try take(&stream) == Array(30..<64))
        }
    }

    /// The same blocks again while the stream's own read of them is in flight, also if it is not
    /// submitted.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func ownReadsInFlight(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            for flags in [ReadStreamFlags.full, [.full, .batching]] {
                let blocks = Array(repeating: [UInt32](10..<14), count: 20).flatMap { $0 }
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags),
                    source: BlockSequence(blocks.lazy.map { BlockNumber($0) }))
                #expect(try take(&stream) == blocks)
                stream.end()
                try store.expectIdle(session)
            }
        }
    }
}
