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
    /// The last batch that it makes durable, with all before it.
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
