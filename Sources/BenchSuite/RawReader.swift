internal import RelationLoader
internal import Strata
internal import Threads

#if canImport(CLiburing)
    internal import CLiburing
#endif

/// Reads stretches of a file without Strata: several at a time through io_uring if available, else
/// one after the other.
@safe
struct RawReader: ~Copyable {
    /// A stretch to read.
    struct Stretch {
        let offset: Int
        let count: Int
    }

    private let file: BenchFile
    private let memory: BenchMemory
    private let depth: Int
    #if canImport(CLiburing)
        /// Owned; nil if io_uring cannot be used.
        private let ring: UnsafeMutablePointer<io_uring>?
    #endif

    /// - Parameters:
    ///   - byteCount: the length of the file, and the memory needed: a stretch goes to the position
    ///     in memory that it has in the file.
    ///   - depth: how many stretches to read at a time.
    init(
        _ path: String, byteCount: Int, depth: Int, direct: Bool
    ) throws(BenchFailure) {
        let file = try BenchFile(path, direct: direct)
        let memory = try BenchMemory(byteCount: byteCount)
        self.file = file
        self.memory = memory
        self.depth = depth
        #if canImport(CLiburing)
            let made = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
            unsafe made.initialize(to: io_uring())
            if unsafe io_uring_queue_init(UInt32(depth), made, 0) == 0 {
                unsafe ring = unsafe made
            } else {
                unsafe made.deallocate()
                unsafe ring = nil
            }
        #endif
    }

    deinit {
        #if canImport(CLiburing)
            if let ring = unsafe ring {
                unsafe io_uring_queue_exit(ring)
                unsafe ring.deallocate()
            }
        #endif
    }

    /// Reads all stretches, and verifies the pages of each as soon as it is there.
    ///
    /// - Returns: the sum over the pages' fields.
    func read(_ stretches: [Stretch], _ plan: BenchPlan) throws(BenchFailure) -> UInt64 {
        #if canImport(CLiburing)
            if let ring = unsafe ring { return try unsafe read(stretches, ring, plan) }
        #endif
        var sum: UInt64 = 0
        for stretch in stretches {
            try plan.checkCancellation()
            // The memory has as many bytes as the file.
            unsafe try file.read(
                into: memory.start + stretch.offset, from: stretch.offset, count: stretch.count)
            sum &+= try verify(stretch)
        }
        return sum
    }

    #if canImport(CLiburing)
        private func read(
            _ stretches: [Stretch], _ ring: UnsafeMutablePointer<io_uring>, _ plan: BenchPlan
        ) throws(BenchFailure) -> UInt64 {
            var sum: UInt64 = 0
            var (started, ended) = (0, 0)
            // Also after a failure the ring must be empty at the end, because reads in flight own
            // the memory.
            var failure: BenchFailure?
            while ended < started || (started < stretches.count && failure == nil) {
                while failure == nil, started < stretches.count, started - ended < depth,
                    let entry = unsafe io_uring_get_sqe(ring)
                {
                    let stretch = stretches[started]
                    unsafe io_uring_prep_read(
                        entry, file.number, memory.start + stretch.offset, UInt32(stretch.count),
                        UInt64(stretch.offset))
                    unsafe entry.pointee.user_data = UInt64(started)
                    started += 1
                }
                _ = unsafe io_uring_submit_and_wait(ring, 1)
                var completion: UnsafeMutablePointer<io_uring_cqe>?
                while unsafe io_uring_peek_cqe(ring, &completion) == 0,
                    let taken = unsafe completion
                {
                    let (number, result) = unsafe (Int(taken.pointee.user_data), taken.pointee.res)
                    unsafe io_uring_cqe_seen(ring, taken)
                    ended += 1
                    if failure != nil { continue }
                    do throws(BenchFailure) {
                        guard Int(result) == stretches[number].count else {
                            throw file.failure(
                                at: stretches[number].offset, result < 0 ? -result : EIO)
                        }
                        sum &+= try verify(stretches[number])
                    } catch {
                        failure = error
                    }
                }
                if plan.cancellation.isCancelled { failure = failure ?? .cancelled }
            }
            if let failure { throw failure }
            return sum
        }
    #endif

    private func verify(_ stretch: Stretch) throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        for offset in stride(
            from: stretch.offset, to: stretch.offset + stretch.count, by: blockSize)
        {
            let block = UInt32(offset / blockSize)
            // Just read, and nothing writes there before it is read again.
            let page = unsafe PageView(unsafePage: memory.start + offset)
            guard PageChecksum.compute(page, block: block) == page.storedChecksum else {
                throw .wrongSum("raw reading")
            }
            sum &+= unsafe memory.start.load(
                fromByteOffset: offset + BenchPage.fieldOffset(block), as: UInt64.self)
        }
        return sum
    }
}
