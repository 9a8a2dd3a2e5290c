internal import RelationLoader
internal import Strata

/// Writing a relation whose pages are all in the pool and all changed, and making it durable.
enum WriteBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        try measurePlain(plan, method) + measureProtected(plan, method)
    }

    /// Without protection against torn pages; against the same without Strata.
    private static func measurePlain(_ plan: BenchPlan, _ method: IOMethodChoice)
        throws(BenchFailure) -> [BenchRow]
    {
        var rows = try plan.data.withRelation(method) { (relation, session) throws(BenchFailure) in
            let name = relation.engine.ioMethodName
            var rows = ["write", "write/checkpoint"].map {
                BenchRow($0, method: name, unit: "GB/s", bar: .atLeast(0.85))
            }
            let work = WriteWork(plan: plan, relation: relation, session: session)
            let raw = try RawWriting(plan)
            // Reads the pages into the pool and the file into the kernel's cache, and allocates the
            // memory for copies.
            try work.change(mark: 0)
            _ = try work.time()
            _ = try raw.time(plan)
            let gigabytes = Double(plan.data.pageCount) * Double(blockSize) / 1e9
            for round in 0..<plan.rounds {
                let ceiling = try raw.time(plan)
                let mark = UInt64(round + 1)
                try work.change(mark: mark)
                let time = try work.time()
                for (row, time, ceiling) in [
                    (0, time.write, ceiling.write), (1, time.whole, ceiling.whole),
                ] {
                    rows[row].add(
                        value: gigabytes / time.elapsed, ceiling: gigabytes / ceiling.elapsed,
                        processorMicroseconds: time.processor * 1e6 / Double(plan.data.pageCount))
                }
                try work.check(mark: mark)
            }
            return rows + [try PressureBench.measureSpread(plan, relation, session)]
        }
        rows.append(try PressureBench.measureEvictions(plan, method))
        return rows
    }

    /// With protection against torn pages; in turns with the same without.
    private static func measureProtected(_ plan: BenchPlan, _ method: IOMethodChoice)
        throws(BenchFailure) -> [BenchRow]
    {
        let journalled = try measure(
            plan, method, "write/doublewrite", .doubleWrite, direct: false, bar: .atLeast(0.45))
        do throws(BenchFailure) {
            let atomic = try measure(
                plan, method, "write/atomicwrites", .atomicWrites, direct: true, bar: nil)
            return [journalled, atomic]
        } catch {
            guard case .storage(let reason) = error, reason.code == .atomicWritesUnavailable else {
                throw error
            }
            plan.note("write/atomicwrites is left out: \(reason)")
            return [journalled]
        }
    }

    private static func measure(
        _ plan: BenchPlan, _ method: IOMethodChoice, _ name: String,
        _ protection: TornPageProtection, direct: Bool, bar: BenchBar?
    ) throws(BenchFailure) -> BenchRow {
        var row: BenchRow?
        let gigabytes = Double(plan.data.pageCount) * Double(blockSize) / 1e9
        for round in 0..<plan.rounds {
            let mark = UInt64(2 * round + 1)
            // The protection may be unavailable: try it first.
            let (used, time) = try checkpoint(plan, method, protection, direct, mark)
            let (_, ceiling) = try checkpoint(plan, method, .none, direct, mark + 1)
            var next = row ?? BenchRow(name, method: used, unit: "GB/s", bar: bar)
            next.add(
                value: gigabytes / time.elapsed, ceiling: gigabytes / ceiling.elapsed,
                processorMicroseconds: time.processor * 1e6 / Double(plan.data.pageCount))
            row = next
        }
        guard let row else { preconditionFailure("there is at least one round") }
        return row
    }

    /// Times a checkpoint of all pages, after another one that prepares memory and space.
    private static func checkpoint(
        _ plan: BenchPlan, _ method: IOMethodChoice, _ protection: TornPageProtection,
        _ direct: Bool, _ mark: UInt64
    ) throws(BenchFailure) -> (method: String, time: BenchTime) {
        try plan.data.withRelation(method, direct: direct, protection: protection) {
            (relation, session) throws(BenchFailure) in
            let work = WriteWork(plan: plan, relation: relation, session: session)
            try work.change(mark: 0)
            _ = try work.time()
            try work.change(mark: mark)
            let time = try work.time()
            try work.check(mark: mark)
            return (relation.engine.ioMethodName, time.whole)
        }
    }
}

/// The time of writing alone, and of writing and making durable.
private struct WriteTimes {
    var write = BenchTime()
    var whole = BenchTime()

    init(
        write: () throws(BenchFailure) -> Void, sync: () throws(BenchFailure) -> Void
    ) throws(BenchFailure) {
        self.write = try BenchClock.measure(write)
        let sync = try BenchClock.measure(sync)
        whole = BenchTime(
            elapsed: self.write.elapsed + sync.elapsed,
            processor: self.write.processor + sync.processor)
    }
}

