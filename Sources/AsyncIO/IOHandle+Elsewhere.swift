internal import Synchronization

extension IOHandle {
    /// Starts an IO that code outside the method executes.
    ///
    /// The IO is staged, counts as in flight, and is waited for, awaited and shown like any other,
    /// under every method. Outside a batch, `begin` runs before this returns; in a batch, when the
    /// batch is submitted. Two kinds begin at once even in a batch: ``IOFlags/synchronous`` IO, and
    /// IO on the session's own memory (``IOFlags/referencesLocal``). The latter is over when this
    /// returns, since only the session's thread may complete it. The target must be set.
    ///
    /// The core has no time-out. Without a call to ``OutsideIO/complete(result:)`` the waiters wait
    /// for ever, and so does the closing session. The code that executes the IO must set time-outs.
    ///
    /// - Parameters:
    ///   - operation: what the IO does, for its layers and for snapshots.
    ///   - offset: the position of the first byte, for snapshots and for `begin`.
    ///   - begin: called once, on the session's thread. It has the IO executed elsewhere, or
    ///     completes it itself. It must neither block nor use the session.
    public consuming func startElsewhere(
        _ operation: IOOperation, at offset: Int64 = 0,
        _ begin: @escaping (_ io: OutsideIO) -> Void
    ) {
        let length = vectorByteCount
        let (storage, session) = unsafe (self.storage, session.takeRetainedValue())
        discard self
        unsafe storage.pointee.operationWord.store(operation.rawValue, ordering: .relaxed)
        unsafe storage.pointee.offset.store(offset, ordering: .relaxed)
        unsafe storage.pointee.length.store(UInt64(length), ordering: .relaxed)
        unsafe session.stageElsewhere(storage, begin)
    }
}
