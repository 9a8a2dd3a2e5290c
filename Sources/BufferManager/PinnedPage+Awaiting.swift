internal import AsyncIO
public import PageFormat
internal import StorageManager
internal import Synchronization
internal import Threads

/// A task that waits for a content lock.
@safe
private final class LockWaiter: WakeUp, @unchecked Sendable {
    /// Set before the wake-up is registered.
    private var continuation: UnsafeContinuation<Void, Never>?

    override func fire() { unsafe continuation?.resume() }

    /// Suspends the task until the lock is released or the task is cancelled; or not at all.
    func wait(_ buffer: Buffer, exclusive: Bool, in table: WaitTable) async {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                unsafe self.continuation = unsafe continuation
                if !buffer.registerForLock(self, exclusive: exclusive, in: table) {
                    return unsafe continuation.resume()
                }
                // Cancelled before the wake-up was registered: nothing else would notice.
                if Task.isCancelled, cancel() { unsafe continuation.resume() }
            }
        } onCancel: {
            if cancel() { unsafe continuation?.resume() }
        }
    }
}

extension Buffer {
    private static let awaitingTries = 40

    /// Takes the content lock, suspending the task while others hold it.
    nonisolated(nonsending) func lockAwaiting(exclusive: Bool) async throws(CancellationError) {
        while true {
            for _ in 0..<Self.awaitingTries {
                if exclusive ? tryLockExclusive() : tryLockShared() { return }
            }
            if Task.isCancelled { throw CancellationError() }
            let table = withRecord { $0.waits }
            await LockWaiter().wait(self, exclusive: exclusive, in: table)
        }
    }
}

/// Reading and changing from tasks. The calls are the same as from threads: in an asynchronous
/// caller the compiler takes these, which suspend the task while others hold the content lock. The
/// lock is held during a closure that cannot await: holding it across an `await` does not compile.
/// A page that came with its lock (``ReadMode/zeroAndLock``) throws `misuse`.
extension PinnedPage {
    /// Reads the page while nothing changes it.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits, `misuse`, or what
    ///   `body` throws.
    nonisolated(nonsending) public func withSharedLock<Result: ~Copyable>(
        _ body: (RawSpan) throws -> Result
    ) async throws -> Result {
        try refuseOwnLock()
        if !buffer.tryLockShared() { try await buffer.lockAwaiting(exclusive: false) }
        defer { buffer.unlockShared() }
        return try unsafe body(RawSpan(_unsafeStart: address.pointer, byteCount: blockSize))
    }

    /// Changes the page while nothing else reads or changes it, and marks it as changed.
    ///
    /// - Parameters:
    /// - Throws: `CancellationError` if the task is cancelled while it waits, `misuse`, or what
    ///   `body` throws.
    nonisolated(nonsending) public func withExclusiveLock<Result: ~Copyable>(
        dirtying: Bool = true, _ body: (inout MutableRawSpan) throws -> Result
    ) async throws -> Result {
        try refuseOwnLock()
        if !buffer.tryLockExclusive() { try await buffer.lockAwaiting(exclusive: true) }
        defer {
            if dirtying { checkContents() }
            buffer.unlockExclusive(dirtied: dirtying)
        }
        var span = unsafe MutableRawSpan(_unsafeStart: address.pointer, byteCount: blockSize)
        return try body(&span)
    }

    /// Changes the page as `withExclusiveLock` does, and records the change's position in the log.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits, `misuse`, or what
    ///   `body` throws.
    nonisolated(nonsending) public func withExclusiveLock<Result: ~Copyable>(
        lsn: LSN, _ body: (inout MutableRawSpan) throws -> Result
    ) async throws -> Result {
        try await withExclusiveLock { (bytes: inout MutableRawSpan) throws -> Result in
            let result = try body(&bytes)
            setPosition(lsn)
            return result
        }
    }

    /// Reads the page in its format, like `withSharedLock`.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits, `misuse`, or what
    ///   `body` throws.
    nonisolated(nonsending) public func withView<Result: ~Copyable>(
        _ body: (PageView) throws -> Result
    ) async throws -> Result {
        try refuseOwnLock()
        if !buffer.tryLockShared() { try await buffer.lockAwaiting(exclusive: false) }
        defer { buffer.unlockShared() }
        return try unsafe body(PageView(unsafePage: UnsafeRawPointer(address.pointer)))
    }

    /// Changes the page in its format, like `withExclusiveLock`.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits, `misuse`, or what
    ///   `body` throws.
    nonisolated(nonsending) public func withEditor<Result: ~Copyable>(
        dirtying: Bool = true, _ body: (inout PageEditor) throws -> Result
    ) async throws -> Result {
        try refuseOwnLock()
        if !buffer.tryLockExclusive() { try await buffer.lockAwaiting(exclusive: true) }
        defer {
            if dirtying { checkContents() }
            buffer.unlockExclusive(dirtied: dirtying)
        }
        var editor = unsafe PageEditor(unsafePage: address.pointer)
        return try body(&editor)
    }

    /// Throws `misuse` if this value holds the lock, which would then be held across an `await`.
    /// The compiler cannot see that.
    private func refuseOwnLock() throws(StorageError) {
        guard isLocked else { return }
        throw StorageError(
            .misuse, "a page that came with its content lock cannot be used by tasks",
            remedy: "Call unlock() once the page is made, before the first await.")
    }
}
