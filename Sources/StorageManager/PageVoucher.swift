public import AsyncIO

/// Vouches for what the pages of relations hold on disk, such as a number of rows that was counted
/// when they were loaded.
///
/// Writing a page that was changed since would make that wrong. So no such page is written in
/// place, or given to the ``PageJournal``, before ``withdraw(_:session:)`` has returned: not by a
/// flush, a checkpoint or the background writer, nor when its buffer is needed for another page.
/// `BufferManager.setVouched(_:below:areFilled:)` sets the blocks that are vouched for.
public protocol PageVoucher: AnyObject, Sendable {
    /// Withdraws, durably, what was said of a relation's pages, and tells the buffer manager so.
    ///
    /// Called from any thread, several at a time, and repeatedly until the buffer manager is told.
    /// Pages are under IO while it runs, so it must not use the buffer manager for anything but
    /// `BufferManager.setVouched(_:below:areFilled:)`; it submits what the session has staged.
    ///
    /// - Throws: why it could not be withdrawn, such as a full disk: an error with its `errno` and
    ///   a remedy. The pages then stay dirty in memory, and the caller that wanted them written
    ///   gets the error. That may be a reader whose page needed the buffer of one of them. Nothing
    ///   is lost: once the cause is gone, the same call succeeds.
    func withdraw(_ relation: OpenRelation, session: Session) throws(StorageError)
}
