import AsyncIO
import Strata
import Synchronization
import Threads

/// Writes filled pages out while the next ones are filled: a thread with a session of its own.
///
/// It is given the first page of each run of neighbours once all of them are filled; writing that
/// one takes the others along. A run that it has no time for is not waited for: the pages' buffers
/// are reused by and by, and then they are written by who needs them, or at the end by the commit.
/// So a slow writer never stops the loader, and a failed write is met again by the commit.
///
/// `offer` and `finish` belong to the loader's thread.
final class BackgroundWriter {
    private let shared: SharedState
    private let thread: OSThread
    private var hasFinished = false

    /// Starts a writer; nil where it would not help: the pool is too small to be ahead of it, or
    /// there is no room for another session or thread.
    ///
    /// - Parameter runLength: how many pages a run has.
    init?(_ engine: Engine, runLength: Int) {
        guard engine.buffers.configuration.bufferCount >= Self.leastPool,
            let session = try? engine.makeSession()
        else { return nil }
        let shared = SharedState(engine.buffers, session, runLength: runLength)
        guard let thread = OSThread.start({ shared.run() }) else {
            session.close()
            return nil
        }
        self.shared = shared
        self.thread = thread
    }

    deinit { finish(discarding: true) }

    /// Gives it a run to be written, if it has room for one.
    func offer(_ first: consuming PinnedPage) { shared.offer(first) }

    /// Waits for the thread to end; all pages have been given back then. Calling it again does
    /// nothing.
    ///
    /// - Parameter discarding: whether runs that it has not begun with are left as they are.
    func finish(discarding: Bool) {
        if hasFinished { return }
        hasFinished = true
        shared.finish(discarding: discarding)
        thread.join()
    }

    /// Pages in the smallest pool that a writer is used with.
    private static let leastPool = 1024
}

extension BackgroundWriter {
    /// What both threads use.
    ///
    /// The session is the writer's alone from the start of its thread to its end.
    private final class SharedState: @unchecked Sendable {
        private let buffers: BufferManager
        private let session: Session
        private let runLength: Int
        private let condition = Condition()
        /// Runs to be written; under the lock, as are the flags.
        private var queue: PageQueue
        private var isEnding = false

        init(_ buffers: BufferManager, _ session: Session, runLength: Int) {
            self.buffers = buffers
            self.session = session
            self.runLength = runLength
            // Each holds one pin, and keeps a run of the loader's ring from being used again.
            queue = PageQueue(
                capacity: max(1, min(64, buffers.configuration.bufferCount / 16 / runLength)))
        }

        func offer(_ page: consuming PinnedPage) {
            condition.lock()
            defer { condition.unlock() }
            if isEnding { return }
            let wasEmpty = queue.isEmpty
            queue.append(page)
            if wasEmpty { condition.signal() }
        }

        func finish(discarding: Bool) {
            condition.lock()
            isEnding = true
            if discarding { queue.removeAll() }
            condition.signal()
            condition.unlock()
        }

        private func take() -> PinnedPage? {
            condition.lock()
            defer { condition.unlock() }
            while queue.isEmpty && !isEnding { condition.wait() }
            return queue.removeFirst()
        }

        /// The writer's thread.
        func run() {
            while let page = take() {
                do throws(StorageError) {
                    try buffers.flush(page, session: session)
                    // The disk begins now, so that the sync at the end finds little to do.
                    try page.relation.storage.writeback(
                        .main, block: page.block, count: runLength)
                } catch {
                    // The pages stay dirty, and the commit will say what is wrong.
                    finish(discarding: true)
                }
            }
            session.close()
        }
    }
}
