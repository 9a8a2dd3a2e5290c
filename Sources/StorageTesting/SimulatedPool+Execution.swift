internal import AsyncIO
internal import Threads

extension SimulatedPool.Entry {
    /// Executes and completes the IO, on the calling thread and outside the pool's lock.
    func run(_ pool: Monitor<SimulatedPool>) {
        let reopened = reopens ? io.reopen() : 0
        let result = reopened < 0 ? Int(reopened) : execute()
        let elsewhere = submitter != CurrentThread.number
        io.markExecuted(result: result)
        // After the state changed, so that no waiter misses it; before the last callbacks run, so
        // that a thread that sees the completion finds it counted.
        pool.update { pool in
            pool.statistics.completed += 1
            if elsewhere { pool.statistics.completedElsewhere += 1 }
            if reopens { pool.statistics.reopened += 1 }
            switch fault {
            case .error: pool.statistics.errors += 1
            case .transfersAtMost: pool.statistics.shortTransfers += 1
            case .delayed, .interrupted, nil: break
            }
        }
        io.finish()
    }

    private func execute() -> Int {
        switch fault {
        case .error(let number):
            scribble(from: 0)
            return -Int(number)
        case .transfersAtMost(let bytes) where io.operation == .read || io.operation == .write:
            let result = transfer(atMost: max(0, bytes))
            scribble(from: max(0, result))
            return result
        case .transfersAtMost, .delayed, .interrupted, nil:
            return io.execute()
        }
    }

    /// Moves only the first bytes. Returns the bytes moved or a negated `errno`.
    private func transfer(atMost limit: Int) -> Int {
        let all = unsafe io.vectors
        if limit == 0 { return 0 }
        return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: all.count) { some in
            var left = limit
            var count = 0
            while left > 0, count < all.count {
                let length = unsafe min(left, all[count].iov_len)
                unsafe some.initializeElement(
                    at: count, to: iovec(iov_base: all[count].iov_base, iov_len: length))
                left -= length
                count += 1
            }
            while true {
                let result =
                    io.operation == .read
                    ? unsafe preadv(
                        io.descriptor, some.baseAddress, CInt(count), off_t(io.offset))
                    : unsafe pwritev(
                        io.descriptor, some.baseAddress, CInt(count), off_t(io.offset))
                if result >= 0 { return result }
                if errno != EINTR { return -Int(errno) }
            }
        }
    }

    /// Overwrites memory that a read did not fill. The IO owns the memory until it completes.
    private func scribble(from start: Int) {
        guard io.operation == .read else { return }
        var skip = start
        let vectors = unsafe io.vectors
        for position in vectors.indices {
            let length = unsafe vectors[position].iov_len
            if skip < length, let base = unsafe vectors[position].iov_base {
                unsafe memset(base + skip, 0xA5, length - skip)
            }
            skip = max(0, skip - length)
        }
    }
}
