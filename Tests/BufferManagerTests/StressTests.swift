import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

/// Many sessions at once on a pool much smaller than their data.
@Suite struct StressTests {
    private struct Random {
        var state: UInt64
        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    /// Each page's version only grows, and readers never see a torn page.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func readingWritingAndEvictingKeepContents(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.buffers = 48
        let stack = try Stack(method, options)
        let blocks = 96
        let relation = try stack.makeRelation(blocks: blocks)
        let written = Atomic<Int>(0)
        try TestThreads.run(4) { thread in
            let session = try stack.session()
            var random = Random(state: IOMethodMatrix.seed &+ UInt64(thread))
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            for _ in 0..<1500 {
                let block = UInt32(random.next(blocks))
                switch random.next(20) {
                case 0:
                    _ = try stack.buffers.evict(BlockNumber(block), of: relation, session: session)
                case 1:
                    try stack.buffers.flush(relation, session: session)
                case 2...8:
                    let page = try stack.buffers.page(
                        BlockNumber(block), of: relation, session: session)
                    page.withExclusiveLock { span in
                        let version = Stack.version(span.bytes)
                        Stack.restamp(&span, version: version + 1)
                    }
                    written.add(1, ordering: .relaxed)
                default:
                    let wanted = min(1 + random.next(6), blocks - Int(block))
                    let read = try stack.read(operation, block, wanted)
                    for (position, stamp) in read.enumerated() {
                        #expect(stamp?.block == block + UInt32(position))
                    }
                    operation.giveBack()
                }
            }
        }
        let session = try stack.session()
        try stack.buffers.flushAll(session: session)
        stack.buffers.checkInvariants()
        var sum = 0
        for block in 0..<blocks {
            sum += Int(try stack.stampOnDisk(relation, UInt32(block))?.version ?? 0)
        }
        #expect(sum == written.load(ordering: .relaxed))
    }

    /// Rewriting beside a background writer, checkpoints and evictions, all at once.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func writingInTheBackgroundKeepsContents(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.buffers = 48
        options.log = RecordedLog()
        let stack = try Stack(method, options)
        let blocks = 96
        let relations = try [1, 2].map { try stack.makeRelation($0, blocks: blocks) }
        let written = Atomic<Int>(0)
        let running = Atomic<Int>(3)
        try TestThreads.run(5) { thread in
            let session = try stack.session()
            switch thread {
            case 3:
                let writer = BackgroundWriter(stack.buffers, session: session)
                while running.load(ordering: .acquiring) > 0 { try writer.step() }
            case 4:
                while running.load(ordering: .acquiring) > 0 {
                    let checkpoint = try CheckpointWriter(stack.buffers, session: session)
                    while checkpoint.step(pages: 5) {}
                    try checkpoint.finish()
                }
            default:
                defer { running.subtract(1, ordering: .releasing) }
                var random = Random(state: IOMethodMatrix.seed &+ UInt64(thread))
                for _ in 0..<1200 {
                    let block = BlockNumber(UInt32(random.next(blocks)))
                    let relation = relations[random.next(2)]
                    if random.next(20) == 0 {
                        _ = try stack.buffers.evict(block, of: relation, session: session)
                        continue
                    }
                    let page = try stack.buffers.page(block, of: relation, session: session)
                    page.withExclusiveLock { span in
                        Stack.restamp(&span, version: Stack.version(span.bytes) + 1)
                    }
                    page.withEditor { $0.lsn = LSN(UInt64(written.load(ordering: .relaxed))) }
                    written.add(1, ordering: .relaxed)
                }
            }
        }
        let session = try stack.session()
        try stack.buffers.flushAll(session: session)
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
        var sum = 0
        for relation in relations {
            for block in 0..<UInt32(blocks) {
                sum += Int(try stack.stampOnDisk(relation, block)?.version ?? 0)
            }
        }
        #expect(sum == written.load(ordering: .relaxed))
        let statistics = stack.buffers.statistics
        #expect(
            statistics.writes >= statistics.checkpointWrites + statistics.backgroundWrites
                + statistics.evictionWrites)
    }

    /// Relations are created and dropped while others are read and extended.
    @Test(arguments: IOMethodMatrix.all)
    func droppingBesideOthers(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let steady = try stack.makeRelation(1, blocks: 40)
        try TestThreads.run(4) { thread in
            let session = try stack.session()
            var random = Random(state: IOMethodMatrix.seed &+ UInt64(thread))
            for round in 0..<40 {
                if thread < 2 {
                    let relation = try stack.makeRelation(
                        UInt32(100 + thread), blocks: 6, version: UInt32(round))
                    let operation = try ReadOperation(
                        stack.buffers, relation: relation, session: session)
                    #expect(
                        try stack.read(operation, 0, 4).first
                            == Stack.Stamp(block: 0, version: UInt32(round)))
                    operation.giveBack()
                    _ = try stack.buffers.extend(relation, by: 2, session: session)
                    try stack.buffers.drop(relation, session: session)
                    try stack.registry.unlink(relation, session: session)
                } else {
                    for _ in 0..<20 {
                        let block = UInt32(random.next(40))
                        let page = try stack.buffers.page(
                            BlockNumber(block), of: steady, session: session)
                        #expect(page.stamp == Stack.Stamp(block: block, version: 0))
                    }
                }
            }
        }
        stack.buffers.checkInvariants()
    }
}

extension Stack {
    static func version(_ bytes: RawSpan) -> UInt32 {
        let line = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 24, as: UInt32.self)
        return unsafe bytes.unsafeLoadUnaligned(
            fromByteOffset: Int(line & 0x7FFF) + 4, as: UInt32.self)
    }
}
