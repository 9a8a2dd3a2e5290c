internal import AsyncIO
public import BufferManager
public import StorageManager
internal import Synchronization
internal import Threads

/// Reading and changing a relation from tasks.
extension Relation {
    /// Returns a page, reading it unless it is cached. A cached page is pinned without suspending
    /// the task.
    ///
    /// The page may be held across an `await`. A damaged or missing page throws like
    /// ``page(_:fork:strategy:session:)``.
    ///
    /// - Parameters:
    ///   - block: the page's number, below the fork's ``blockCount(of:)``.
    ///   - fork: the fork to read from.
    ///   - session: any number of tasks may use it at a time.
    /// - Throws: `CancellationError` if the task is cancelled while it waits; the IO continues into
    ///   the pool. `notFound`; what reading throws; `tooManyWaiting` and `waitTooLong` if the
    ///   session's limits are reached; `closed`.
    @inlinable
    @inline(__always)
    nonisolated(nonsending) public func page(
        _ block: BlockNumber, fork: Fork = .main, session: AsyncSession
    ) async throws -> PinnedPage {
        if let page = residentPage(block, fork, session) { return page }
        return try await awaitPage(block, fork, session)
    }

    @usableFromInline
    func residentPage(_ block: BlockNumber, _ fork: Fork, _ session: AsyncSession) -> PinnedPage? {
        if block.rawValue >= record.visibleBlocks(of: fork) { return nil }
        return engine.buffers.pinIfResident(
            block, of: open, fork: fork, ring: false, sessionIndex: session.core.sessionIndex)
    }

    @usableFromInline
    nonisolated(nonsending) func awaitPage(
        _ block: BlockNumber, _ fork: Fork, _ session: AsyncSession
    ) async throws -> PinnedPage {
        try check(session)
        try checkExists(block, fork)
        let request = PageRequest(session.core, open, fork, block, [])
        try await request.wait()
        guard let page = request.takePage() else {
            preconditionFailure("a read that ended without an error has its page")
        }
        return page
    }

    /// Adds pages of zeroes at the end and pins them, like ``extend(fork:by:strategy:session:)``.
    ///
    /// The engine's helper thread grows the file. If the task is cancelled meanwhile, the relation
    /// grows all the same.
    ///
    /// - Throws: `CancellationError`, what the blocking call throws, `tooManyWaiting`, `closed`.
    nonisolated(nonsending) public func extend(by count: Int = 1, session: AsyncSession)
        async throws -> ExtendedPages
    {
        try check(session)
        let request = ExtensionRequest(session.core, self, count)
        try await request.wait()
        guard let pages = request.takePages() else {
            preconditionFailure("an extension that ended without an error has its pages")
        }
        return pages
    }

    func check(_ session: AsyncSession) throws(StorageError) {
        guard session.engine === engine else {
            throw StorageError(
                .misuse, "the session belongs to another engine",
                remedy: "Use a session that this engine's makeAsyncSession() gave.")
        }
    }
}

extension Engine {
    /// Makes everything durable that was changed before the call, like ``checkpoint(_:pace:)``,
    /// without blocking the calling thread.
    ///
    /// It runs on a thread started for it. A cancelled task returns at once; the checkpoint
    /// continues to its end.
    ///
    /// - Throws: `CancellationError`, what the blocking call throws, `resourcesExhausted` if no
    ///   thread can be started.
    nonisolated(nonsending) public func checkpoint() async throws {
        let task = TaskWait()
        try await task.wait {
            let thread = OSThread.start { [self] in
                var failure: StorageError?
                do throws(StorageError) {
                    let session = try makeSession()
                    defer { session.close() }
                    try checkpoint(session)
                } catch {
                    failure = error
                }
                // Only now, so that the resumed task can close the engine.
                task.finish(failure)
            }
            if let thread { return thread.detach() }
            task.finish(
                StorageError(
                    .resourcesExhausted, "a thread for a checkpoint could not be started",
                    remedy: "Raise the limit on the process's threads."))
        }
    }
}
