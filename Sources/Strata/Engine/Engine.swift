internal import AsyncIO
internal import FileAccess
internal import Logging
public import SystemPackage
internal import Threads

/// An open store: its relations, the pool that caches their pages, and the sessions that use them.
///
/// ```swift
/// let engine = try Engine.open("measurements")
/// let session = try engine.makeSession()
/// let relation = try engine.relation(named: "readings")
/// ```
///
/// One object serves all threads of a program. Any thread may make any call, with a session that no
/// other thread uses at the time. Calls block until done, so make none on Swift's cooperative pool.
/// Engines share nothing: a process may have any number, each on a directory of its own.
///
/// A store survives a crash at any time. What ``PendingLoad/commit(rowCount:)`` or
/// ``checkpoint(_:pace:)`` returned for is there; an unfinished load is not.
public final class Engine: Sendable {
    /// The directory of the store, as it was given.
    public let path: FilePath
    /// The store's directory as text for display; bytes that are not UTF-8 are replaced.
    public var directory: String { path.string }
    /// The settings it was opened with.
    public let options: EngineOptions
    /// What never changes in this store.
    public let control: StoreControl
    /// What opening the store found and did.
    public var recovery: RecoveryReport { outcome.report }
    /// The asynchronous IO core.
    public let system: IOSystem
    /// The storage managers and the relations open through them.
    public let managers: StorageManagerRegistry
    /// The pool.
    public let buffers: BufferManager

    let files: FileAccess
    let outcome: Recovery.Outcome
    /// Keeps copies of pages until they are intact in place; nil without one.
    let journal: DoubleWriteJournal?
    let logger: Logger
    let verificationTarget: IOTargetID
    /// Held while the catalog's file is replaced. Taken before ``state``. A thread must not take it
    /// with staged IO.
    let changes = Lock<Void>((), rank: .catalogChange)
    /// Held while a relation is cut to what readers see. Taken before ``changes``.
    let settling = Lock<Void>((), rank: .settling)
    /// Held only briefly, never during IO.
    let state: Lock<EngineState>
    let asyncParts = AsyncParts()
    let checkpoints = CheckpointQueue()
    let background = Lock(Background(), rank: .backgroundThreads)
    /// The right to use the store.
    let claim: StoreClaim

    init(_ parts: EngineParts, lock: consuming StoreLock?) {
        path = parts.directory
        options = parts.options
        control = parts.control
        outcome = parts.outcome
        system = parts.system
        managers = parts.managers
        buffers = parts.buffers
        files = parts.files
        journal = parts.journal
        verificationTarget = parts.verificationTarget
        logger = parts.options.logger
        state = Lock(EngineState(catalog: parts.catalog, parts.outcome), rank: .engineState)
        claim = StoreClaim(parts.files, lock)
        parts.voucher.serve(self)
        startBackground()
    }

    deinit {
        let isClosed = state.withLock { $0.isClosed }
        // A thread that takes a row count back may hold the last reference to the engine. When this
        // returns, that thread must not continue to write without the lock.
        if !isClosed {
            buffers.refuseWrites(
                because: StorageError(.closed, "store \"\(directory)\" was released"))
        }
        stopBackground()
        // Nothing else would end their threads and close their files.
        if !isClosed { managers.endManagers() }
    }

    /// The name of the method that executes IO, such as `io_uring`.
    public var ioMethodName: String { system.method.name }

    /// Opens a session, for one thread at a time.
    ///
    /// - Throws: `resourcesExhausted` if `EngineOptions/maximumSessions` are open, `closed`.
    public func makeSession() throws(StorageError) -> Session { try system.makeSession() }

    /// Makes everything durable and releases the store.
    ///
    /// All sessions must be closed before, and no relation may be used after. If a thread changes
    /// something meanwhile nevertheless, the next opening treats the store as after a crash. An
    /// engine that is dropped without this leaves the store as a crash would: what was committed is
    /// there. Calling it again does nothing.
    ///
    /// After a failed sync nothing is written: the store is left as a crash would leave it, and
    /// this throws `storeFailed`.
    ///
    /// - Throws: what ``checkpoint(_:pace:)`` throws; the store has been released all the same.
    ///   `misuse` if sessions are open; then the engine stays as it is.
    public func close() throws(StorageError) {
        if state.withLock({ $0.isClosed }) { return }
        stopBackground()
        let session: Session
        do throws(StorageError) { session = try makeSession() } catch {
            startBackground()
            throw error
        }
        var failure: StorageError?
        do throws(StorageError) { try finish(session) } catch { failure = error }
        session.close()
        asyncParts.end()
        guard system.shutdown() else {
            managers.allowBackgroundWork(true)
            startBackground()
            throw StorageError(
                .misuse, "store \"\(directory)\" cannot be closed: sessions are open",
                remedy: "Close all sessions first.", underlying: failure)
        }
        let wasOpen = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        if wasOpen {
            let isAllDurable = !buffers.hasDirtyPages && !managers.hasPendingSyncs
            // A closed session has nothing to submit or wait for, and no other can be in flight.
            managers.shutdown(session: session)
            if failure == nil { markClosed(isAllDurable) }
            claim.release()
            options.fileSystem.end()
        }
        if let failure { throw failure }
    }

    /// Makes everything durable, and prevents further writes.
    private func finish(_ session: Session) throws(StorageError) {
        if options.access == .readOnly { return }
        try checkpoint(session)
        managers.allowBackgroundWork(false)
        try syncPending(session)
        try checkOwnership()
        try journal?.remove(session)
    }

    /// Records for the next opening that everything is durable. A store without the mark is just as
    /// valid, but opening it takes longer.
    private func markClosed(_ isAllDurable: Bool) {
        guard options.access == .readWrite, outcome.isSettled, buffers.writeFailure == nil else {
            return
        }
        guard isAllDurable else {
            return logger.warning(
                """
                store "\(directory)" is not marked as closed: another thread changed it meanwhile
                """)
        }
        do throws(StorageError) {
            try StoreFiles(files: files).markClosed(
                state.withLock { $0.catalog }, outcome.mark)
        } catch {
            logger.warning("could not mark store \"\(directory)\" as closed: \(error)")
        }
    }
}

/// The parts of an engine.
struct EngineParts {
    let directory: FilePath
    let options: EngineOptions
    let control: StoreControl
    let catalog: Catalog
    let outcome: Recovery.Outcome
    let files: FileAccess
    let system: IOSystem
    let managers: StorageManagerRegistry
    let buffers: BufferManager
    let voucher: RowCountVoucher
    let journal: DoubleWriteJournal?
    let verificationTarget: IOTargetID
}
