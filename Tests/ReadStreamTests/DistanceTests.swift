import AsyncIO
import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing

/// How far the stream looks ahead, and why.
@Suite struct DistanceTests {
    /// The blocks that a stream asked for and the user has not taken.
    final class Counter {
        var asked = 0
    }

    func counted(_ blocks: Range<UInt32>, _ counter: Counter) -> BlockGenerator<Void> {
        var next = blocks.lowerBound
        return BlockGenerator {
            guard next < blocks.upperBound else { return nil }
            counter.asked += 1
            next += 1
            return BlockNumber(next - 1)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func cachedPagesAreTakenOneByOne(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            try store.warm(0..<100, session)
            let before = store.manager.statistics
            let counter = Counter()
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: counted(0..<100, counter))
            for block in 0..<100 {
                #expect(try take(&stream, atMost: 1) == [UInt32(block)])
                #expect(counter.asked == block + 1)
            }
            let statistics = stream.statistics
            #expect(statistics.pages == 100 && statistics.hits == 100 && statistics.reads == 0)
            #expect(statistics.maximumDistance == 1 && statistics.averageDistance == 1)
            #expect(store.manager.statistics.reads == before.reads)
            #expect(store.manager.statistics.hits == before.hits + 100)
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func neighboursAreJoinedUpToTheLimit(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.blocks = 256
        options.combineLimit = 8
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockRange(0..<256))
            #expect(try take(&stream).count == 256)
            // 1, 2, 4 and then 8 at a time.
            let statistics = stream.statistics
            #expect(statistics.blocksRead == 256)
            #expect(statistics.reads <= 3 + (256 - 7 + 7) / 8 + 1)
            #expect(statistics.reads >= 256 / 8)
            #expect(store.manager.statistics.readOperations == statistics.reads)
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func aFullStreamReadsWideFromTheStart(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions([.full, .sequential]), source: BlockRange(0..<96))
            #expect(try take(&stream, atMost: 1) == [0])
            #expect(stream.statistics.blocksPerRead == 16)
            #expect(try take(&stream).count == 95)
            #expect(stream.statistics.reads == 6)
        }
    }

