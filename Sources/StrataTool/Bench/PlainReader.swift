internal import Strata

/// Reads the relation's file without Strata, on this thread: a stretch is copied, then its pages are
/// verified while the processor's caches hold them.
struct PlainReader: ~Copyable {
    /// How much is read at a time.
    private static let readBytes = 128 << 10

    private let plan: BenchPlan
    private let file: BenchFile
    private let memory: BenchMemory

    init(_ plan: BenchPlan) throws(BenchFailure) {
        let file = try BenchFile(plan.data.file)
        let memory = try BenchMemory(byteCount: plan.data.pageCount * blockSize)
        self.plan = plan
        self.file = file
        self.memory = memory
    }

    /// Reads all of it and checks the sum of its fields.
    func time() throws(BenchFailure) -> BenchTime {
        try BenchClock.measure { () throws(BenchFailure) in try read() }
    }

    private func read() throws(BenchFailure) {
        let total = plan.data.pageCount * blockSize
        var sum: UInt64 = 0
        var begin = 0
        while begin < total {
            try plan.checkCancellation()
            let count = min(Self.readBytes, total - begin)
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
