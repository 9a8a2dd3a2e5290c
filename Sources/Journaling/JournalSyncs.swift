internal import AsyncIO
internal import FileAccess
internal import Synchronization

/// The sync of a journal's file that is under way; whichever session has started it, and whichever
/// learns of its end. One at a time.
///
/// Started and looked at under the journal's lock.
struct JournalSync {
    /// How it ended.
    enum Outcome {
        case durable
        case failed(StorageError)
    }

    /// Told by whoever learns of the end first.
    final class Callbacks: IOCallbacks {
        /// The `errno`; nil while nothing is known.
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
    /// The number of the last batch that it makes durable, with all before it.
    let serial: UInt64
    private let file: VirtualFile
    private let callbacks: Callbacks

    /// Starts a sync of what was written up to that batch.
    ///
    /// - Throws: as ``JournalOutput/startSync(_:)``.
    init(
        upTo serial: UInt64, _ output: JournalOutput, _ callbacks: Callbacks, _ id: IOCallbackID
    ) throws(StorageError) {
        self.serial = serial
        self.callbacks = callbacks
        file = output.file
        callbacks.outcome.store(Callbacks.unknown, ordering: .relaxed)
        reference = try output.startSync(id)
    }

    /// How it ended. Once it is over, and once only.
    func outcome() -> Outcome {
        let found = callbacks.outcome.load(ordering: .acquiring)
        if found == 0 { return .durable }
        // No news is no success.
        let errorNumber = found == Callbacks.unknown ? 0 : CInt(truncatingIfNeeded: found)
        file.syncDidFail(errorNumber: errorNumber)
        return .failed(
            StorageError(
                .fileSyncFailed, "could not sync the journal \"\(file.path)\"",
                remedy: "Check the disk, close the store and open it again, so that it recovers.",
                at: StorageError.Location(path: file.path), errorNumber: errorNumber))
    }
}

/// What of a journal is durable. Under the journal's lock.
struct JournalSyncs {
    /// The number of the last batch that was written, of either file.
    private(set) var written: UInt64 = 0
    /// The sync that failed; final.
    private(set) var failure: StorageError?
    /// Whose batch the last one is.
    private var writer = -1
    /// The number of the last batch that is durable, with all before it.
    private var durable: UInt64 = 0
    private var underWay: JournalSync?

    private let target: IOTargetID
    private let callbacks = JournalSync.Callbacks()
    private let callbackID: IOCallbackID
    private let skips: Bool

    /// - Parameter skips: the planted mistake: nothing is synced.
    init(_ system: IOSystem, _ target: IOTargetID, skips: Bool) throws(StorageError) {
        self.target = target
        self.skips = skips
        callbackID = try system.register(callbacks: callbacks)
    }

    /// How many batches are not known to be durable; all of them are in the file that is written.
    var pendingCount: UInt64 { written - durable }

    /// The session has written a batch.
    mutating func didWrite(_ session: Session) {
        written += 1
        writer = session.index
    }

    /// Keeps the first failure of a sync.
    mutating func note(_ error: StorageError) -> StorageError {
        if error.isFinalSyncFailure { failure = failure ?? error }
        return error
    }

    /// Sees to it that a batch becomes durable.
    ///
    /// - Parameter file: has all batches that are not durable.
    /// - Returns: the sync to wait for before calling again; nil where the batch is durable. Then
    ///   the next batch of the session is on its way.
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

    /// Starts making durable what was written, unless a sync is under way. A failure is met again
    /// by whoever needs it durable.
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
