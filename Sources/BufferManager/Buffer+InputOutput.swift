internal import AsyncIO
internal import Synchronization

/// What became of the wish to do IO on a buffer.
enum IOStart {
    /// It is the caller's to do and to end.
    case started
    /// There is nothing to do: the page is valid, or clean.
    case needless
    /// Somebody else is at it.
    case busy
}

/// The right to do IO on a buffer: one at a time has it. Mirrors PostgreSQL's `StartBufferIO`,
/// `WaitIO` and `TerminateBufferIO`.
extension Buffer {
    /// Takes the right to fill the page. The caller has a pin. Never waits.
    func startInput() -> IOStart {
        var old = state
        while true {
            if old.has(BufferState.ioInProgress) { return .busy }
            if old.has(BufferState.valid) { return .needless }
            if exchange(&old, BufferState(old.bits | BufferState.ioInProgress)) { return .started }
        }
    }

    /// Takes the right to write the page out, with a pin of its own, if the buffer still has that
    /// tag. Never waits.
    ///
    /// - Parameters:
    ///   - onlyUnpinned: leave alone what somebody uses. Whoever has claimed the buffer to give it
    ///     to another page does not count: a clean one is what such a one wants.
    ///   - evenClean: also where there is nothing to be written.
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
        // The state may have been another page's by then.
        if hasTag(tag) { return .started }
        endOutput(written: false)
        return .needless
    }

    /// Ends a write, and its pin. A page that was changed meanwhile stays dirty.
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

    /// Ends the filling of a page. A failed one stays invalid: the next reader tries again.
    ///
    /// - Parameter droppingPin: the IO had a pin, taken by ``becomeWaitable(_:takingPin:)``.
    func endInput(valid: Bool, droppingPin: Bool) {
        end { old in
            let flag = valid ? BufferState.valid : BufferState.ioError
            return ((old.bits & ~BufferState.ioError) | flag)
                &- (droppingPin ? BufferState.onePin : 0)
        }
    }

    /// The buffer may serve another page as soon as the state has changed; its sleepers are then
    /// woken once for nothing.
    private func end(_ change: (BufferState) -> UInt64) {
        unsafe descriptor.pointee.ioHandle.store(0, ordering: .relaxed)
        let old = update { change($0) & ~(BufferState.ioInProgress | BufferState.ioWaiters) }
        assert(old.has(BufferState.ioInProgress), "IO is ended once, by who started it")
        if old.has(BufferState.ioWaiters) { wakeIOWaiters() }
    }

    /// Publishes by what the IO can be waited for.
    ///
    /// - Parameter takingPin: take the IO's own pin; a write's was taken when it won its right.
    func becomeWaitable(_ reference: WaitReference, takingPin: Bool) {
        let words = reference.words
        unsafe descriptor.pointee.ioGeneration.store(words.generation, ordering: .releasing)
        unsafe descriptor.pointee.ioHandle.store(words.index &+ 1, ordering: .releasing)
        let pin = takingPin ? BufferState.onePin : 0
        let old = update { ($0.bits & ~BufferState.ioWaiters) &+ pin }
        if old.has(BufferState.ioWaiters) { wakeIOWaiters() }
    }

    private func wakeIOWaiters() {
        unsafe descriptor.pointee.ioSequence.wrappingAdd(1, ordering: .releasing)
        unsafe wake(descriptor.pointee.ioSequence, count: .max)
        fireWakeUps(.io)
    }

    /// By what the IO in progress can be waited for, if it has come that far. A reference read
    /// while it changes names an IO that is over, or makes the caller look again.
    var waitReference: WaitReference? {
        let handle = unsafe descriptor.pointee.ioHandle.load(ordering: .acquiring)
        let generation = unsafe descriptor.pointee.ioGeneration.load(ordering: .acquiring)
        guard handle != 0, unsafe descriptor.pointee.ioHandle.load(ordering: .relaxed) == handle
        else { return nil }
        return WaitReference(words: (index: handle &- 1, generation: generation))
    }

    /// Waits until nobody does IO on the buffer. The caller has a pin, or looks again afterwards.
    ///
    /// Submits the session's staged IO before it sleeps.
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
            // Not waitable yet. Whoever changes that, or ends the IO, sees the flag.
            let sequence = unsafe descriptor.pointee.ioSequence.load(ordering: .acquiring)
            guard exchange(&old, BufferState(old.bits | BufferState.ioWaiters)) else { continue }
            if waitReference == nil {
                session.system.noteBlocking()
                unsafe park(descriptor.pointee.ioSequence, expected: sequence)
                slept = true
            }
        }
    }
}
