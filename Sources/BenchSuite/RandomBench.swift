internal import AsyncIO
internal import Strata

/// Single blocks in random order, read past the kernel's cache at increasing depths.
enum RandomBench {
    private static let depths = [1, 2, 4, 8, 16, 32, 64, 128]
    /// The depth that has a bar.
    private static let barDepth = 32
    /// The number of blocks in one measurement.
    private static let count = 2048

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(
            method, direct: true, concurrency: .fixed(depths.last ?? 1)
        ) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            var order = RandomOrder(pageCount: plan.data.pageCount, count: count)
            var rows: [BenchRow] = []
            // The synchronous method reads one block at a time, whatever the depth.
            for depth in name == "sync" ? [1] : depths {
                let hasBar = depth == barDepth && name == "io_uring"
                var row = BenchRow(
                    "random/\(depth)", method: name, unit: "blocks/s",
                    bar: hasBar ? .atLeast(0.95) : nil)
                let raw = try RawReader(
                    plan.data.file, byteCount: plan.data.pageCount * blockSize, depth: depth,
                    direct: true)
                var scan = RelationScan("random", plan, relation, session)
                var options = ReadStreamOptions([.full, .batching])
                options.maximumReads = depth
                for round in 0...plan.rounds {
                    let (first, second) = (order.next(), order.next())
                    var sum: UInt64 = 0
                    let ceiling = try BenchClock.measure { () throws(BenchFailure) in
                        sum = try raw.read(first.stretches, plan)
                    }
                    guard sum == first.sum else { throw .wrongSum("random/ceiling") }
                    let time = try scan.time(
                        BlockSequence(second.blocks), sum: second.sum, options: options)
                    // The first round touches the memory.
                    if round == 0 { continue }
                    let blocks = Double(second.blocks.count)
                    row.add(
                        value: blocks / time.elapsed, ceiling: blocks / ceiling.elapsed,
                        processorMicroseconds: time.processor * 1e6 / blocks)
                }
                rows.append(row)
            }
            return rows
        }
    }
}

/// The relation's blocks in random order, some at a time. None comes twice before all have come.
struct RandomOrder {
    private var blocks: [UInt32]
    private let count: Int
    private var position = 0

    struct Part {
        let blocks: [BlockNumber]
        var sum: UInt64 { blocks.reduce(0) { $0 &+ BenchPage.value($1.rawValue) } }
        var stretches: [RawReader.Stretch] {
            blocks.map { .init(offset: Int($0.rawValue) * blockSize, count: blockSize) }
        }
    }

    init(pageCount: Int, count: Int) {
        blocks = Array(0..<UInt32(pageCount))
        self.count = min(count, pageCount)
        // The same order in each run.
        var state: UInt64 = 42
        for index in stride(from: pageCount - 1, to: 0, by: -1) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            blocks.swapAt(index, Int((state >> 33) % UInt64(index + 1)))
        }
    }

    mutating func next() -> Part {
        if position + count > blocks.count { position = 0 }
        defer { position += count }
        return Part(blocks: blocks[position..<position + count].map { BlockNumber($0) })
    }
}