    /// Without waiting, there is no reason to read ahead of the next read.
    @Test func onlyWaitingLengthensTheDistance() throws {
        let store = try TestStore(TestedMethod(.synchronous))
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.sequential), source: BlockRange(0..<100))
            #expect(try take(&stream).count == 100)
            #expect(stream.statistics.maximumDistance == 1)
            #expect(stream.statistics.maximumReadsInFlight == 1)
            #expect(stream.statistics.blockedWaits == 0)
            #expect(stream.statistics.blockedNanoseconds > 0)
        }
    }

    /// Without asynchronous IO, looking ahead serves to advise the kernel of blocks out of order.
    @Test func adviceLengthensTheDistance() throws {
        let store = try TestStore(TestedMethod(.synchronous))
        try store.withSession { session throws in
            let blocks = (0..<50).map { BlockNumber(UInt32($0) * 2) }
            for flags in [ReadStreamFlags(), .sequential] {
                _ = try store.manager.evictAll(session: session)
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags), source: BlockSequence(blocks))
                #expect(try take(&stream) == blocks.map(\.rawValue))
                let farthest = stream.statistics.maximumDistance
                #expect(farthest == (flags.isEmpty ? stream.statistics.distanceCapacity : 1))
            }
        }
    }

    @Test func waitingDoublesTheDistanceUpToTheCapacity() throws {
        var options = TestStore.Options()
        options.blocks = 400
        let store = try TestStore(.lazy, options)
        try store.withSession { session throws in
            // Every other block, so that nothing can be joined.
            let blocks = (0..<200).map { BlockNumber(UInt32($0) * 2) }
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockSequence(blocks))
            for block in blocks {
                #expect(try take(&stream, atMost: 1) == [block.rawValue])
                let statistics = stream.statistics
                #expect(statistics.maximumReadsInFlight <= 32)
                #expect(statistics.distance <= statistics.distanceCapacity)
            }
            let statistics = stream.statistics
            #expect(statistics.maximumReadsInFlight == 32, "as many as the session has handles")
            #expect(statistics.blockedWaits > 5)
            #expect(statistics.blocksPerRead == 1)
            #expect(statistics.maximumDistance >= 32)
        }
    }

    @Test func readsInFlightHaveACeiling() throws {
        var storeOptions = TestStore.Options()
        storeOptions.blocks = 400
        let store = try TestStore(.lazy, storeOptions)
        try store.withSession { session throws in
            var options = ReadStreamOptions()
            options.maximumReads = 3
            options.maintenanceReads = 2
            let blocks = (0..<200).map { BlockNumber(UInt32($0) * 2) }
            var stream = ReadStream(
                store.manager, over: store.relation, session: session, options: options,
                source: BlockSequence(blocks))
            #expect(try take(&stream).count == 200)
            #expect(stream.statistics.maximumReadsInFlight == 3)
            options.flags = .maintenance
            _ = try store.manager.evictAll(session: session)
            var other = ReadStream(
                store.manager, over: store.relation, session: session, options: options,
                source: BlockSequence(blocks))
            #expect(try take(&other).count == 200)
            #expect(other.statistics.maximumReadsInFlight == 2)
        }
    }

    @Test func cachedPagesShortenTheDistanceAfterAWhile() throws {
        var options = TestStore.Options()
        options.blocks = 400
        let store = try TestStore(.lazy, options)
        try store.withSession { session throws in
            let counter = Counter()
            var named: [UInt32] = (0..<200).map { $0 * 2 }
            let misses = named.count
            named += Array(repeating: 0, count: 400)
            let order = named
            var position = 0
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockGenerator {
                    guard position < order.count else { return nil }
                    position += 1
                    counter.asked += 1
                    return BlockNumber(order[position - 1])
                })
            #expect(try take(&stream, atMost: misses).count == misses)
            let (far, capacity) = (stream.statistics.distance, stream.statistics.distanceCapacity)
            #expect(far > 16)
            // Hits within the hold-off change nothing.
            #expect(try take(&stream, atMost: 1) == [0])
            #expect(stream.statistics.distance == far)
            #expect(try take(&stream, atMost: capacity + 2 * far).count == capacity + 2 * far)
            #expect(stream.statistics.distance == 1)
            let ahead = counter.asked - Int(stream.statistics.pages)
            #expect(ahead == 0, "nothing is asked for ahead any more")
        }
    }

    /// A slow device shows how far ahead to read. Reading from memory afterwards needs no distance.
    @Test(arguments: IOMethodMatrix.real.filter(\.isAsynchronous))
    func aSlowDeviceIsReadDeeplyWithinFewBlocks(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.blocks = 800
        options.buffers = 1024
        options.sessions = 2
        options.device = DeviceModel(latencyNanoseconds: 20_000_000, parallelism: 16)
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            let blocks = (0..<400).map { BlockNumber(UInt32($0) * 2) }
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockSequence((0..<6).flatMap { _ in blocks }))
            #expect(try take(&stream, atMost: 200).count == 200)
            #expect(stream.statistics.maximumReadsInFlight >= 16)
            #expect(stream.statistics.pagesBeforeMaximumReads < 200)
            #expect(try take(&stream).count == 2200)
            #expect(stream.statistics.distance < stream.statistics.maximumDistance)
        }
    }

    /// Not with workers: their queue is short, and the submitter executes what does not fit.
    @Test(
        arguments: IOMethodMatrix.all.filter { $0.isAsynchronous && $0.choice.name != "worker" })
    func batchesAreSubmittedTogether(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            var submissions: [UInt64] = []
            for (first, flags) in [(0, ReadStreamFlags.batching), (1, [])] {
                let before = store.system.statistics
                var options = ReadStreamOptions([flags, .full])
                options.maximumReads = 16
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session, options: options,
                    source: BlockSequence((0..<48).map { BlockNumber(UInt32($0 * 2 + first)) }))
                #expect(try take(&stream, atMost: 1) == [UInt32(first)])
                let after = store.system.statistics
                #expect(after.submitted - before.submitted >= 15)
                submissions.append(after.batches - before.batches)
            }
            #expect(submissions[0] <= 3 && submissions[1] >= 15)
        }
    }
}
