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
        for _ in 0..<glimpses {
            guard let glimpse = beginGlimpse(block, fork, session) else { break }
            do {
                let value = try body(glimpse.page)
                if endGlimpse(glimpse, block, fork, session) { return value }
            } catch {
                if endGlimpse(glimpse, block, fork, session) { throw error }
            }
        }
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
        for _ in 0..<glimpses {
            guard let glimpse = beginGlimpse(block, fork, session) else { break }
            do {
                let value = try body(glimpse.page)
                if endGlimpse(glimpse, block, fork, session) { return value }
            } catch {
                if endGlimpse(glimpse, block, fork, session) { throw error }
            }
        }
        let page = try await page(block, fork: fork, session: session)
        return try await page.withSharedLock { _ in
            try body(unsafe PageGlimpse(unsafePage: UnsafeRawPointer(page.unsafeAddress)))
        }
    }

    /// How often a page that others are changing is looked at.
    @inlinable var glimpses: Int { 4 }

    /// Returns nil for whatever the calls that pin decide.
    @usableFromInline
    func beginGlimpse(_ block: BlockNumber, _ fork: Fork, _ session: Session) -> Glimpse? {
        session.system === engine.system ? beginGlimpse(block, fork) : nil
    }

    @usableFromInline
    func beginGlimpse(_ block: BlockNumber, _ fork: Fork, _ session: AsyncSession) -> Glimpse? {
        session.engine === engine ? beginGlimpse(block, fork) : nil
    }

    @inline(__always)
    private func beginGlimpse(_ block: BlockNumber, _ fork: Fork) -> Glimpse? {
        guard block.rawValue < record.visibleBlocks(of: fork) else { return nil }
        return resident?.beginGlimpse(block, fork).map { Glimpse($0) }
    }

    /// Whether the page kept still, so that what was read counts.
    @usableFromInline
    func endGlimpse(
        _ glimpse: Glimpse, _ block: BlockNumber, _ fork: Fork, _ session: Session
    ) -> Bool {
        resident?.endGlimpse(glimpse.begun, block, fork, sessionIndex: session.index) ?? false
    }

    @usableFromInline
    func endGlimpse(
        _ glimpse: Glimpse, _ block: BlockNumber, _ fork: Fork, _ session: AsyncSession
    ) -> Bool {
        resident?.endGlimpse(glimpse.begun, block, fork, sessionIndex: nil) ?? false
    }
}

/// A look at a page that nothing holds, which inlined code hands from its begin to its end.
@safe
@usableFromInline
struct Glimpse: @unchecked Sendable, BitwiseCopyable {
    let begun: BegunGlimpse
    /// The bytes.
    @usableFromInline let bytes: UnsafeRawPointer

    init(_ begun: BegunGlimpse) {
        self.begun = begun
        unsafe bytes = unsafe UnsafeRawPointer(begun.address.pointer)
    }

    /// The page, whatever page it is by now.
    @inlinable
    var page: PageGlimpse {
        @_lifetime(immortal)
        get { unsafe PageGlimpse(unsafePage: bytes) }
    }
}
