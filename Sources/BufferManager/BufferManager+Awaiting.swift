package import AsyncIO
package import StorageManager

/// What has to happen before a read that must not wait can go on.
package enum ReadNeed {
    /// That IO has to complete: its own, or one that somebody else issued for the same page.
    case completion(WaitReference)
    /// Somebody does IO on the first missing page that cannot be waited for yet
    /// (``BufferManager/register(_:for:)``).
    case notice
    /// A handle of the session has to become idle.
    case handle
    /// A page has to be given back: all buffers are pinned.
    case buffers
    /// A dirty page has to be written out by a thread that may block
    /// (``BufferManager/clean(_:session:)``).
    case cleaning
}

/// Reading for waiters that are no threads. Whoever drives a read takes its steps on the session's
/// thread; between them, anything may happen.
extension BufferManager {
    /// Has a wake-up fired when what ``ReadNeed/notice`` stands for has come.
    ///
    /// - Returns: false, with nothing registered, if it has.
    package func register(_ wakeUp: WakeUp, for operation: ReadOperation) -> Bool {
        guard operation.doneCount < operation.coveredCount else { return false }
        return operation.buffer(operation.doneCount).registerForIO(wakeUp, in: table.waits)
    }

    /// Writes out the page that ``ReadNeed/cleaning`` stands for, so that the operation can have its
    /// buffer. Blocks the thread; nobody else uses the operation meanwhile.
    ///
    /// - Parameter session: the calling thread's.
    /// - Throws: what writing throws; the page stays, dirty.
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

    /// An operation whose steps never wait, for reads by one session after another's relation.
    ///
    /// - Throws: `misuse` for a relation that is local to a session: only that session's thread may
    ///   complete its IO.
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

    /// What is thrown when no buffer was to be had.
    package var allBuffersPinned: StorageError {
        gate.failure.map { .writesRefused($0) } ?? BufferPool.exhausted(shared.count)
    }
}

extension ReadOperation {
    /// Whether it waits for an IO that somebody else issued.
    var isForeign: Bool { if case .foreign = phase { true } else { false } }
}
