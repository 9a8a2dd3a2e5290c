internal import Strata

/// Reads the relation's file, or a part of it, without Strata, on one thread: copies a stretch,
/// then verifies its pages while the processor's caches hold them.
final class PlainReader {
    /// The bytes read at a time.
    private static let readBytes = 128 << 10

    private let plan: BenchPlan
    private let file: BenchFile
    private let memory: BenchMemory
    /// The part's bytes.
    private let bytes: Range<Int>

    /// - Parameters:
    ///   - part: which of `parts` equal parts to read.
    init(_ plan: BenchPlan, part: Int = 0, of parts: Int = 1) throws(BenchFailure) {
        self.plan = plan
        let pages = plan.data.pageCount
        bytes = pages * part / parts * blockSize..<pages * (part + 1) / parts * blockSize
        file = try BenchFile(plan.data.file)
        memory = try BenchMemory(byteCount: bytes.count)
    }

    /// Reads all of the file and checks the sum of its fields.
    func time() throws(BenchFailure) -> BenchTime {
        var sum: UInt64 = 0
        let time = try BenchClock.measure { () throws(BenchFailure) in sum = try read() }
        guard sum == plan.data.sum else { throw .wrongSum("plain reading") }
        return time
    }

    /// Reads the file on several threads at once, a part each.
    static func time(_ plan: BenchPlan, threads: Int) throws(BenchFailure) -> BenchTime {
        let (time, sum) = try BenchThreads.time(threads) { (index) throws(BenchFailure) in
            try PlainReader(plan, part: index, of: threads)
        } _: { (_, reader) throws(BenchFailure) in
            try reader.read()
        }
        guard sum == plan.data.sum else { throw .wrongSum("plain reading") }
        return time
    }

    private func read() throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        var begin = bytes.lowerBound
        while begin < bytes.upperBound {
            try plan.checkCancellation()
            let count = min(Self.readBytes, bytes.upperBound - begin)
            // The memory has room for the part, and nothing else uses it.
            let target = unsafe memory.start + (begin - bytes.lowerBound)
            unsafe try file.read(into: target, from: begin, count: count)
            for position in stride(from: 0, to: count, by: blockSize) {
                let block = UInt32((begin + position) / blockSize)
                let page = unsafe PageView(unsafePage: target + position)
                guard PageChecksum.compute(page, block: block) == page.storedChecksum else {
                    throw .wrongSum("plain reading")
                }
                sum &+= unsafe target.load(
                    fromByteOffset: position + BenchPage.fieldOffset(block), as: UInt64.self)
            }
            begin += count
        }
        return sum
    }
}
