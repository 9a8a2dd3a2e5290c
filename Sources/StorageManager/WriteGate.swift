public import AsyncIO
package import Logging
package import PageFormat
internal import Synchronization
internal import Threads

/// Passed by every write of shared pages. It flushes the log first, and stays closed once a sync
/// has failed.
///
/// What is on disk is unknown from then on, and writing on could only make it worse. Safe to use
/// from any thread. It never reopens: a reopened store has another gate.
package final class WriteGate: Sendable {
    private let log: (any WriteAheadLog)?
    /// Withdraws what it says about pages before they are written.
    package let voucher: (any PageVoucher)?
    private let logger: Logger
    /// The log position up to which the log is known to be durable. Raised after the flush. Readers
    /// use it only to decide whether to flush again.
    private let durable = Atomic<UInt64>(0)
    private let closed = Atomic<Bool>(false)
    private let cause = Lock<StorageError?>(nil, rank: .writeFailure)

    package init(_ log: (any WriteAheadLog)?, _ voucher: (any PageVoucher)?, _ logger: Logger) {
        self.log = log
        self.voucher = voucher
        self.logger = logger
    }

    /// Whether writing was stopped.
    package var isClosed: Bool { closed.load(ordering: .acquiring) }

    /// The failure that closed it.
    package var failure: StorageError? { isClosed ? cause.withLock { $0 } : nil }

    /// Stops all writing. Returns whether this is the first failure.
    @discardableResult
    package func close(_ error: StorageError) -> Bool {
        let isFirst = cause.withLock { cause in
            defer { cause = cause ?? error }
            return cause == nil
        }
        closed.store(true, ordering: .releasing)
        if isFirst && error.code != .closed {
            logger.critical("no page is written from now on: \(error)")
        }
        return isFirst
    }

    /// - Throws: `storeFailed` if the gate is closed.
    package func check() throws(StorageError) {
        guard let failure else { return }
        throw .writesRefused(failure)
    }

    /// Returns once the log is durable up to `lsn`. Submits what the session has staged before
    /// waiting.
    ///
    /// - Throws: `storeFailed` if the gate is closed; what the log throws, which closes the gate if
    ///   it is a failed sync.
    package func pass(_ lsn: LSN, _ session: Session) throws(StorageError) {
        try check()
        guard let log, lsn.rawValue > durable.load(ordering: .acquiring) else { return }
        session.submitStaged()
        do throws(StorageError) { try log.flush(upTo: lsn) } catch {
            note(error)
            throw error
        }
        durable.max(lsn.rawValue, ordering: .releasing)
    }

    /// Closes the gate if the error leaves the contents of the disk unknown.
    @discardableResult
    package func note(_ error: StorageError) -> Bool { error.isFinalSyncFailure && close(error) }
}

extension StorageError {
    package static func writesRefused(_ failure: StorageError) -> StorageError {
        StorageError(
            .storeFailed, "pages are no longer written, because what is on disk is unknown",
            remedy: "Check the disk, close the store and open it again: everything committed before"
                + " is there.",
            at: failure.location, underlying: failure)
    }
}

extension StorageError.Code {
    /// A sync failed earlier. Nothing is written until the store is reopened.
    public static let storeFailed = Self(rawValue: "storeFailed")
}
