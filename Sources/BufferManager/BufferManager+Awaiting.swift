package import AsyncIO
package import StorageManager

/// What must happen before a read that may not wait can continue.
package enum ReadNeed {
    /// An IO must complete: the read's own, or another's on the same page.
    case completion(WaitReference)
    /// Another's IO on the first missing page cannot be waited for yet
    /// (``BufferManager/register(_:for:)``).
    case notice
    /// A handle of the session must become idle.
    case handle
    /// A page must be unpinned: all buffers are pinned.
    case buffers
    /// A thread that may block must write out a dirty page (``BufferManager/clean(_:session:)``).
    case cleaning
}

/// Reading for waiters that are not threads. The driver of a read takes its steps on the session's
/// thread; anything may happen between them.
extension BufferManager {
    /// Registers a wake-up for the event that ``ReadNeed/notice`` stands for.
    ///
    /// - Returns: false, with nothing registered, if it has happened.
    package func register(_ wakeUp: WakeUp, for operation: ReadOperation) -> Bool {
        guard operation.doneCount < operation.coveredCount else { return false }
        return operation.buffer(operation.doneCount).registerForIO(wakeUp, in: table.waits)
    }

    /// Writes out the page that ``ReadNeed/cleaning`` stands for, so that the operation can have
    /// its buffer. Blocks the thread. Nothing else may use the operation meanwhile.
    ///
    /// - Parameter session: the calling thread's session.
    /// - Throws: what writing throws; the page stays dirty.
    package func clean(_ operation: ReadOperation, session: Session) throws(StorageError) {
        guard let index = operation.dirtyVictim else { return }
        operation.dirtyVictim = nil
        let pool = operation.pool
        var place = UInt32(index)
        let failure = unsafe pool.writeDirty(&place, 1, session)
        if pool.clear(index, session) {
            operation.spareVictim = index
        } else {
            pool.unclaim(index)
            if let failure { throw failure }
        }
    }

    /// Makes an operation whose steps never wait, for one session's reads of one relation after
    /// another.
    ///
    /// - Throws: `misuse` if the relation is session-local: only that session's thread may complete
    ///   its IO.
    package func makeAwaitedOperation(
        _ relation: OpenRelation, fork: Fork, session: Session, options: ReadOptions,
        strategy: AccessStrategy?
    ) throws(StorageError) -> ReadOperation {
        guard !relation.locator.isLocal else {
            throw StorageError(
                .misuse, "relation \"\(relation.locator)\" is local to a session of one thread",
                remedy: "Read it with that session.", at: relation.location(fork))
        }
        let operation = try ReadOperation(
            self, relation: relation, fork: fork, session: session, options: options,
            strategy: strategy)
        operation.isAwaited = true
        return operation
    }
}

extension ReadOperation {
    /// Whether it waits for another's IO.
    var isForeign: Bool { if case .foreign = phase { true } else { false } }
}
