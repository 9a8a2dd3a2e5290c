internal import RelationLoader
internal import Strata

/// Reading a relation that the kernel caches, from its first page to its last, into a pool without
/// its pages, verifying every checksum.
enum WarmBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            // If the waiting thread does not execute the IO itself, all cores should be used.
            let isSpread = name != "sync"
            var row = BenchRow(
                "warm", method: name, unit: "GB/s", bar: .atLeast(isSpread ? 1.6 : 0.85))
            let threads = BenchThreads.counts.last ?? 2
            var spread = BenchRow(
                "warm/threads/\(threads)", method: name, unit: "GB/s", bar: nil)
            var scan = RelationScan("warm", plan, relation, session)
            let plain = try PlainReader(plan)
            // The pool is larger than the relation but less than twice as large: two passes touch
            // all of its memory. After them the kernel has cached the file.
            for _ in 0..<2 { _ = try scan.time() }
            for _ in 0..<plan.rounds {
                let ceiling = try plain.time()
                let time = try scan.time()
                let pages = Double(plan.data.pageCount)
                let gigabytes = pages * Double(blockSize) / 1e9
                row.add(
                    value: gigabytes / time.elapsed, ceiling: gigabytes / ceiling.elapsed,
                    processorMicroseconds: time.processor * 1e6 / pages)
                guard isSpread else { continue }
                let together = try PlainReader.time(plan, threads: threads)
                spread.add(
                    value: gigabytes / together.elapsed, ceiling: gigabytes / ceiling.elapsed,
                    processorMicroseconds: together.processor * 1e6 / pages)
            }
            return isSpread ? [row, spread] : [row]
        }
    }
}
