internal import AsyncIO
internal import Synchronization
internal import Threads

/// The outcome of asking for the IO right on a buffer.
enum IOStart {
    /// The caller has the right, and must do and end the IO.
    case started
    /// There is nothing to do: the page is valid, or clean.
    case needless
    /// Another IO is in progress.
    case busy
}

/// The right to do IO on a buffer. One holder at a time. Mirrors PostgreSQL's `StartBufferIO`,
/// `WaitIO` and `TerminateBufferIO`.
extension Buffer {
    /// Takes the right to fill the page. The caller has a pin. Never waits.
    func startInput() -> IOStart {
        var old = state
        while true {
            if old.has(BufferState.ioInProgress) { return .busy }
            if old.has(BufferState.valid) { return .needless }
            if exchange(&old, BufferState(old.bits | BufferState.ioInProgress)) {
                moveVersion()
                return .started
            }
        }
    }

    /// Takes the right to write the page, with a pin of its own, if the buffer still has the tag.
    /// Never waits.
    ///
    /// - Parameters:
    ///   - onlyUnpinned: skips pages that are pinned. The pin of a claim does not count: the
    ///     claimant wants a clean page.
    ///   - evenClean: takes the right even if there is nothing to write.
    func startOutput(_ tag: PageTag, onlyUnpinned: Bool = false, evenClean: Bool = false)
        -> IOStart
    {
        let needed =
            BufferState.tagValid | BufferState.valid | (evenClean ? 0 : BufferState.dirty)
        var old = state
        while true {
            guard old.bits & needed == needed, hasTag(tag) else { return .needless }
            if old.has(BufferState.ioInProgress) || old.pins == BufferState.pinMask {
                return .busy
            }
            if onlyUnpinned && old.pins != (old.has(BufferState.claimed) ? 1 : 0) { return .busy }
            let new = (old.bits | BufferState.ioInProgress) & ~BufferState.justDirtied
            if exchange(&old, BufferState(new &+ BufferState.onePin)) { break }
        }
        // By then the state may have been another page's.
        if hasTag(tag) { return .started }
        endOutput(written: false)
        return .needless
    }

    /// Ends a write and drops its pin. A page that was changed meanwhile stays dirty.
    func endOutput(written: Bool, failed: Bool = false) {
        end { old in
            var new = old.bits &- BufferState.onePin
            if failed { new |= BufferState.ioError }
            if written {
                new &= ~BufferState.ioError
                if !old.has(BufferState.justDirtied) {
                    new &= ~(BufferState.dirty | BufferState.checkpointNeeded)
                }
            } else {
                new |= BufferState.justDirtied
            }
            return new
        }
    }

    /// Ends filling a page. If it failed, the page stays invalid and the next reader tries again.
    ///
    /// - Parameter droppingPin: whether the IO had a pin, taken by
    ///   ``becomeWaitable(_:takingPin:)``.
    func endInput(valid: Bool, droppingPin: Bool) {
        end { old in
            let flag = valid ? BufferState.valid : BufferState.ioError
            return ((old.bits & ~BufferState.ioError) | flag)
                &- (droppingPin ? BufferState.onePin : 0)
        }
    }

    /// Ends the IO. The buffer may serve another page as soon as the state has changed; a sleeper
    /// of that page is then woken once for nothing.
    private func end(_ change: (BufferState) -> UInt64) {
        unsafe descriptor.pointee.ioHandle.store(0, ordering: .relaxed)
        let old = update { change($0) & ~(BufferState.ioInProgress | BufferState.ioWaiters) }
        assert(old.has(BufferState.ioInProgress), "an IO is ended once, by its starter")
        if old.has(BufferState.ioWaiters) { wakeIOWaiters() }
    }

    /// Publishes the reference by which the IO can be waited for.
    ///
    /// - Parameter takingPin: takes the IO's own pin. A write took it together with the IO right.
    func becomeWaitable(_ reference: WaitReference, takingPin: Bool) {
        let words = reference.words
        unsafe descriptor.pointee.ioGeneration.store(words.generation, ordering: .releasing)
        unsafe descriptor.pointee.ioHandle.store(words.index &+ 1, ordering: .releasing)
        let pin = takingPin ? BufferState.onePin : 0
        let old = update { ($0.bits & ~BufferState.ioWaiters) &+ pin }
        if old.has(BufferState.ioWaiters) { wakeIOWaiters() }
    }

    private func wakeIOWaiters() {
        unsafe descriptor.pointee.sleepers.wrappingAdd(1, ordering: .releasing)
        unsafe wake(descriptor.pointee.sleepers, count: .max)
        fireWakeUps(.io)
    }

    /// The reference by which the IO in progress can be waited for, if it has one already. A
    /// reference read while it changes names an IO that is over, or makes the caller look again.
    var waitReference: WaitReference? {
        let handle = unsafe descriptor.pointee.ioHandle.load(ordering: .acquiring)
        let generation = unsafe descriptor.pointee.ioGeneration.load(ordering: .acquiring)
        guard handle != 0, unsafe descriptor.pointee.ioHandle.load(ordering: .relaxed) == handle
        else { return nil }
        return WaitReference(words: (index: handle &- 1, generation: generation))
    }

    /// Waits until no IO is in progress on the buffer. The caller has a pin, or looks again
    /// afterwards.
    ///
    /// Submits the session's staged IO before sleeping.
    ///
    /// - Returns: whether the thread slept.
    @discardableResult
    func waitForIO(_ session: Session) throws(StorageError) -> Bool {
        var slept = false
        while true {
            var old = state
            guard old.has(BufferState.ioInProgress) else { return slept }
            if let reference = waitReference {
                if try session.wait(for: reference) { slept = true }
                continue
            }
            session.submitStaged()
            // Not waitable yet. The thread that changes that, or ends the IO, sees the flag.
            let sequence = unsafe descriptor.pointee.sleepers.load(ordering: .acquiring)
            guard exchange(&old, BufferState(old.bits | BufferState.ioWaiters)) else { continue }
            if waitReference == nil {
                session.system.noteBlocking()
                unsafe park(descriptor.pointee.sleepers, expected: sequence)
                slept = true
            }
        }
    }
}
