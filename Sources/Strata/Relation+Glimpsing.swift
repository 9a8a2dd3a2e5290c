internal import AsyncIO
public import BufferManager
public import PageFormat
public import StorageManager

/// Reading hot pages: <doc:ReadingHotPages>.
extension Relation {
    /// Reads a page while others may be changing it, so that any number of threads read the same
    /// page at full speed each.
    ///
    /// If the page is in the pool, `body` looks at it without pin and lock. If it was changed or
    /// left the pool meanwhile, the outcome is dropped, and `body` called again; after a few times
    /// the page is pinned and locked. So `body` must end, whatever the bytes are, and must leave
    /// nothing behind but its result, which contains copies only. An error that it throws counts
    /// only if the page kept still. A page that is not in the pool is read as by
    /// ``page(_:fork:strategy:session:)``.
    ///
    /// O(1) besides `body`, for a page in the pool. Stores to no memory that threads share, except
    /// for a use of the page after the clock hand has passed.
    ///
    /// - Parameters:
    ///   - block: the page's number, below the fork's ``blockCount(of:)``.
    ///   - fork: the fork to read from.
    ///   - session: the calling thread's session.
    ///   - body: reads the page and returns what it found.
    /// - Throws: what `body` throws; `notFound` if the block is beyond the end; `misuse` if the
    ///   session is another engine's; what reading throws.
    @inlinable
    public func read<Value>(
        _ block: BlockNumber, fork: Fork = .main, session: Session,
        _ body: (PageGlimpse) throws -> Value
    ) throws -> Value {
        var outcome: Result<Value, any Error>?
        let isWhole = glimpse(block, fork, session) { page in
            do { outcome = .success(try body(page)) } catch { outcome = .failure(error) }
        }
        if isWhole, let outcome { return try outcome.get() }
        let page = try page(block, fork: fork, session: session)
        // Under the lock nothing changes the page.
        return try page.withSharedLock { _ in
            try body(unsafe PageGlimpse(unsafePage: UnsafeRawPointer(page.unsafeAddress)))
        }
    }

    /// Reads a page while others may be changing it, as on threads: <doc:ReadingHotPages> says what
    /// `body` may do. A page in the pool is read without suspending the task, and is not
    /// counted as a hit.
    ///
    /// - Throws: what `body` throws; what ``page(_:fork:session:)`` throws; `CancellationError` if
    ///   the task is cancelled while it waits.
    @inlinable
    nonisolated(nonsending) public func read<Value>(
        _ block: BlockNumber, fork: Fork = .main, session: AsyncSession,
        _ body: (PageGlimpse) throws -> Value
    ) async throws -> Value {
        var outcome: Result<Value, any Error>?
        let isWhole = glimpse(block, fork, session) { page in
            do { outcome = .success(try body(page)) } catch { outcome = .failure(error) }
        }
        if isWhole, let outcome { return try outcome.get() }
        let page = try await page(block, fork: fork, session: session)
        return try await page.withSharedLock { _ in
            try body(unsafe PageGlimpse(unsafePage: UnsafeRawPointer(page.unsafeAddress)))
        }
    }

    /// Returns false for whatever the calls that pin decide.
    @usableFromInline
    func glimpse(
        _ block: BlockNumber, _ fork: Fork, _ session: Session, _ body: (PageGlimpse) -> Void
    ) -> Bool {
        if session.system !== engine.system { return false }
        if block.rawValue >= record.visibleBlocks(of: fork) { return false }
        return resident?.glimpse(block, fork, sessionIndex: session.index, body) ?? false
    }

    @usableFromInline
    func glimpse(
        _ block: BlockNumber, _ fork: Fork, _ session: AsyncSession, _ body: (PageGlimpse) -> Void
    ) -> Bool {
        if session.engine !== engine { return false }
        if block.rawValue >= record.visibleBlocks(of: fork) { return false }
        return resident?.glimpse(block, fork, sessionIndex: nil, body) ?? false
    }
}
