internal import Strata

/// A pool whose memory was never used: the cost of opening an engine with it and of filling it, and
/// its memory besides the pages.
enum TouchBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        var rows: [BenchRow] = []
        for _ in 0..<plan.rounds { try measureRound(plan, method, &rows) }
        return rows
    }

    private static func measureRound(
        _ plan: BenchPlan, _ method: IOMethodChoice, _ rows: inout [BenchRow]
    ) throws(BenchFailure) {
        // A virtual machine may first have to get memory from its host, which is neither the
        // kernel's work here nor Strata's.
        _ = try BenchMemory(byteCount: plan.data.poolBytes)
        let opening = try BenchClock.measure { () throws(BenchFailure) in
            try plan.data.withRelation(method) { _, _ in }
        }
        var (fresh, touched) = (BenchTime(), BenchTime())
        var (name, overhead) = ("", 0.0)
        try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            var scan = RelationScan("touch", plan, relation, session)
            name = relation.engine.ioMethodName
            overhead = Double(relation.engine.buffers.bookkeepingBytes)
            fresh = try scan.time()
            // The pool is larger than the relation: this touches the rest of it.
            _ = try scan.time()
            touched = try scan.time()
        }
        if rows.isEmpty {
            rows = [
                BenchRow("touch", method: name, unit: "s", bar: .atMost(1.35)),
                BenchRow("touch/open", method: name, unit: "ms", bar: nil),
                BenchRow("memory", method: name, unit: "% of pool", bar: .atMost(0.05)),
            ]
        }
        let scale = 1e6 / Double(plan.data.pageCount)
        rows[0].add(
            value: opening.elapsed + fresh.elapsed, ceiling: touched.elapsed,
            processorMicroseconds: (opening.processor + fresh.processor) * scale)
        rows[1].add(
            value: opening.elapsed * 1e3, ceiling: fresh.elapsed * 1e3,
            processorMicroseconds: opening.processor * scale)
        rows[2].add(
            value: overhead * 100 / Double(plan.data.poolBytes), ceiling: 100,
            processorMicroseconds: 0)
    }
}
