public import AsyncIO
public import PageFormat

/// The user's log that is written ahead of the pages it describes.
///
/// Code that changes a page must set the LSN in its header to the end of the change's log record
/// before releasing the content lock. No page is written in place before ``flush(upTo:)`` has
/// returned for its LSN: not by a flush, a checkpoint or the background writer, nor when its buffer
/// is wanted for another page. The duty of PostgreSQL's `XLogFlush`.
public protocol WriteAheadLog: AnyObject, Sendable {
    /// Makes the log durable up to at least a position. Returns at once if it is already.
    ///
    /// Called from any thread, several at a time, with the highest LSN of all pages that are about
    /// to be written together. Not called again for positions it has returned for, nor with
    /// `LSN.zero`, which pages carry that no log record touched, nor for session-local relations.
    /// Pages are under IO meanwhile, so it must not use the buffer manager; it may do IO of its
    /// own, with its own session.
    ///
    /// - Throws: why the log could not be made durable. The pages then stay dirty in memory, and
    ///   the caller that wanted them written gets the error. With the code `syncFailed` or
    ///   `fileSyncFailed` it is final.
    func flush(upTo lsn: LSN) throws(StorageError)
}
