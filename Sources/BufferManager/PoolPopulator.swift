internal import AsyncIO
internal import StorageManager
internal import Synchronization
internal import Threads

/// Populates the memory of a pool's pages before the clock hand reaches them for the first time.
///
/// The kernel zeroes memory, which takes about as long as reading a cached page. A thread does it
/// ahead of the hand, beside the readers: as far ahead as the hand has come, up to a limit, so that
/// a pool that is hardly used stays small. The thread ends when all is populated. Without the
/// thread, or if the hand is faster, the thread that moves the hand does it.
@safe
final class PoolPopulator: @unchecked Sendable {
    /// The pages populated at a time, which the kernel then does by one huge page.
    static let pagesPerChunk = PoolMemory.hugePage / blockSize
    private static let leastLead = 8
    private static let mostLead = 128
    /// The least size of a pool that is worth a thread.
    private static let leastChunks = 32

    /// `byteCount` bytes that stay mapped until ``stop()`` has returned.
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int
    private let chunkCount: Int
    /// The next chunk to populate. The thread that increments it populates the old value's chunk.
    private let next = Atomic<Int>(0)
    /// How many chunks the hand has reached.
    private let reached = Atomic<Int>(0)
    /// The thread, and whether it was started.
    private let thread = Lock<(running: ServiceThread?, isStarted: Bool)>(
        (nil, false), rank: .poolPopulator)

    init(_ start: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.start = unsafe start
        self.byteCount = byteCount
        chunkCount = (byteCount + PoolMemory.hugePage - 1) / PoolMemory.hugePage
    }

    /// Called when the hand is about to enter a chunk for the first time. Safe to call from any
    /// thread.
    func reach(_ chunk: Int) {
        while next.load(ordering: .relaxed) <= chunk, makeNext() {}
        // Threads that pass each other leave it slightly low, which only delays.
        reached.store(chunk + 1, ordering: .sequentiallyConsistent)
        if chunk == 0 { startThread() }
        thread.withLock { $0.running }?.ring()
    }

    /// Ends the thread. Callers must ensure that ``reach(_:)`` is not called any more.
    func stop() {
        let running = thread.withLock { thread in
            defer { thread = (nil, true) }
            return thread.running
        }
        running?.end()
    }

    /// Populates the next chunk. Returns false if there are no more.
    private func makeNext() -> Bool {
        let chunk = next.add(1, ordering: .relaxed).oldValue
        guard chunk < chunkCount else { return false }
        let offset = chunk * PoolMemory.hugePage
        unsafe PoolMemory.populate(
            start + offset, byteCount: min(PoolMemory.hugePage, byteCount - offset))
        return true
    }

    private func startThread() {
        guard chunkCount >= Self.leastChunks else { return }
        thread.withLock { thread in
            if thread.isStarted { return }
            // Ended before the pool is destroyed.
            thread = (ServiceThread.start { self.run($0) }, true)
        }
    }

    private var isFarAhead: Bool {
        let reached = reached.load(ordering: .sequentiallyConsistent)
        let lead = min(max(reached, Self.leastLead), Self.mostLead)
        return next.load(ordering: .relaxed) >= reached + lead
    }

    private func run(_ thread: ServiceThread) {
        while true {
            let seen = thread.rings
            if thread.isEnding { return }
            if isFarAhead {
                thread.sleep(since: seen)
            } else if !makeNext() {
                return
            }
        }
    }
}
