internal import AsyncIO
internal import FileAccess
internal import Logging
public import SystemPackage

/// An open store: its relations, the pool that caches their pages, and the sessions that use them.
///
/// ```swift
/// let engine = try Engine.open("measurements")
/// let session = try engine.makeSession()
/// let relation = try engine.relation(named: "readings")
/// ```
///
/// One object serves all threads of a program; every call may come from any thread, with a session
/// that no other thread uses at the time. Calls block until done, so they do not belong on Swift's
/// cooperative pool. Engines share nothing: a process may have any number, each on a directory of
/// its own.
///
/// A store is whole after a crash at any time. What ``PendingLoad/commit(rowCount:)`` or
/// ``checkpoint(_:pace:)`` returned for is there; an unfinished load is not.
public final class Engine: Sendable {
    /// The directory of the store, as it was given.
    public let path: FilePath
    /// The directory of the store as text for people: bytes that are not UTF-8 are replaced.
    public var directory: String { path.string }
    /// The settings it was opened with.
    public let options: EngineOptions
    /// What never changes in this store.
    public let control: StoreControl
    /// What opening it found and did.
    public let recovery: RecoveryReport
    /// The asynchronous IO core.
    public let system: IOSystem
    /// The storage managers and the relations open through them.
    public let managers: StorageManagerRegistry
    /// The pool.
    public let buffers: BufferManager

    let files: FileAccess
    /// Where pages are kept until they are whole in place; nil where nothing is.
    let journal: DoubleWriteJournal?
    let logger: Logger
    let verificationTarget: IOTargetID
    /// Held while the catalog's file is replaced; taken before ``state``. No thread takes it with
    /// staged IO.
    let changes = Lock<Void>(())
    /// Held while a relation is cut to what readers see; taken before ``changes``.
    let settling = Lock<Void>(())
    /// Held for moments only, never during IO.
    let state: Lock<EngineState>
    let asyncParts = AsyncParts()
    let checkpoints = CheckpointQueue()
    let background = Lock(Background())
    private let lock: Lock<StoreLock?>

    init(_ parts: EngineParts, lock: consuming StoreLock?) {
        path = parts.directory
        options = parts.options
        control = parts.control
        recovery = parts.recovery
        system = parts.system
        managers = parts.managers
        buffers = parts.buffers
        files = parts.files
        journal = parts.journal
        verificationTarget = parts.verificationTarget
        logger = parts.options.logger
        state = Lock(EngineState(catalog: parts.catalog))
        self.lock = Lock(lock)
        startBackground()
    }

    deinit {
        stopBackground()
        // Their threads and files would stay with nobody left to end them.
        if !state.withLock({ $0.isClosed }) { managers.endManagers() }
    }

    /// Has the lock for as long as the store is open.
    func keep(_ lock: consuming StoreLock?) {
        var lock = consume lock
        self.lock.withLock { $0 = lock.take() }
    }

    /// The name of the method that executes IO, such as `io_uring`.
    public var ioMethodName: String { system.method.name }

    /// Opens a session, for one thread at a time.
    ///
    /// - Throws: `resourcesExhausted` when ``EngineOptions/maximumSessions`` are open, `closed`.
    public func makeSession() throws(StorageError) -> Session { try system.makeSession() }

    /// Makes everything durable and lets go of the store.
    ///
    /// All sessions are closed before, and no relation is used after. An engine that is dropped
    /// without this leaves the store as a crash would: what was committed is there. Calling it
    /// again does nothing.
    ///
    /// After a failed sync nothing is written: the store is let go of as a crash would leave it, and
    /// `storeFailed` is thrown.
    ///
    /// - Throws: what ``checkpoint(_:pace:)`` throws; the store has been let go of all the same.
    ///   `misuse` while sessions are open; then the engine stays as it is.
    public func close() throws(StorageError) {
        if state.withLock({ $0.isClosed }) { return }
        stopBackground()
        let session: Session
        do throws(StorageError) { session = try makeSession() } catch {
            startBackground()
            throw error
        }
        var failure: StorageError?
        do throws(StorageError) {
            if options.access == .readWrite { try checkpoint(session) }
            try journal?.remove(session)
        } catch { failure = error }
        session.close()
        asyncParts.end()
        guard system.shutdown() else {
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
            // A closed session has nothing to submit or wait for, and no other can be in flight.
            managers.shutdown(session: session)
            lock.withLock { $0 = nil }
        }
        if let failure { throw failure }
    }
}

/// What an engine is put together from.
struct EngineParts {
    let directory: FilePath
    let options: EngineOptions
    let control: StoreControl
    let catalog: Catalog
    let recovery: RecoveryReport
    let files: FileAccess
    let system: IOSystem
    let managers: StorageManagerRegistry
    let buffers: BufferManager
    let journal: DoubleWriteJournal?
    let verificationTarget: IOTargetID
}
