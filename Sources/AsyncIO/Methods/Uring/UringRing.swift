internal import Threads

#if canImport(CLiburing)
    internal import CLiburing
    internal import CPlatform
    internal import Logging
    internal import Synchronization

    /// One session's io_uring.
    ///
    /// The submission half belongs to the session's thread. The lock ``completing`` guards the
    /// completion half: its holder takes completions for all threads and may sleep in the kernel
    /// meanwhile. Completions are marked executed under the lock, so no thread sleeps for one that
    /// was taken. Their callbacks run outside it, on several threads at a time.
    @safe
    final class UringRing: @unchecked Sendable {
        /// How many completions are taken at a time.
        private static let drainLimit = 32
        /// Sleepers wake this often, in case the kernel has lost a completion.
        private static let sleepSeconds = 1

        /// How often the kernel may refuse a batch for lack of memory, and the pause after each
        /// refusal.
        private static let refusalLimit = 1000
        private static let refusalPauseMicroseconds: UInt32 = 100

        private let ring: UnsafeMutablePointer<io_uring>
        /// No fewer than the completions that can exist at a time.
        private let completionLimit: Int
        private let completing = Lock((), rank: .ringCompletion)

        /// Delays every IO, if anything does, by a timeout before it in the ring. The timeouts'
        /// times follow; the kernel copies them on submission.
        private let device: SimulatedDevice?
        private let delays: UnsafeMutablePointer<__kernel_timespec>
        private var delayCount = 0
        /// Whether an event descriptor is registered; touched by the session's thread.
        private var isSignalling = false
        /// The flags mean that the time counts from the clock's start and that its passing is no
        /// error, so the IO linked to the timeout proceeds.
        private static let delayFlags: UInt32 = 1 << 0 | 1 << 5

        init(entries: Int, device: SimulatedDevice? = nil) throws(StorageError) {
            let made = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
            unsafe made.initialize(to: io_uring())
            let capacity = max(entries, Session.batchLimit)
            let rounded = UInt32(device == nil ? capacity : 2 * capacity)
            let result = unsafe Self.makeQueue(made, entries: rounded)
            guard result == 0 else {
                // Throws before the object is complete, so `deinit` does not run. It would free
                // twice and close descriptor zero for a ring that does not exist.
                unsafe made.deallocate()
                throw UringProbe.explain(-result, sessions: 1)
            }
            unsafe ring = unsafe made
            completionLimit = 4 * capacity
            self.device = device
            unsafe delays = .allocate(capacity: device == nil ? 0 : capacity)
            // If a file system cannot read without blocking, the kernel's own threads wait: four
            // per core by default; this sets another limit. Kernels before 5.15 ignore this.
            var most = InlineArray<2, UInt32>(repeating: 0)
            most[0] = rounded
            var span = most.mutableSpan
            unsafe span.withUnsafeMutableBufferPointer { most in
                _ = unsafe io_uring_register_iowq_max_workers(made, most.baseAddress)
            }
        }

        /// Makes a ring whose descriptor is none of the standard ones. Returns zero or a negated
        /// `errno`.
        ///
        /// `ring` must be initialized. On success, end it with `io_uring_queue_exit`.
        static func makeQueue(_ ring: UnsafeMutablePointer<io_uring>, entries: UInt32) -> CInt {
            let result = unsafe io_uring_queue_init(entries, ring, 0)
            guard result == 0 else { return result }
            // The ring is mapped by now; from here on its descriptor is used only for calls.
            let lifted = unsafe Descriptors.lifted(ring.pointee.ring_fd)
            unsafe ring.pointee.ring_fd = max(lifted, -1)
            unsafe ring.pointee.enter_ring_fd = unsafe ring.pointee.ring_fd
            if lifted < 0 { unsafe io_uring_queue_exit(ring) }
            return min(lifted, 0)
        }

        deinit {
            unsafe io_uring_queue_exit(ring)
            unsafe ring.deallocate()
            unsafe delays.deallocate()
        }

        /// Readable while there are completions to take.
        var descriptor: CInt { unsafe ring.pointee.ring_fd }

        /// Makes the kernel write to an event descriptor for each completion.
        func signalCompletions(to descriptor: CInt) -> Bool {
            stopSignalling()
            isSignalling = unsafe io_uring_register_eventfd(ring, descriptor) == 0
            return isSignalling
        }

        /// Undoes what the previous session with this number asked for.
        func stopSignalling() {
            if isSignalling { _ = unsafe io_uring_unregister_eventfd(ring) }
            isSignalling = false
        }

        // MARK: Submitting, on the session's thread

        /// Prepares an IO for the next ``submit(_:logger:)``.
        ///
        /// - Returns: how many entries of the ring it takes.
        func add(_ io: StagedIO) -> Int {
            if let device {
                unsafe prepareDelay(nextEntry, until: device.takeSlot(byteCount: io.length))
            }
            io.prepareSubmit()
            unsafe prepare(nextEntry, io)
            return device == nil ? 1 : 2
        }

        private var nextEntry: UnsafeMutablePointer<io_uring_sqe> {
            guard let entry = unsafe io_uring_get_sqe(ring) else {
                preconditionFailure("a ring has room for a batch after the last was submitted")
            }
            return unsafe entry
        }

        private func prepareDelay(
            _ entry: UnsafeMutablePointer<io_uring_sqe>, until nanoseconds: UInt64
        ) {
            let delay = unsafe delays + delayCount
            delayCount += 1
            unsafe delay.initialize(
                to: __kernel_timespec(
                    tv_sec: Int64(nanoseconds / 1_000_000_000),
                    tv_nsec: Int64(nanoseconds % 1_000_000_000)))
            unsafe io_uring_prep_timeout(entry, delay, 0, Self.delayFlags)
            unsafe entry.pointee.flags |= UInt8(1 << 2)  // IOSQE_IO_LINK, an enum that C computes
            // This entry is no IO; the completing thread skips it.
            unsafe entry.pointee.user_data = 0
        }

        /// Submits the `count` entries added so far to the kernel. What the kernel does not take is
        /// executed here.
        func submit(_ count: Int, logger: Logger) {
            defer { delayCount = 0 }
            var submitted = 0
            var refusals = 0
            while submitted < count {
                let result = unsafe io_uring_submit(ring)
                if result > 0 {
                    submitted += Int(result)
                } else if result == -EINTR {
                    continue
                } else if result == -EAGAIN || result == -EBUSY, refusals < Self.refusalLimit {
                    // The kernel is short of memory, or wants completions taken first.
                    refusals += 1
                    poll()
                    usleep(Self.refusalPauseMicroseconds)
                } else {
                    logger.error(
                        "io_uring took no more IO; executing it here",
                        metadata: ["error": "\(errorText(-result))"])
                    for io in takeBackUnsubmitted() { io.complete(result: io.execute()) }
                    return
                }
            }
        }

        private func prepare(_ entry: UnsafeMutablePointer<io_uring_sqe>, _ io: StagedIO) {
            let vectors = unsafe io.vectors
            let base = vectors.baseAddress
            let count = UInt32(min(vectors.count, SystemCalls.maximumVectors))
            let offset = UInt64(bitPattern: io.offset)
            switch io.operation {
            case .read where count == 1:
                unsafe io_uring_prep_read(
                    entry, io.descriptor, vectors[0].iov_base, UInt32(clamping: vectors[0].iov_len),
                    offset)
            case .write where count == 1:
                unsafe io_uring_prep_write(
                    entry, io.descriptor, vectors[0].iov_base, UInt32(clamping: vectors[0].iov_len),
                    offset)
            case .read:
                unsafe io_uring_prep_readv(entry, io.descriptor, base, count, offset)
            case .write:
                unsafe io_uring_prep_writev(entry, io.descriptor, base, count, offset)
            case .sync, .dataSync, .none:
                let dataOnly = io.operation == .dataSync
                unsafe io_uring_prep_fsync(
                    entry, io.descriptor, dataOnly ? UInt32(IORING_FSYNC_DATASYNC) : 0)
            }
            if io.operation == .write, io.flags.contains(.atomicWrite) {
                let flag = UInt32(strata_atomic_write_flag())
                unsafe entry.pointee.rw_flags = flag
            }
            unsafe entry.pointee.user_data = UInt64(UInt(bitPattern: io.handle))
        }

        /// Takes back the entries that the kernel refused. The kernel reads the ring's tail only
        /// when entered.
        private func takeBackUnsubmitted() -> [StagedIO] {
            let head = unsafe ring.pointee.sq.khead.pointee
            let tail = unsafe ring.pointee.sq.sqe_tail
            var ios: [StagedIO] = []
            var position = head
            while position != tail {
                let entry = unsafe ring.pointee.sq.sqes + Int(position & ring.pointee.sq.ring_mask)
                if let handle = unsafe HandlePointer(bitPattern: UInt(entry.pointee.user_data)) {
                    unsafe ios.append(StagedIO(handle))
                }
                position &+= 1
            }
            unsafe ring.pointee.sq.ktail.pointee = head
            unsafe ring.pointee.sq.sqe_head = head
            unsafe ring.pointee.sq.sqe_tail = head
            return ios
        }

        // MARK: Completing, on any thread

        /// IOs taken from the ring, to be finished without the lock.
        private struct Taken {
            var ios = InlineArray<32, StagedIO?>(repeating: nil)
            var count = 0
            /// How many entries of the ring were taken, including those that are no IO.
            var passed = 0

            func finish() {
                for position in 0..<count { ios[position]?.finish() }
            }
        }

        /// Takes everything that has completed, or stops once the condition holds. Does nothing
        /// while another thread takes completions.
        func poll(until isOver: () -> Bool = { false }) {
            // Each pass takes something, and the ring's capacity bounds the passes. IO submitted
            // meanwhile is left for the next call.
            for _ in 0..<completionLimit {
                if isOver() || !take(atMost: Self.drainLimit) { return }
            }
        }

        /// Completes up to `limit` IOs. Returns false if none has completed or another thread is at
        /// it.
        func take(atMost limit: Int) -> Bool {
            if unsafe io_uring_cq_ready(ring) == 0 { return false }
            guard let taken = completing.withLockIfAvailable({ _ in drain(limit: limit) }) else {
                return false
            }
            taken.finish()
            return taken.passed > 0
        }

        /// Sleeps until this IO or another one has completed.
        func waitOne(_ io: StagedIO, generation: UInt64) {
            let taken = completing.withLock { _ in
                while true {
                    if io.wasRecycled(since: generation) || io.state != .submitted {
                        return Taken()
                    }
                    let taken = drain()
                    if taken.count > 0 { return taken }
                    sleepForCompletion()
                }
            }
            taken.finish()
        }

        private func sleepForCompletion() {
            var completion: UnsafeMutablePointer<io_uring_cqe>?
            var limit = __kernel_timespec(tv_sec: Int64(Self.sleepSeconds), tv_nsec: 0)
            // Woken, timed out or interrupted: the caller looks again in any case.
            _ = unsafe io_uring_wait_cqes(ring, &completion, 1, &limit, nil)
        }

        /// Takes up to `limit` completions, and none after one with heavy work: the next thread
        /// that looks takes those while this one works. Call it with the lock held.
        private func drain(limit: Int = drainLimit) -> Taken {
            var taken = Taken()
            unsafe withUnsafeTemporaryAllocation(
                of: UnsafeMutablePointer<io_uring_cqe>?.self, capacity: Self.drainLimit
            ) { completions in
                let count = unsafe Int(
                    io_uring_peek_batch_cqe(
                        ring, completions.baseAddress, UInt32(limit)))
                while taken.passed < count {
                    let completion = unsafe completions[taken.passed]
                    taken.passed += 1
                    guard let completion = unsafe completion,
                        let handle = unsafe HandlePointer(
                            bitPattern: UInt(completion.pointee.user_data))
                    else { continue }
                    let io = unsafe StagedIO(handle)
                    var result = unsafe Int(completion.pointee.res)
                    if result == -Int(EINTR) || result == -Int(EAGAIN) || result == -Int(ECANCELED)
                    {
                        // The kernel did not try: it was interrupted, or its submitter's thread
                        // ended.
                        result = io.execute()
                    }
                    let isWork = io.flags.contains(.heavyCompletion)
                    io.markExecuted(result: result)
                    taken.ios[taken.count] = io
                    taken.count += 1
                    if isWork { break }
                }
                unsafe io_uring_cq_advance(ring, UInt32(taken.passed))
            }
            return taken
        }
    }
#endif
