internal import RelationLoader
internal import Strata

/// A relation that the kernel caches, read from its first page to its last into a pool that is
/// empty of it, every page's checksum compared.
enum WarmBench {
    /// How much is read at a time without Strata.
    private static let readBytes = 128 << 10

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            // Where IO is not executed by the one who waits, all cores are to be used.
            let isSpread = name != "sync"
            var row = BenchRow(
                "warm", method: name, unit: "GB/s", bar: .atLeast(isSpread ? 1.6 : 0.85))
            var scan = RelationScan("warm", plan, relation, session)
            let file = try BenchFile(plan.data.file)
            let memory = try BenchMemory(byteCount: plan.data.pageCount * blockSize)
            // The pool is larger than the relation and less than twice as large: two passes touch
            // all of its memory. The kernel has cached the file then.
            for _ in 0..<2 { _ = try scan.time() }
            for _ in 0..<plan.rounds {
                let ceiling = try BenchClock.measure { () throws(BenchFailure) in
                    try read(file, into: memory, plan)
                }
                let time = try scan.time()
                let gigabytes = Double(plan.data.pageCount) * Double(blockSize) / 1e9
                row.add(
                    value: gigabytes / time.elapsed, ceiling: gigabytes / ceiling.elapsed,
                    processorMicroseconds: time.processor * 1e6 / Double(plan.data.pageCount))
            }
            return [row]
        }
    }

    /// Reads the file without Strata, on this thread: a stretch is copied, then its pages are
    /// verified while the processor's caches hold them.
    private static func read(
        _ file: borrowing BenchFile, into memory: borrowing BenchMemory, _ plan: BenchPlan
    ) throws(BenchFailure) {
        let total = plan.data.pageCount * blockSize
        var sum: UInt64 = 0
        var begin = 0
        while begin < total {
            try plan.checkCancellation()
            let count = min(readBytes, total - begin)
            // The memory has `total` bytes, and nobody else uses it.
            unsafe try file.read(into: memory.start + begin, from: begin, count: count)
            for offset in stride(from: begin, to: begin + count, by: blockSize) {
                let block = UInt32(offset / blockSize)
                let page = unsafe PageView(unsafePage: memory.start + offset)
                guard PageChecksum.compute(page, block: block) == page.storedChecksum else {
                    throw .wrongSum("warm/ceiling")
                }
                sum &+= unsafe memory.start.load(
                    fromByteOffset: offset + BenchPage.fieldOffset(block), as: UInt64.self)
            }
            begin += count
        }
        guard sum == plan.data.sum else { throw .wrongSum("warm/ceiling") }
    }
}
