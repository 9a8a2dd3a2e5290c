internal import AsyncIO
internal import FileAccess
internal import Synchronization

/// The sync in flight of a journal's file, whichever session has started it, and whichever learns
/// of its end. One at a time.
///
/// Started and read under the journal's lock.
struct JournalSync {
    /// How it ended.
    enum Outcome {
        case durable
        case failed(StorageError)
    }

    /// Receives the outcome from the thread that learns of it first.
    final class Callbacks: IOCallbacks {
        /// The `errno`; a special value while it is unknown.
        fileprivate let outcome = Atomic<UInt64>(Callbacks.unknown)
        fileprivate static let unknown = UInt64.max

        var phases: IOCallbackPhases { .completeShared }

        func completeShared(
            _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
        ) -> IOResult {
            let errorNumber = prior.status == .ok ? 0 : UInt64(max(1, prior.errorData))
            outcome.store(errorNumber, ordering: .releasing)
            return prior
        }
    }

    let reference: WaitReference
    /// The number of the last batch that it makes durable, with all earlier ones.
    let serial: UInt64
    private let file: VirtualFile
    private let callbacks: Callbacks

    /// Starts a sync of what was written up to that batch.
    ///
    /// - Throws: what ``JournalOutput/startSync(_:)`` throws.
    init(
        upTo serial: UInt64, _ output: JournalOutput, _ callbacks: Callbacks, _ id: IOCallbackID
    ) throws(StorageError) {
        self.serial = serial
        self.callbacks = callbacks
        file = output.file
        callbacks.outcome.store(Callbacks.unknown, ordering: .relaxed)
        reference = try output.startSync(id)
    }

    /// The outcome. Call it once, after the sync is over.
    func outcome() -> Outcome {
        let found = callbacks.outcome.load(ordering: .acquiring)
        if found == 0 { return .durable }
        // Only a known success counts as success.
        let errorNumber = found == Callbacks.unknown ? 0 : CInt(truncatingIfNeeded: found)
        file.syncDidFail(errorNumber: errorNumber)
        return .failed(
            StorageError(
                .fileSyncFailed, "could not sync the journal \"\(file.path)\"",
                remedy: "Check the disk, close the store and open it again, so that it recovers.",
                at: StorageError.Location(path: file.path), errorNumber: errorNumber))
    }
}

/// Which parts of a journal are durable. Guarded by the journal's lock.
struct JournalSyncs {
    /// The number of the last written batch, of either file.
    private(set) var written: UInt64 = 0
    /// The sync that failed; final.
    private(set) var failure: StorageError?
    /// The session of the last batch.
    private var writer = -1
    /// The number of the last durable batch; all earlier ones are durable too.
    private var durable: UInt64 = 0
    private var underWay: JournalSync?

    private let target: IOTargetID
    private let callbacks = JournalSync.Callbacks()
    private let callbackID: IOCallbackID
    private let skips: Bool

    /// - Parameter skips: the planted bug, under which nothing is synced.
    init(_ system: IOSystem, _ target: IOTargetID, skips: Bool) throws(StorageError) {
        self.target = target
        self.skips = skips
        callbackID = try system.register(callbacks: callbacks)
    }

    /// How many batches are not known to be durable. All of them are in the active file.
    var pendingCount: UInt64 { written - durable }

    /// Records that the session has written a batch.
    mutating func didWrite(_ session: Session) {
        written += 1
        writer = session.index
    }

    /// Keeps the first failure of a sync.
    mutating func note(_ error: StorageError) -> StorageError {
        if error.isFinalSyncFailure { failure = failure ?? error }
        return error
    }

    /// Works towards making a batch durable.
    ///
    /// - Parameter file: the file with all batches that are not durable.
    /// - Returns: the sync to wait for before calling again; nil if the batch is durable. The next
    ///   batch of the session is then being synced.
    /// - Throws: the failure of a sync, which is final.
    mutating func sync(upTo serial: UInt64, of file: VirtualFile?, _ session: Session)
        throws(StorageError) -> WaitReference?
    {
        if let sync = underWay, session.isDone(sync.reference) {
            underWay = nil
            switch sync.outcome() {
            case .durable: durable = sync.serial
            case .failed(let error): _ = note(error)
            }
        }
        if let failure { throw failure }
        if durable >= serial {
            if writer == session.index { startIfIdle(of: file, session) }
            return nil
        }
        if underWay == nil { try start(file, session) }
        return underWay?.reference
    }

    /// Starts making the writes durable, unless a sync is in flight. A caller that needs them
    /// durable meets any failure again.
    mutating func startIfIdle(of file: VirtualFile?, _ session: Session) {
        if underWay == nil, durable < written { try? start(file, session) }
    }

    private mutating func start(_ file: VirtualFile?, _ session: Session) throws(StorageError) {
        if skips {
            durable = written
            return
        }
        guard let file else { preconditionFailure("a file that has batches is open") }
        do throws(StorageError) {
            let output = JournalOutput(file: file, target: target, session: session)
            underWay = try JournalSync(upTo: written, output, callbacks, callbackID)
        } catch {
            throw note(error)
        }
    }
}
