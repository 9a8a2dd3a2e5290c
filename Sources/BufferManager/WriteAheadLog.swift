public import AsyncIO
public import PageFormat

/// The log of a user who writes one ahead of the pages that he changes.
///
/// Whoever changes a page sets its header's LSN to where the log record of the change ends, before
/// he gives the content lock back. No page is written in place before ``flush(upTo:)`` has returned
/// for its LSN: not by a flush, a checkpoint or the background writer, nor when its buffer is wanted
/// for another page. The duty of PostgreSQL's `XLogFlush`.
public protocol WriteAheadLog: AnyObject, Sendable {
    /// Makes the log durable up to a position, at least; returns at once where it is already.
    ///
    /// Called from any thread, several at a time, with the highest LSN of all pages that are about
    /// to be written together, and not again for positions that it has returned for. Never with
    /// ``LSN/zero``, which pages carry that no log record touched, and not for relations that are
    /// local to a session. Pages are under IO while it runs, so it must not use the buffer manager;
    /// it may do IO of its own, with its own session.
    ///
    /// - Throws: why the log could not be made durable. The pages then stay dirty in memory, and
    ///   who wanted them written gets the error. With the code `syncFailed` or `fileSyncFailed` it
    ///   is final.
    func flush(upTo lsn: LSN) throws(StorageError)
}
