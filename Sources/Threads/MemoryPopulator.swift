internal import Synchronization

/// Populates memory, chunk by chunk, before its user reaches it for the first time.
///
/// The kernel zeroes memory, which takes about as long as filling it from a cache. A thread does it
/// ahead of the user: as far ahead as the user has come, up to a limit, so that memory that is
/// hardly used stays small. It begins when the user reaches a second chunk, and ends when all is
/// populated. Without the thread, or if the user is faster, the thread that reaches a chunk does
/// it.
@safe
package final class MemoryPopulator: @unchecked Sendable {
    /// The bytes of a chunk, which the kernel then provides by one huge page.
    package static let chunkBytes = ZeroedMemory.hugePage
    private static let leastLead = 4
    private static let mostLead = 128
    /// The least size of a memory that is worth a thread.
    private static let leastChunks = 32

    /// `byteCount` bytes that stay mapped until ``stop()`` has returned.
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int
    private let chunkCount: Int
    /// The next chunk to populate. The thread that increments it populates the old value's chunk.
    private let next = Atomic<Int>(0)
    /// How many chunks the user has reached.
    private let reached = Atomic<Int>(0)
    /// The thread, and whether it was started.
    private let thread = Lock<(running: ServiceThread?, isStarted: Bool)>(
        (nil, false), rank: .poolPopulator)

    /// Populates `byteCount` bytes from `start` on, which must stay mapped until ``stop()`` has
    /// returned.
    package init(_ start: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.start = unsafe start
        self.byteCount = byteCount
        chunkCount = (byteCount + Self.chunkBytes - 1) / Self.chunkBytes
    }

    /// Call this before entering a chunk for the first time. Any thread.
    package func reach(_ chunk: Int) {
        while next.load(ordering: .relaxed) <= chunk, makeNext() {}
        // Threads that pass each other leave it slightly low, which only delays.
        reached.store(chunk + 1, ordering: .sequentiallyConsistent)
        if chunk == 0 { return }
        if chunk == 1 { startThread() }
        thread.withLock { $0.running }?.ring()
    }

    /// Ends the thread. Callers must ensure that ``reach(_:)`` is not called any more.
    package func stop() {
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
        let offset = chunk * Self.chunkBytes
        unsafe ZeroedMemory.populate(
            start + offset, byteCount: min(Self.chunkBytes, byteCount - offset))
        return true
    }

    private func startThread() {
        guard chunkCount >= Self.leastChunks else { return }
        thread.withLock { thread in
            if thread.isStarted { return }
            // Ended before the memory is unmapped.
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
