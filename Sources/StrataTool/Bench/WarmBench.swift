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
            // Workers verify on their own threads, so they are to use the second core.
            var row = BenchRow(
                "warm", method: name, unit: "GB/s", bar: .atLeast(name == "worker" ? 1.6 : 0.85))
            let scan = WarmScan(plan: plan, relation: relation, session: session)
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

/// The reading through Strata.
private struct WarmScan {
    let plan: BenchPlan
    let relation: Relation
    let session: Session

    /// How many pages are read between two looks at the user's wishes; a power of two.
    private static let stride: UInt32 = 1024

    /// Reads the relation into the pool and checks the sum of its fields; then takes it out of the
    /// pool, which is not timed.
    func time() throws(BenchFailure) -> BenchTime {
        var sum: UInt64 = 0
        let time = try BenchClock.measure { () throws(BenchFailure) in sum = try read() }
        guard sum == plan.data.sum else { throw .wrongSum("warm") }
        let left = try BenchFailure.wrap { () throws(StorageError) in
            try relation.engine.buffers.evict(relation.open, session: session)
        }
        // Else the next round would find pages instead of reading them.
        guard left.skipped == 0 else {
            throw .storage(
                StorageError(
                    .pageInUse,
                    "\(Wording.count(left.skipped, "page")) that case warm read stayed in the pool")
            )
        }
        return time
    }

    private func read() throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        var block: UInt32 = 0
        // Without a ring, so that the whole relation goes into the pool.
        var stream = relation.stream(
            BlockRange(0..<relation.blockCount), session: session,
            options: ReadStreamOptions([.sequential, .full, .batching]))
        do throws(StorageError) {
            while let page = try stream.next() {
                sum &+= BenchPage.field(page, block)
                block &+= 1
                if block & (Self.stride - 1) == 0, plan.cancellation.isCancelled { break }
            }
        } catch { throw .storage(error) }
        try plan.checkCancellation()
        return sum
    }
}
