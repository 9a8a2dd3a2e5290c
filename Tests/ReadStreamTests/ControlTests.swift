import AsyncIO
import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing

/// Reset, pause and resume.
@Suite struct ControlTests {
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func resetStartsAnew(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockRange(0..<100))
            for round in 0..<5 {
                stream.source = BlockRange(UInt32(round)..<100)
                #expect(try take(&stream, atMost: 40) == (0..<40).map { UInt32($0 + round) })
                stream.reset()
                #expect(stream.statistics.distance == 1)
                #expect(stream.data == nil)
                if round == 2 { try store.expectIdle(session) }
            }
            stream.source = BlockRange(90..<100)
            #expect(try take(&stream) == Array(90..<100))
            // After its end, too.
            stream.reset()
            stream.source = BlockRange(0..<10)
            #expect(try take(&stream) == Array(0..<10))
        }
    }

    @Test func resetLeavesReadsInFlightAlone() throws {
        let store = try TestStore(.tame)
        let method = try #require(SimulatedMethod.of(store.system))
        try store.withSession { session throws in
            let hold = method.hold { $0.offset >= 16 * 8192 && $0.offset < 64 * 8192 }
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.full), source: BlockRange(0..<64))
            #expect(try take(&stream, atMost: 16).count == 16)
            #expect(hold.count >= 1)
            stream.reset()
            // Other reads are made while the old one is in flight.
            stream.source = BlockRange(64..<100)
            #expect(try take(&stream) == Array(64..<100))
            hold.release()
            stream.reset()
            stream.source = BlockRange(0..<100)
            #expect(try take(&stream) == Array(0..<100))
            stream.end()
            try store.expectIdle(session)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func pausedStreamsGiveWhatTheyHave(method: TestedMethod) throws {
        final class Asked {
            var count: UInt32 = 0
        }
        let store = try TestStore(method)
        try store.withSession { session throws in
            let asked = Asked()
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                blocks: {
                    guard asked.count < 100 else { return nil }
                    asked.count += 1
                    return BlockNumber(asked.count - 1)
                })
            var taken = try take(&stream, atMost: 30)
            stream.pause()
            let askedBefore = asked.count
            taken += try take(&stream)
            #expect(taken == Array(0..<askedBefore) && asked.count == askedBefore)
            #expect(try take(&stream).isEmpty)
            stream.resume()
            #expect(try take(&stream) == Array(askedBefore..<100))
        }
    }

    /// A source that has no blocks until it is given some.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func aSourceCanGoOnLater(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session, source: BlockRange(0..<30))
            #expect(try take(&stream) == Array(0..<30))
            let distance = stream.statistics.distance
            stream.source = BlockRange(50..<90)
            #expect(try take(&stream).isEmpty, "it is not asked again by itself")
            stream.resume()
            #expect(stream.statistics.distance == distance)
            #expect(try take(&stream) == Array(50..<90))
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func emptyStreams(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            for flags in [ReadStreamFlags(), .full, .batching] {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags), source: BlockRange(5..<5))
                #expect(try take(&stream).isEmpty)
                #expect(try take(&stream).isEmpty)
                #expect(stream.statistics.pages == 0)
            }
        }
    }
}
