import AsyncIO
import DequeModule
import Strata
import Threads

/// Writes filled pages while the next ones are being filled: a thread with a session of its own.
///
/// It receives the first page of each run of neighbours once all of them are filled. Writing that
/// page writes the others with it. The loader never waits for the writer: a run that the writer has
/// no time for is written when its buffers are reused, or at the end by the commit. The commit also
/// meets any failed write again.
///
/// `offer` and `finish` belong to the loader's thread.
final class RunWriter {
    private let shared: SharedState
    private let thread: ServiceThread
    private var hasFinished = false

    /// Starts a writer. Returns nil if it would not help, because the pool is too small, or if
    /// there is no room for another session or thread.
    ///
    /// - Parameter runLength: how many pages a run has.
    init?(_ engine: Engine, runLength: Int) {
        guard engine.buffers.configuration.bufferCount >= Self.leastPool,
            let session = try? engine.makeSession()
        else { return nil }
        let shared = SharedState(engine.buffers, session, runLength: runLength)
        guard let thread = ServiceThread.start({ shared.run($0) }) else {
            session.close()
            return nil
        }
        self.shared = shared
        self.thread = thread
    }

    deinit { finish(discarding: true) }

    /// Offers it a run to write. It takes the run if it has room.
    func offer(_ first: consuming PinnedPage) {
        if shared.offer(first) { thread.ring() }
    }

    /// Waits for the thread to end. All pages have then been given back. Calling it again does
    /// nothing.
    ///
    /// - Parameter discarding: whether to leave runs unwritten that it has not started.
    func finish(discarding: Bool) {
        if hasFinished { return }
        hasFinished = true
        shared.close(discarding: discarding)
        thread.end()
    }

    /// The least number of pages in a pool for which a writer is used.
    private static let leastPool = 1024
}

extension RunWriter {
    /// The state that both threads use.
    ///
    /// The session belongs to the writer's thread from its start to its end.
    private final class SharedState: @unchecked Sendable {
        private let buffers: BufferManager
        private let session: Session
        private let runLength: Int
        private let lock = ParkingLock(rank: .loadedPages)
        /// Runs to write; guarded by the lock, as is the flag.
        private var queue: RigidDeque<PinnedPage>
        private var isClosed = false

        init(_ buffers: BufferManager, _ session: Session, runLength: Int) {
            self.buffers = buffers
            self.session = session
            self.runLength = runLength
            // Each holds one pin, and keeps a run of the loader's ring from being reused.
            queue = RigidDeque(
                capacity: max(1, min(64, buffers.configuration.bufferCount / 16 / runLength)))
        }

        /// Returns whether the queue was empty, so that the caller must ring for the thread.
        func offer(_ page: consuming PinnedPage) -> Bool {
            lock.lock()
            defer { lock.unlock() }
            if isClosed { return false }
            let wasEmpty = queue.isEmpty
            // The loader writes what the writer has no room for.
            if !queue.isFull { queue.append(page) }
            return wasEmpty
        }

        func close(discarding: Bool) {
            lock.lock()
            defer { lock.unlock() }
            isClosed = true
            if discarding { queue.removeAll() }
        }

        /// Takes the oldest run; waits for one. Returns nil once the thread must end.
        private func take(_ thread: ServiceThread) -> PinnedPage? {
            while true {
                let (seen, isEnding) = (thread.rings, thread.isEnding)
                lock.lock()
                let page = queue.popFirst()
                lock.unlock()
                if let page { return page }
                if isEnding { return nil }
                thread.sleep(since: seen)
            }
        }

        /// The writer's thread.
        func run(_ thread: ServiceThread) {
            while let page = take(thread) {
                do throws(StorageError) {
                    try buffers.flush(page, session: session)
                    // Makes the disk start now, so that the sync at the end finds little to do.
                    try page.relation.storage.writeback(
                        .main, block: page.block, count: runLength)
                } catch {
                    // The pages stay dirty, and the commit will report the error.
                    close(discarding: true)
                }
            }
            session.close()
        }
    }
}

/// Hands the pages that a load has filled to a ``RunWriter``, a run at a time. Keeps only the first
/// page of each run. Belongs to the loading thread.
struct FilledPages: ~Copyable {
    private let engine: Engine
    /// How many pages a run has.
    private let runLength: Int
    /// Nil before the first run is filled, and if a writer does not help.
    private var writer: RunWriter?
    private var hasTriedWriter = false
    /// The first page of the run being filled, and how many pages it has so far.
    private var first: PinnedPage?
    private var count = 0

    init(_ engine: Engine) {
        self.engine = engine
        runLength = engine.buffers.configuration.combineLimit
    }

    /// Adds the page behind the last one.
    mutating func add(_ page: consuming PinnedPage) {
        if count == 0 { first = consume page }
        count += 1
        guard count == runLength, let start = first.take() else { return }
        count = 0
        if !hasTriedWriter {
            hasTriedWriter = true
            writer = RunWriter(engine, runLength: runLength)
        }
        writer?.offer(start)
    }

    /// Waits until the runs handed over are written. Gives all pages back.
    mutating func finish() {
        first = nil
        writer?.finish(discarding: false)
    }

    /// Ends the writer without writing the rest. Gives all pages back. Another load may follow.
    mutating func discard() {
        first = nil
        count = 0
        writer?.finish(discarding: true)
        writer = nil
        hasTriedWriter = false
    }
}
