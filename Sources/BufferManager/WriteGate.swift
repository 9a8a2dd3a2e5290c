public import AsyncIO
internal import Logging
internal import PageFormat
internal import StorageManager
internal import Synchronization

/// Where every write of shared pages passes: it sees to the log, and stays shut once a sync has
/// failed.
///
/// Nothing is known of what is on disk from then on, and writing on could only make it worse. Any
/// thread. It opens no more: a store that is opened again has another one.
final class WriteGate: Sendable {
    private let log: (any WriteAheadLog)?
    private let logger: Logger
    /// Up to where the log has been made durable for pages. Raised after the flush; whoever reads
    /// it only decides by it whether to call again.
    private let durable = Atomic<UInt64>(0)
    private let closed = Atomic<Bool>(false)
    private let cause = Lock<StorageError?>(nil)

    init(_ log: (any WriteAheadLog)?, _ logger: Logger) {
        self.log = log
        self.logger = logger
    }

    /// Whether nothing is written any more.
    var isClosed: Bool { closed.load(ordering: .acquiring) }

    /// The failure that closed it.
    var failure: StorageError? { isClosed ? cause.withLock { $0 } : nil }

    /// Lets nothing pass from now on; whether that is new.
    @discardableResult
    func close(_ error: StorageError) -> Bool {
        let isFirst = cause.withLock { cause in
            defer { cause = cause ?? error }
            return cause == nil
        }
        closed.store(true, ordering: .releasing)
        if isFirst { logger.critical("no page is written from now on: \(error)") }
        return isFirst
    }

    /// - Throws: `storeFailed` once it has been closed.
    func check() throws(StorageError) {
        guard let failure else { return }
        throw .writesRefused(failure)
    }

    /// Returns when the log is durable up to there. Submits what the session has staged if that
    /// means waiting.
    ///
    /// - Throws: `storeFailed` once it has been closed; what the log throws, which closes it if
    ///   that is a failed sync.
    func pass(_ lsn: LSN, _ session: Session) throws(StorageError) {
        try check()
        guard let log, lsn.rawValue > durable.load(ordering: .acquiring) else { return }
        session.submitStaged()
        do throws(StorageError) { try log.flush(upTo: lsn) } catch {
            note(error)
            throw error
        }
        durable.max(lsn.rawValue, ordering: .releasing)
    }

    /// Closes if the error leaves unknown what is on disk.
    @discardableResult
    func note(_ error: StorageError) -> Bool { error.isFinalSyncFailure && close(error) }
}

extension StorageError {
    static func writesRefused(_ failure: StorageError) -> StorageError {
        StorageError(
            .storeFailed, "pages are not written any more, as what is on disk is not known",
            remedy: "Check the disk, close the store and open it again: all that was committed"
                + " before is there.",
            at: failure.location, underlying: failure)
    }
}

extension StorageError.Code {
    /// A sync failed earlier; nothing is written any more until the store is reopened.
    public static let storeFailed = Self(rawValue: "storeFailed")
}
