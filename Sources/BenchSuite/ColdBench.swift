internal import Strata

/// Reading a relation that is only on the disk, from its first page to its last, into a pool
/// without its pages: through the kernel's cache, and past it.
enum ColdBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try measure(plan, method, direct: false) + measure(plan, method, direct: true)
    }

    private static func measure(
        _ plan: BenchPlan, _ method: IOMethodChoice, direct: Bool
    ) throws(BenchFailure) -> [BenchRow] {
        try plan.data.withRelation(method, direct: direct) {
            (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            let title = direct ? "cold/direct" : "cold/buffered"
            let hasBar = direct && name == "io_uring"
            var speed = BenchRow(
                title, method: name, unit: "GB/s", bar: hasBar ? .atLeast(0.95) : nil)
            var processor = BenchRow(
                title + "/cpu", method: name, unit: "µs/page", bar: hasBar ? .atMost(1.2) : nil)
            let file = try BenchFile(plan.data.file)
            var scan = RelationScan(title, plan, relation, session)
            // Touches the pool's memory, and shows how many reads the stream keeps in flight.
            for _ in 0..<2 {
                file.dropFromPageCache()
                _ = try scan.time()
            }
            let size = relation.engine.buffers.configuration.combineLimit * blockSize
            let total = plan.data.pageCount * blockSize
            let raw = try RawReader(
                plan.data.file, byteCount: total,
                depth: max(1, scan.statistics?.maximumReadsInFlight ?? 1), direct: direct)
            let stretches = stride(from: 0, to: total, by: size).map {
                RawReader.Stretch(offset: $0, count: min(size, total - $0))
            }
            let (bytes, pages) = (Double(total) / 1e9, Double(plan.data.pageCount) / 1e6)
            for _ in 0..<plan.rounds {
                file.dropFromPageCache()
                var sum: UInt64 = 0
                let ceiling = try BenchClock.measure { () throws(BenchFailure) in
                    sum = try raw.read(stretches, plan)
                }
                guard sum == plan.data.sum else { throw .wrongSum(title + "/ceiling") }
                file.dropFromPageCache()
                let time = try scan.time()
                speed.add(
                    value: bytes / time.elapsed, ceiling: bytes / ceiling.elapsed,
                    processorMicroseconds: time.processor / pages)
                processor.add(
                    value: time.processor / pages, ceiling: ceiling.processor / pages,
                    processorMicroseconds: time.processor / pages)
            }
            return [speed, processor]
        }
    }
}
