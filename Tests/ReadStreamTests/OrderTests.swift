import AsyncIO
import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing

/// Every block comes once for every time it was named, in that order, with the right page.
@Suite struct OrderTests {
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func forward(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.segmentBlocks = 13
        options.buffers = 64
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockRange(0..<store.blocks))
            #expect(try take(&stream) == Array(0..<store.blocks))
            #expect(try take(&stream).isEmpty)
            let statistics = stream.statistics
            #expect(statistics.pages == 100)
            #expect(statistics.hits + statistics.blocksRead == 100)
            stream.end()
            try store.expectIdle(session)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func backward(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockRange(0..<store.blocks, backward: true))
            #expect(try take(&stream) == (0..<store.blocks).reversed())
            stream.end()
            try store.expectIdle(session)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func anyOrderWithRepetitions(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.buffers = 128
        options.segmentBlocks = 7
        let store = try TestStore(method, options)
        var random = SplitMix64(seed: IOMethodMatrix.seed)
        var blocks: [UInt32] = []
        while blocks.count < 2000 {
            let first = UInt32(random.below(90))
            // Runs of neighbours, single blocks, and the same block again and again.
            switch random.below(3) {
            case 0: blocks += first..<first + UInt32(random.below(10) + 1)
            case 1: blocks.append(first)
            default: blocks += Array(repeating: first, count: random.below(4) + 1)
            }
            if random.chance(0.05) { blocks += Array(repeating: 5, count: 60) }
        }
        let flags: [ReadStreamFlags] = [[], .batching, [.full, .sequential], [.batching, .full]]
        try store.withSession { session throws in
            for flags in flags {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags),
                    source: BlockSequence(blocks.lazy.map { BlockNumber($0) }))
                #expect(try take(&stream) == blocks)
                #expect(!session.isInBatch)
                stream.end()
                try store.expectIdle(session)
            }
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func cachedPagesAmongOthers(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            try store.warm(stride(from: 0, to: store.blocks, by: 3), session)
            try store.warm(40..<70, session)
            let before = store.manager.statistics
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockRange(0..<store.blocks))
            #expect(try take(&stream) == Array(0..<store.blocks))
            // No resident page was read.
            let missing = (0..<store.blocks).count { $0 % 3 != 0 && !(40..<70).contains($0) }
            #expect(store.manager.statistics.reads - before.reads >= UInt64(missing))
            if method.description.hasPrefix("partial") { return }
            #expect(store.manager.statistics.reads - before.reads == UInt64(missing))
        }
    }

    /// Data stays with its block across hits, misses, splits and the ring's end.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func dataTravelsWithItsBlock(method: TestedMethod) throws {
        final class Mark {
            let block: UInt32
            init(_ block: UInt32) { self.block = block }
        }
        let store = try TestStore(method)
        try store.withSession { session throws in
            try store.warm(20..<50, session)
            weak var last: Mark?
            do {
                var next: UInt32 = 0
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    source: BlockGenerator<Mark> {
                        guard next < 95 else { return nil }
                        next += 1
                        let mark = Mark(next - 1)
                        last = mark
                        return (BlockNumber(next - 1), mark)
                    })
                for block in 0..<UInt32(80) {
                    guard let page = try stream.next() else { break }
                    #expect(check(page) == block && stream.data?.block == block)
                }
            }
            #expect(last == nil, "what nobody took is freed with the stream")
            try store.expectIdle(session)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func localRelations(method: TestedMethod) throws {
        let store = try TestStore(method)
        try store.withSession { session throws in
            let relation = try store.registry.open(
                RelationLocator(database: 1, number: 7, localTo: session.index),
                managedBy: StorageManagerID(rawValue: 1))
            try TestStore.fill(relation, 60)
            var stream = ReadStream(
                store.manager, over: relation, session: session, source: BlockRange(0..<60))
            #expect(try take(&stream) == Array(0..<60))
            stream.end()
            try store.manager.dropLocal(session: session)
        }
    }

    /// Four sessions read the same blocks in different orders through a pool too small for them.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func manyStreamsAtOnce(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.buffers = 64
        let store = try TestStore(method, options)
        try TestThreads.run(4) { thread in
            try store.withSession { session throws in
                var random = SplitMix64(seed: IOMethodMatrix.seed, stream: UInt64(thread))
                for round in 0..<6 {
                    let blocks = (0..<store.blocks).shuffled(using: &random)
                    let order = round % 2 == 0 ? blocks : blocks.sorted()
                    var stream = ReadStream(
                        store.manager, over: store.relation, session: session,
                        options: ReadStreamOptions(round % 3 == 0 ? .batching : []),
                        source: BlockSequence(order.lazy.map { BlockNumber($0) }))
                    #expect(try take(&stream) == order)
                }
            }
        }
        try store.withSession { try store.expectIdle($0) }
    }
}
