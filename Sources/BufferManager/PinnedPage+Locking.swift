package import AsyncIO
package import PageFormat
internal import StorageManager

/// Keeping the content lock beyond one call, for a page that is about to be replaced.
extension PinnedPage {
    /// Takes the content lock exclusively, until ``unlock()``. Callers must not hold it.
    package mutating func lock() {
        buffer.lockForPage()
        isLocked = true
    }

    /// Takes the content lock as ``lock()`` does, if it is free.
    ///
    /// - Returns: whether it was.
    package mutating func tryLock() -> Bool {
        guard buffer.tryLockForPage() else { return false }
        isLocked = true
        return true
    }

    /// Throws `pageInUse` if this thread has the content lock exclusively.
    package func checkNotHeldHere() throws(StorageError) {
        if buffer.isHeldHere { throw BufferManager.inUse(relation, fork, block) }
    }

    /// Whether the page is being written.
    package var isBeingWritten: Bool { buffer.state.has(BufferState.ioInProgress) }

    /// Waits until the page is not being written.
    package func waitForWriting(_ session: Session) throws(StorageError) {
        try buffer.waitForIO(session)
    }
}

extension BufferManager {
    /// Makes the log durable up to a position, as before a page with it is written.
    ///
    /// - Throws: what the log throws; `storeFailed` if writing was stopped.
    package func flushLog(upTo lsn: LSN, session: Session) throws(StorageError) {
        try gate.pass(lsn, session)
    }
}