/// Writing through Strata.
private struct WriteWork {
    let plan: BenchPlan
    let relation: Relation
    let session: Session

    /// The offset of each page's mark, behind the field that all cases read.
    private static let markOffset = blockSize - 8
    /// The number of pages visited between two checks for cancellation; a power of two.
    private static let stride: UInt32 = 1024

    /// Marks all pages in the pool.
    func change(mark: UInt64) throws(BenchFailure) {
        try forEachPage { page, _ in
            page.withExclusiveLock { span in
                span.storeBytes(of: mark, toByteOffset: Self.markOffset, as: UInt64.self)
            }
        }
    }

    /// Writes all changed pages and makes them durable.
    func time() throws(BenchFailure) -> WriteTimes {
        var count = 0
        let times = try WriteTimes { () throws(BenchFailure) in
            count = try BenchFailure.wrap { () throws(StorageError) in
                try relation.engine.buffers.flushAll(session: session)
            }
        } sync: { () throws(BenchFailure) in
            try BenchFailure.wrap { () throws(StorageError) in
                try relation.engine.checkpoint(session)
            }
        }
        guard count == plan.data.pageCount else { throw .wrongSum("write") }
        return times
    }

    /// Reads the pages back from the file, verifying them, and checks all of them.
    func check(mark: UInt64) throws(BenchFailure) {
        let left = try BenchFailure.wrap { () throws(StorageError) in
            try relation.engine.buffers.evict(relation.open, session: session)
        }
        guard left.evicted == plan.data.pageCount, left.written == 0 else {
            throw .wrongSum("write")
        }
        var sum: UInt64 = 0
        var isMarked = true
        try forEachPage { page, block in
            sum &+= BenchPage.field(page, block)
            // The pin keeps the page in place, and nothing else changes it.
            let found = unsafe page.unsafeAddress.load(
                fromByteOffset: Self.markOffset, as: UInt64.self)
            if found != mark { isMarked = false }
        }
        guard isMarked, sum == plan.data.sum else { throw .wrongSum("write") }
    }

    private func forEachPage(_ body: (borrowing PinnedPage, UInt32) -> Void) throws(BenchFailure) {
        var block: UInt32 = 0
        // Without a ring, so that the whole relation stays in the pool.
        var stream = relation.stream(
            BlockRange(0..<relation.blockCount), session: session,
            options: ReadStreamOptions([.sequential, .full, .batching]))
        do throws(StorageError) {
            while let page = try stream.next() {
                body(page, block)
                block &+= 1
                if block & (Self.stride - 1) == 0, plan.cancellation.isCancelled { break }
            }
        } catch { throw .storage(error) }
        try plan.checkCancellation()
        guard block == UInt32(plan.data.pageCount) else { throw .wrongSum("write") }
    }
}

/// Writing without Strata, on one thread, into the relation's own file: copies a stretch, sets the
/// checksums on the copies and writes them.
private struct RawWriting: ~Copyable {
    private let output: BenchOutput
    private let pages: BenchMemory
    private let copies: BenchMemory

    /// The bytes written at a time.
    private static let writeBytes = 128 << 10
    /// The bytes that the kernel is asked to write to the disk at a time.
    private static let hintBytes = 2 << 20

    /// The pages come from the file.
    init(_ plan: BenchPlan) throws(BenchFailure) {
        let total = plan.data.pageCount * blockSize
        let output = try BenchOutput(plan.data.file)
        let pages = try BenchMemory(byteCount: total)
        let copies = try BenchMemory(byteCount: Self.writeBytes)
        let file = try BenchFile(plan.data.file)
        // The memory has `total` bytes, and nothing else uses it.
        unsafe try file.read(into: pages.start, from: 0, count: total)
        self.output = output
        self.pages = pages
        self.copies = copies
    }

    func time(_ plan: BenchPlan) throws(BenchFailure) -> WriteTimes {
        try WriteTimes { () throws(BenchFailure) in
            let total = plan.data.pageCount * blockSize
            var begin = 0
            while begin < total {
                try plan.checkCancellation()
                let count = min(Self.writeBytes, total - begin)
                for offset in stride(from: 0, to: count, by: blockSize) {
                    // Both memories reach that far.
                    let copy = unsafe copies.start + offset
                    unsafe copy.copyMemory(
                        from: pages.start + begin + offset, byteCount: blockSize)
                    var editor = unsafe PageEditor(unsafePage: copy)
                    editor.setChecksum(block: UInt32((begin + offset) / blockSize))
                }
                unsafe try output.write(copies.start, at: begin, count: count)
                begin += count
                if begin % Self.hintBytes == 0 {
                    output.startWriteback(at: begin - Self.hintBytes, count: Self.hintBytes)
                }
            }
        } sync: { () throws(BenchFailure) in
            try output.sync()
        }
    }
}
