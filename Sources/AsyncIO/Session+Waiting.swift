internal import Synchronization
internal import Threads

extension Session {
    /// Waits until the IO has completed, whichever session issued it. Reclaims it if it is this
    /// session's.
    ///
    /// Submits what is staged before sleeping. Blocks the thread, so it must not be called on
    /// Swift's cooperative pool. Returns at once for an invalid reference and for an IO that is
    /// over. Mirrors PostgreSQL's `pgaio_wref_wait`.
    ///
    /// - Returns: whether the thread had to sleep.
    /// - Throws: `misuse` if the handle was not started yet: it may never be.
    @discardableResult
    public func wait(for reference: WaitReference) throws(StorageError) -> Bool {
        guard let handle = unsafe system.pointer(reference) else { return false }
        unsafe try system.checkStarted(handle, reference)
        return unsafe waitAndReclaim(handle, generation: reference.generation)
    }

    /// Returns whether the IO has completed. Asks the method for completions first, never sleeps,
    /// and reclaims the IO if it is this session's. Mirrors PostgreSQL's `pgaio_wref_check_done`.
    public func isDone(_ reference: WaitReference) -> Bool {
        guard let handle = unsafe system.pointer(reference) else { return true }
        guard unsafe system.isDone(handle, generation: reference.generation, counter: index)
        else { return false }
        unsafe reclaimIfOwn(handle, generation: reference.generation)
        return true
    }

    /// Completes what the method has executed of this session's IO and reclaims everything that is
    /// over, without sleeping. For loops that serve many waiters.
    package func reclaimCompleted() {
        if firstInFlight == WaitReference.invalidIndex { return }
        if system.method.canWait { system.method.poll(session: index) }
        // A completing thread counts the IO first, so there is nothing to find unless more are
        // counted.
        var position = firstInFlight
        while position != WaitReference.invalidIndex,
            unsafe reclaimedCount != counters.pointee.completed.load(ordering: .relaxed)
        {
            let handle = unsafe system.handles + Int(position)
            position = unsafe handle.pointee.nextInFlight
            if unsafe handle.pointee.state == .completedShared { unsafe reclaim(handle) }
        }
    }

    /// Whether a handle could be acquired without waiting.
    package var hasIdleHandle: Bool { !idle.isEmpty }

    /// How many IOs are in flight.
    package var inFlight: Int { inFlightCount }

    @discardableResult
    func waitAndReclaim(_ handle: HandlePointer, generation: UInt64) -> Bool {
        if unsafe system.isDone(handle, generation: generation, counter: index) {
            unsafe reclaimIfOwn(handle, generation: generation)
            return false
        }
        submitStaged()
        let slept = unsafe system.wait(handle, generation: generation, counter: index)
        unsafe reclaimIfOwn(handle, generation: generation)
        return slept
    }

    func waitAndReclaim(_ handle: HandlePointer) {
        let generation = unsafe handle.pointee.generation.load(ordering: .relaxed)
        unsafe waitAndReclaim(handle, generation: generation)
    }

    private func reclaimIfOwn(_ handle: HandlePointer, generation: UInt64) {
        // A closed session's number, and with it these handles, may belong to another session by
        // now.
        guard !isClosed, unsafe Int(handle.pointee.sessionIndex) == index,
            unsafe handle.pointee.generation.load(ordering: .relaxed) == generation,
            unsafe handle.pointee.state != .idle
        else { return }
        unsafe reclaim(handle)
    }

    /// Makes at least one handle idle. Reclaims what has completed, or else submits what is staged
    /// and waits for the oldest IO in flight. Mirrors PostgreSQL's `pgaio_io_wait_for_free`.
    package func waitForHandle() {
        for position in 0..<system.handlesPerSession {
            let handle = unsafe handles + position
            if unsafe handle.pointee.state == .completedShared { unsafe reclaim(handle) }
        }
        if !idle.isEmpty { return }
        submitStaged()
        if !idle.isEmpty { return }
        guard let oldest = unsafe oldestInFlight else {
            preconditionFailure("session \(index) has no idle handle and none in flight")
        }
        unsafe waitAndReclaim(oldest)
    }

    /// Makes a handle idle. A completed IO gets its local callbacks and report first; an unused
    /// handle does not. Mirrors PostgreSQL's `pgaio_io_reclaim`.
    func reclaim(_ handle: HandlePointer) {
        let state = unsafe handle.pointee.state
        unsafe insist(
            Int(handle.pointee.sessionIndex) == index
                && (state == .handedOut || state == .completedShared),
            "a handle is reclaimed by its own session, unused or completed")
        if state == .completedShared {
            let result = unsafe system.runLocalCallbacks(handle)
            unsafe handle.pointee.updateState(to: .completedLocal)
            // With no other reference, nothing can ask the report any more. An IO without a report
            // is its callbacks' affair.
            if result.status == .error || result.status == .warning,
                unsafe isKnownUniquelyReferenced(&handle.pointee.definition.report)
            {
                unsafe system.logUnclaimed(result, handle.pointee.targetData)
            }
            if let report = unsafe handle.pointee.definition.report {
                report.storedResult = result
                unsafe report.storedTarget = handle.pointee.target
                unsafe report.storedTargetData = handle.pointee.targetData
            }
            unsafe removeInFlight(handle)
            reclaimedCount &+= 1
        }
        unsafe handle.pointee.definition.owner?.handleCount -= 1

        let next = unsafe handle.pointee.generation.load(ordering: .relaxed) &+ 1
        unsafe handle.pointee.generation.store(next, ordering: .releasing)
        unsafe handle.pointee.updateState(to: .idle)
        // A snapshot that sees a reset field sees the new generation too.
        atomicMemoryFence(ordering: .releasing)
        unsafe handle.pointee.resetVisible()
        unsafe handle.pointee.definition.reset()
        unsafe handle.pointee.waiters.reopen(generation: next)
        unsafe idle.append(Int(handle.pointee.index) - index * system.handlesPerSession)
    }

    var oldestInFlight: HandlePointer? {
        firstInFlight == WaitReference.invalidIndex
            ? nil : unsafe system.handles + Int(firstInFlight)
    }

    func appendInFlight(_ handle: HandlePointer) {
        let index = unsafe handle.pointee.index
        unsafe handle.pointee.previousInFlight = lastInFlight
        unsafe handle.pointee.nextInFlight = WaitReference.invalidIndex
        if lastInFlight == WaitReference.invalidIndex {
            firstInFlight = index
        } else {
            unsafe system.handles[Int(lastInFlight)].nextInFlight = index
        }
        lastInFlight = index
        inFlightCount += 1
    }

    func removeInFlight(_ handle: HandlePointer) {
        let (previous, next) = unsafe (handle.pointee.previousInFlight, handle.pointee.nextInFlight)
        if previous == WaitReference.invalidIndex {
            firstInFlight = next
        } else {
            unsafe system.handles[Int(previous)].nextInFlight = next
        }
        if next == WaitReference.invalidIndex {
            lastInFlight = previous
        } else {
            unsafe system.handles[Int(next)].previousInFlight = previous
        }
        inFlightCount -= 1
    }
}
