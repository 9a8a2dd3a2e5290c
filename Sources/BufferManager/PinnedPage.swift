public import AsyncIO
public import PageFormat
public import StorageManager

/// A page that stays in its buffer as long as this value lives.
///
/// Destroying the value drops the pin, on any thread: it may be held across an `await` and sent to
/// other threads. The page's bytes are accessible only under the content lock: many may read, or
/// one may change them. The lock is not recursive. Callers must not wait for it with IO staged that
/// a holder might wait for. Mirrors PostgreSQL's pinned `Buffer`.
@safe
public struct PinnedPage: ~Copyable, @unchecked Sendable {
    let buffer: Buffer
    /// The page's memory, which the pin keeps in place.
    @usableFromInline let address: PageAddress
    /// Whether this value holds the content lock exclusively, since ``ReadMode/zeroAndLock``.
    public internal(set) var isLocked: Bool

    @inline(__always)
    init(_ buffer: Buffer, _ address: PageAddress, isLocked: Bool = false) {
        self.buffer = buffer
        self.address = address
        self.isLocked = isLocked
    }

    deinit {
        if isLocked { buffer.unlockForPage() }
        buffer.unpin()
    }

    /// The page's block.
    public var block: BlockNumber { buffer.tag.block }
    /// The page's fork.
    public var fork: Fork { buffer.tag.fork }
    /// The page's relation.
    public var relation: OpenRelation { buffer.withRecord { $0.relation } }
    /// Whether the page was changed and not yet written.
    public var isDirty: Bool { buffer.state.has(BufferState.dirty) }

    /// Drops the pin now, as destroying the value does. Mirrors `ReleaseBuffer`.
    public consuming func release() {}

    /// Takes a second pin on the same page. Mirrors `IncrBufferRefCount`.
    ///
    /// - Throws: `resourcesExhausted` if the page has 262143 pins, the maximum.
    public func pinAgain() throws(StorageError) -> PinnedPage {
        guard buffer.pinAgain() else { throw BufferPool.tooManyPins(buffer.tag) }
        return PinnedPage(buffer, address)
    }

    /// Releases the content lock of a page that came with it (``ReadMode/zeroAndLock``).
    public mutating func unlock() {
        if isLocked {
            checkContents()
            buffer.unlockForPage()
        }
        isLocked = false
    }

    /// Marks the page as changed, so that it is written before its buffer serves another page.
    ///
    /// Call this after changing the page through ``unsafeAddress``, before releasing the content
    /// lock. Mirrors `MarkBufferDirty`.
    public func markDirty() { buffer.markDirty() }

    /// Marks the page as changed, and records the change's position in the log as
    /// `withExclusiveLock(lsn:_:)` does.
    public func markDirty(lsn: LSN) {
        setPosition(lsn)
        buffer.markDirty()
    }

    /// The address of the page's 8192 bytes.
    ///
    /// Unsafe: valid as long as the pin, and nothing keeps the caller from reading or changing the
    /// bytes without the content lock.
    @unsafe
    @inlinable
    public var unsafeAddress: UnsafeMutableRawPointer { unsafe address.pointer }
}

/// Reading and changing. While the value holds the lock itself (``isLocked``), these calls neither
/// take nor release it.
extension PinnedPage {
    /// Reads the page while nothing changes it.
    ///
    /// Two atomic operations if the lock has no writer; else blocks the thread.
    public func withSharedLock<Result: ~Copyable, Failure>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !isLocked { buffer.lockShared() }
        defer { if !isLocked { buffer.unlockShared() } }
        return try unsafe body(RawSpan(_unsafeStart: address.pointer, byteCount: blockSize))
    }

    /// Changes the page while nothing else reads or changes it, and marks it as changed.
    ///
    /// - Parameters:
    ///   - dirtying: whether to mark the page as changed; false for changes that may get lost, or
    ///     none.
    ///   - body: changes the bytes of the page.
    public func withExclusiveLock<Result: ~Copyable, Failure>(
        dirtying: Bool = true, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lockExclusive()
        defer { unlockExclusive(dirtying) }
        var span = unsafe MutableRawSpan(_unsafeStart: address.pointer, byteCount: blockSize)
        return try body(&span)
    }

    /// Changes the page as `withExclusiveLock(dirtying:_:)` does, and records the change's position
    /// in the log, whatever the kind of the page: in its first bytes, or, for a raw page or one of
    /// zeroes, with its buffer as long as it has one. The page is not written before the log is
    /// durable up to there.
    ///
    /// If the closure throws, the page counts as changed, and its position stays.
    public func withExclusiveLock<Result: ~Copyable, Failure>(
        lsn: LSN, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lockExclusive()
        defer { unlockExclusive(true) }
        var span = unsafe MutableRawSpan(_unsafeStart: address.pointer, byteCount: blockSize)
        let result = try body(&span)
        setPosition(lsn)
        return result
    }

    /// Reads the page in its format, like `withSharedLock`.
    public func withView<Result: ~Copyable, Failure>(
        _ body: (PageView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !isLocked { buffer.lockShared() }
        defer { if !isLocked { buffer.unlockShared() } }
        return try unsafe body(PageView(unsafePage: UnsafeRawPointer(address.pointer)))
    }

    /// Changes the page in its format, like `withExclusiveLock`.
    public func withEditor<Result: ~Copyable, Failure>(
        dirtying: Bool = true, _ body: (inout PageEditor) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lockExclusive()
        defer { unlockExclusive(dirtying) }
        var editor = unsafe PageEditor(unsafePage: address.pointer)
        return try body(&editor)
    }

    @inline(__always)
    private func lockExclusive() {
        if isLocked { return }
        buffer.lockExclusive()
        buffer.noteHolder()
    }

    @inline(__always)
    private func unlockExclusive(_ dirtying: Bool) {
        if isLocked {
            if dirtying { buffer.markDirty() }
        } else {
            if dirtying { checkContents() }
            buffer.forgetHolder()
            buffer.unlockExclusive(dirtied: dirtying)
        }
    }

    /// The page's position in the log. Waits for a thread that is changing the page. Zero for a raw
    /// page that got none since it was read.
    public var lsn: LSN {
        if pageKind.keepsLogPosition { return withView { $0.lsn } }
        return buffer.withRecord { $0.position(buffer.tag) }
    }

    func setPosition(_ lsn: LSN) {
        let kind = pageKind
        var editor = unsafe PageEditor(unsafePage: address.pointer)
        if kind.keepsLogPosition && !kind.isNew(editor.view) {
            editor.lsn = lsn
        } else {
            buffer.withRecord { $0.raise(buffer.tag, to: lsn) }
        }
    }

    private var pageKind: PageKind { buffer.withRecord { $0.pageKind(buffer.tag) } }

    /// Stops a debug build if the page, as it is now, would not be written.
    @inline(__always)
    func checkContents() { assert(isAcceptable, "a page must be as its kind demands") }

    private var isAcceptable: Bool {
        let page = unsafe PageView(unsafePage: UnsafeRawPointer(address.pointer))
        return pageKind.refusal(of: page) == nil
    }
}
