internal import AsyncIO
internal import Strata

/// Reading from a simulated device with long latency and many IOs at a time: how much of it the
/// default settings use.
enum DeviceBench {
    /// The number of random blocks in one measurement.
    private static let randomCount = 4096
    /// The number of blocks within which the stream should find its depth.
    private static let rampBlocks = 200.0

    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        let model = plan.device
        // With the default pool and number of sessions.
        return try plan.data.withRelation(
            method, sessions: 62, poolBytes: EngineOptions().poolBytes, device: model
        ) {
            (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            let bar: BenchBar? =
                switch name {
                case "io_uring": .atLeast(0.9)
                case "worker": .atLeast(0.8)
                default: nil
                }
            var random = BenchRow("device/random", method: name, unit: "blocks/s", bar: bar)
            var sequential = BenchRow(
                "device/sequential", method: name, unit: "blocks/s", bar: bar)
            var ramp = BenchRow(
                "device/ramp", method: name, unit: "blocks",
                bar: name == "sync" ? nil : .atMost(1))
            var order = RandomOrder(pageCount: plan.data.pageCount, count: randomCount)
            var scan = RelationScan("device", plan, relation, session)
            let plain = try PlainReader(plan)
            let limit = Double(model.parallelism) * 1e9 / Double(max(1, model.latencyNanoseconds))
            for _ in 0..<plan.rounds {
                let part = order.next()
                let blocks = Double(part.blocks.count)
                let single = try scan.time(
                    BlockSequence(part.blocks), sum: part.sum, options: ReadStreamOptions())
                random.add(
                    value: blocks / single.elapsed, ceiling: limit,
                    processorMicroseconds: single.processor * 1e6 / blocks)
                let reached = scan.statistics?.pagesBeforeMaximumReads ?? 0
                ramp.add(
                    value: Double(reached), ceiling: rampBlocks,
                    processorMicroseconds: single.processor * 1e6 / blocks)

                // Neighbours are joined, so the device allows more than the processor.
                let copying = try plain.time()
                let all = try scan.time()
                let pages = Double(plan.data.pageCount)
                let perRead = scan.statistics?.blocksPerRead ?? 1
                sequential.add(
                    value: pages / all.elapsed,
                    ceiling: min(limit * perRead, pages / copying.elapsed),
                    processorMicroseconds: all.processor * 1e6 / pages)
            }
            return [random, sequential, ramp]
        }
    }
}
