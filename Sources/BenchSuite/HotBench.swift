internal import RelationLoader
internal import Strata
internal import Synchronization

/// Pages in the pool and in the processor's caches: the cost of accessing one.
enum HotBench {
    /// Few enough that fields and descriptors stay in the processor's caches: memory itself is not
    /// measured.
    private static let mostPages = 512

    /// The visits per page of the relation in a round.
    private static let visits = 32

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            let count = UInt32(min(mostPages, plan.data.pageCount))
            let work = HotWork(
                plan: plan, relation: relation, session: session, count: count,
                passes: visits * plan.data.pageCount / Int(count))
            return try measure(work, relation.engine.ioMethodName)
        }
    }

    private static func measure(_ work: HotWork, _ method: String) throws(BenchFailure)
        -> [BenchRow]
    {
        var direct = BenchRow("hot/direct", method: method, unit: "ns/page", bar: .atMost(3))
        var stream = BenchRow("hot/stream", method: method, unit: "ns/page", bar: .atMost(2))
        let bare = try HotMemory(pageCount: work.count)
        // Reads the pages into the pool, and wakes the processor.
        _ = try work.direct()
        for _ in 0..<work.plan.rounds {
            let atomics = try work.time("hot/ceiling") { () throws(BenchFailure) in
                try bare.touch(work)
            }
            let pins = try work.time("hot/direct") { () throws(BenchFailure) in
                try work.direct()
            }
            let pages = try work.time("hot/stream") { () throws(BenchFailure) in
                try work.streamed()
            }
            let scale = 1e9 / Double(work.total)
            direct.add(
                value: pins.elapsed * scale, ceiling: atomics.elapsed * scale,
                processorMicroseconds: pins.processor * scale / 1000)
            stream.add(
                value: pages.elapsed * scale, ceiling: pins.elapsed * scale,
                processorMicroseconds: pages.processor * scale / 1000)
        }
        return [direct, stream]
    }
}

/// The visits to pages in a round, in three ways.
private struct HotWork {
    let plan: BenchPlan
    let relation: Relation
    let session: Session
    /// The number of pages visited, from the first on.
    let count: UInt32
    /// The number of visits to all of them.
    let passes: Int

    var total: Int { Int(count) * passes }

    /// Times `body`, which returns the sum of all fields visited, and checks the sum.
    func time(_ name: String, _ body: () throws(BenchFailure) -> UInt64) throws(BenchFailure)
        -> BenchTime
    {
        var sum: UInt64 = 0
        let time = try BenchClock.measure { () throws(BenchFailure) in sum = try body() }
        guard sum == BenchPage.sum(ofPages: Int(count)) &* UInt64(passes) else {
            throw .wrongSum(name)
        }
        return time
    }

    /// Pins one page after the other through the pool.
    func direct() throws(BenchFailure) -> UInt64 {
        let (buffers, open) = (relation.engine.buffers, relation.open)
        var sum: UInt64 = 0
        for _ in 0..<passes {
            try plan.checkCancellation()
            do throws(StorageError) {
                for block in 0..<count {
                    let page = try buffers.page(BlockNumber(block), of: open, session: session)
                    sum &+= BenchPage.field(page, block)
                }
            } catch { throw .storage(error) }
        }
        return sum
    }

    /// Takes them from one read stream.
    func streamed() throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        var block: UInt32 = 0
        var stream = relation.stream(
            RepeatedBlocks(count: count, passes: passes), session: session,
            options: ReadStreamOptions([.sequential, .full, .batching]))
        do throws(StorageError) {
            while let page = try stream.next() {
                sum &+= BenchPage.field(page, block)
                block &+= 1
                if block == count {
                    block = 0
                    if plan.cancellation.isCancelled { break }
                }
            }
        } catch { throw .storage(error) }
        try plan.checkCancellation()
        return sum
    }
}

/// The first blocks, repeatedly.
private struct RepeatedBlocks: BlockSource {
    let count: UInt32
    var passes: Int
    private var position: UInt32 = 0

    init(count: UInt32, passes: Int) { (self.count, self.passes) = (count, passes) }

    @inline(__always)
    mutating func next() -> (block: BlockNumber, data: Void)? {
        if position == count {
            position = 0
            passes &-= 1
        }
        if passes <= 0 { return nil }
        defer { position &+= 1 }
        return (BlockNumber(position), ())
    }
}

/// The same fields without a pool: memory, and one cache line instead of all descriptors.
private struct HotMemory: ~Copyable {
    private let memory: BenchMemory
    private let line = Atomic<UInt64>(0)

    init(pageCount: UInt32) throws(BenchFailure) {
        memory = try BenchMemory(byteCount: Int(pageCount) * blockSize)
        for block in 0..<pageCount {
            // Within the memory just made.
            unsafe memory.start.storeBytes(
                of: BenchPage.value(block),
                toByteOffset: Int(block) * blockSize + BenchPage.fieldOffset(block),
                as: UInt64.self)
        }
    }

    /// Touches all fields, each between two atomic operations like those of a pin. The orderings
    /// are those of taking and releasing a lock; the partner is the line itself.
    borrowing func touch(_ work: HotWork) throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        for _ in 0..<work.passes {
            try work.plan.checkCancellation()
            for block in 0..<work.count {
                line.wrappingAdd(1, ordering: .acquiring)
                sum &+= unsafe memory.start.load(
                    fromByteOffset: Int(block) &* blockSize &+ BenchPage.fieldOffset(block),
                    as: UInt64.self)
                line.wrappingSubtract(1, ordering: .releasing)
            }
        }
        return sum
    }
}
