package import AsyncIO
internal import StorageManager

/// What must happen before a read can continue: the result of its steps
/// (``BufferManager/advance(_:)``), which do not wait. A thread waits for it
/// (``BufferManager/wait(for:of:)``); the loop that serves tasks registers a wake-up.
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
    /// A thread that may block must write out dirty pages (``BufferManager/clean(_:session:)``).
    case cleaning
}

extension BufferManager {
    /// Waits until a read can continue. Blocks the session's thread.
    ///
    /// - Returns: whether the thread slept for an IO.
    /// - Throws: `resourcesExhausted` if all buffers are pinned; `storeFailed`.
    @discardableResult
    package func wait(for need: ReadNeed, of operation: ReadOperation) throws(StorageError) -> Bool
    {
        switch need {
        case .completion(let reference) where !operation.isForeign:
            return try operation.session.wait(for: reference)
        case .completion, .notice:
            return try operation.buffer(operation.doneCount).waitForIO(operation.session)
        case .handle:
            operation.session.waitForHandle()
        case .buffers:
            try operation.pool.waitForBuffers(operation.session)
        case .cleaning:
            clean(operation, session: operation.session)
        }
        return false
    }

    /// Registers a wake-up for the event that ``ReadNeed/notice`` means.
    ///
    /// - Returns: false, with nothing registered, if it has happened.
    package func register(_ wakeUp: WakeUp, for operation: ReadOperation) -> Bool {
        guard operation.doneCount < operation.coveredCount else { return false }
        return operation.buffer(operation.doneCount).registerForIO(wakeUp, in: table.waits)
    }

    /// Writes the pages that ``ReadNeed/cleaning`` means, so that the operation can have their
    /// buffers. Blocks the thread. Nothing else may use the operation meanwhile. If writing fails
    /// and there is no clean buffer either, the operation's next step throws the error.
    ///
    /// - Parameter session: the calling thread's session.
    package func clean(_ operation: ReadOperation, session: Session) {
        operation.pool.clean(&operation.victims, session)
    }

    /// Makes the operation's next step look for clean buffers behind the dirty ones that
    /// ``ReadNeed/cleaning`` means. If there are some, that costs less than writing on another
    /// thread.
    ///
    /// - Returns: false, with nothing changed, once that was done a few times in vain.
    package func passOver(_ operation: ReadOperation) -> Bool {
        operation.pool.passOver(&operation.victims)
    }

    /// Why a read that needs a buffer cannot get one; nil if it may.
    package var refusal: StorageError? { gate.failure.map { .writesRefused($0) } }
}

extension ReadOperation {
    /// Whether it waits for another's IO.
    var isForeign: Bool { if case .foreign = phase { true } else { false } }
}
