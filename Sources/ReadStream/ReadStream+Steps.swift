package import AsyncIO
package import BufferManager

/// For loops that serve tasks: what ``ReadStream/next()`` does, without waiting. Such a loop drives
/// the stream on its session's thread.
extension ReadStream {
    /// Takes the next page if it is there, and looks ahead as far as that goes without waiting.
    ///
    /// - Returns: nil if the page needs something (``takeNeed()``).
    /// - Throws: what ``next()`` throws.
    package mutating func step() throws(StorageError) -> PinnedPage? {
        guard let page = try advance() else { return nil }
        // Dirty pages cost another thread's work. Clean ones behind them will do.
        while needsCleaning, let operation = engine.pendingOperation, manager.passOver(operation) {
            lookAhead()
        }
        return page
    }

    /// Returns what the next page needs, and the read concerned; nil if there is no next page.
    /// Called after each ``step()`` that returned nil.
    ///
    /// - Parameter isWanted: whether the user waits for that page.
    package mutating func takeNeed(isWanted: Bool) -> Need? {
        guard let (need, needy) = engine.need.take() else { return nil }
        if isWanted { engine.noteWaiting(needy) }
        return Need(need: need, operation: engine.operation(of: needy), needy: needy)
    }

    /// What the next page needs.
    package struct Need {
        /// What must happen.
        package let need: ReadNeed
        /// The read concerned.
        package let operation: ReadOperation
        let needy: StreamEngine.Needy
    }

    /// Assigns an error to the block that needed something; the next step throws it.
    package mutating func refuse(_ error: StorageError, _ need: Need) {
        engine.refuse(error, need.needy)
    }

    /// Whether the stream looks no further than the page asked for, so that any thread may take
    /// pages by ``nextIfResident()``.
    package var looksUpOnly: Bool { isOnDemand }
}
