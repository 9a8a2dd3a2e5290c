public import AsyncIO
public import PageFormat
public import StorageManager

/// A page that stays in its buffer as long as this value lives.
///
/// It gives its pin back when it goes, on whatever thread: it may be held across an `await` and
/// sent to other threads. Its bytes are reached under the content lock only: many may read, or one
/// may change them. The locks are not recursive, and nobody waits for one with IO staged that a
/// holder might wait for. Mirrors PostgreSQL's pinned `Buffer`.
@safe
public struct PinnedPage: ~Copyable, @unchecked Sendable {
    let buffer: Buffer
    /// The page's memory, which the pin keeps in place.
    let address: PageAddress
    /// Whether this value holds the content lock exclusively, from ``ReadMode/zeroAndLock`` on.
    public private(set) var isLocked: Bool

    @inline(__always)
    init(_ buffer: Buffer, _ address: PageAddress, isLocked: Bool = false) {
        self.buffer = buffer
        self.address = address
        self.isLocked = isLocked
    }

    deinit {
        if isLocked { buffer.unlockExclusive() }
        buffer.unpin()
    }

    /// Which page of its fork it is.
    public var block: BlockNumber { buffer.tag.block }
    /// The fork it belongs to.
    public var fork: Fork { buffer.tag.fork }
    /// The relation it belongs to.
    public var relation: OpenRelation { buffer.withRecord { $0.relation } }
    /// Whether the page was changed and not yet written out.
    public var isDirty: Bool { buffer.state.has(BufferState.dirty) }

    /// Gives the pin back now. The same happens when the value goes out of use. Mirrors
    /// `ReleaseBuffer`.
    public consuming func release() {}

    /// Takes a second pin on the same page. Mirrors `IncrBufferRefCount`.
    ///
    /// - Throws: `resourcesExhausted` when it has 262143 pins, the most there can be.
    public func pinAgain() throws(StorageError) -> PinnedPage {
        guard buffer.pinAgain() else { throw BufferPool.tooManyPins(buffer.tag) }
        return PinnedPage(buffer, address)
    }

    /// Gives back the content lock of a page that came with it (``ReadMode/zeroAndLock``).
    public mutating func unlock() {
        if isLocked { buffer.unlockExclusive() }
        isLocked = false
    }

    /// Marks the page as changed, so that it is written out before its buffer serves another.
    ///
    /// To be called by who changes it through ``unsafeAddress``, before giving the content lock
    /// back. Mirrors `MarkBufferDirty`.
    public func markDirty() { buffer.markDirty() }

    /// Where the page's 8192 bytes are.
    ///
    /// Unsafe: valid as long as the pin, and nothing keeps the caller from reading or changing
    /// them without the content lock.
    @unsafe
    public var unsafeAddress: UnsafeMutableRawPointer { unsafe address.pointer }
}

/// Reading and changing. While the value holds the lock itself (``isLocked``), nothing is locked
/// or given back here.
extension PinnedPage {
    /// Reads the page while nobody changes it.
    ///
    /// Two atomic operations when the lock is free of writers; else it waits, blocking the thread.
    public func withSharedLock<Result: ~Copyable, Failure>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !isLocked { buffer.lockShared() }
        defer { if !isLocked { buffer.unlockShared() } }
        return try unsafe body(RawSpan(_unsafeStart: address.pointer, byteCount: blockSize))
    }

    /// Changes the page while nobody else reads or changes it, and marks it as changed.
    ///
    /// - Parameter dirtying: false leaves it as clean as it was; for changes that may get lost, or
    ///   none.
    public func withExclusiveLock<Result: ~Copyable, Failure>(
        dirtying: Bool = true, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lockExclusive()
        defer { unlockExclusive(dirtying) }
        var span = unsafe MutableRawSpan(_unsafeStart: address.pointer, byteCount: blockSize)
        return try body(&span)
    }

    /// Reads the page in its format, as ``withSharedLock(_:)`` does.
    public func withView<Result: ~Copyable, Failure>(
        _ body: (PageView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !isLocked { buffer.lockShared() }
        defer { if !isLocked { buffer.unlockShared() } }
        return try unsafe body(PageView(unsafePage: UnsafeRawPointer(address.pointer)))
    }

    /// Changes the page in its format, as ``withExclusiveLock(dirtying:_:)`` does.
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
            buffer.forgetHolder()
            buffer.unlockExclusive(dirtied: dirtying)
        }
    }

    /// The log position in the page's header. Waits for whoever is changing the page.
    public var lsn: LSN { withView { $0.lsn } }
}
