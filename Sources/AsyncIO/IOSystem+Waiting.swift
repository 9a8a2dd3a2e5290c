internal import Synchronization

extension IOSystem {
    /// Waits until the IO has completed, whichever session issued it.
    ///
    /// For threads without a session; threads with one use ``Session/wait(for:)``. Blocks the
    /// thread, so it must not be called on Swift's cooperative pool. Returns at once for an invalid
    /// reference and for an IO that is over. Mirrors PostgreSQL's `pgaio_wref_wait`.
    ///
    /// - Returns: whether the thread had to sleep.
    /// - Throws: `misuse` if the handle was not started yet: it may never be.
    @discardableResult
    public func wait(for reference: WaitReference) throws(StorageError) -> Bool {
        guard let handle = unsafe pointer(reference) else { return false }
        unsafe try checkStarted(handle, reference)
        return unsafe wait(
            handle, generation: reference.generation, counter: configuration.maximumSessions)
    }

    /// Fires a wake-up when the IO has completed, whichever session issued it. The wake-up may fire
    /// early, so the receiver checks again. Never sleeps. Any thread.
    ///
    /// Where completions are found by polling (``IOMethod/canWait``), some thread has to poll: the
    /// issuing session's thread, or a loop that watches
    /// ``IOMethod/completionDescriptor(session:)``.
    ///
    /// - Returns: false, with nothing registered, if the IO is over.
    public func register(_ wakeUp: WakeUp, for reference: WaitReference) -> Bool {
        guard let handle = unsafe pointer(reference) else { return false }
        if unsafe isComplete(handle, reference.generation) { return false }
        return unsafe handle.pointee.waiters.add(wakeUp, generation: reference.generation)
    }

    /// Records that the calling thread is about to block, for
    /// ``IOStatistics/blockingCallsInTasks``.
    package func noteBlocking() {
        if unsafe withUnsafeCurrentTask(body: { unsafe $0 != nil }) {
            blockingCallsInTasks.add(1, ordering: .relaxed)
        }
    }

    /// Returns whether the IO has completed. Asks the method for completions first, and never
    /// sleeps. Any thread. Mirrors PostgreSQL's `pgaio_wref_check_done`.
    public func isDone(_ reference: WaitReference) -> Bool {
        guard let handle = unsafe pointer(reference) else { return true }
        return unsafe isDone(
            handle, generation: reference.generation, counter: configuration.maximumSessions)
    }

    /// The number of the session whose IO a valid reference names.
    package func sessionIndex(of reference: WaitReference) -> Int {
        Int(reference.index) / handlesPerSession
    }

    /// Throws `misuse` if the handle is still being filled in. The thread that could start it might
    /// be the one that is about to wait.
    func checkStarted(_ handle: HandlePointer, _ reference: WaitReference) throws(StorageError) {
        let (recycled, state) = unsafe handle.pointee.wasRecycled(since: reference.generation)
        guard state == .handedOut, !recycled else { return }
        throw StorageError(
            .misuse, "waiting for an IO that was not started",
            remedy: "Start or release the handle before waiting for it.")
    }

    func pointer(_ reference: WaitReference) -> HandlePointer? {
        guard reference.isValid, initializedHandles.contains(Int(reference.index)) else {
            return nil
        }
        return unsafe handles + Int(reference.index)
    }

    /// Waits until the IO of that generation has completed for all threads. Helps the method while
    /// it can, and sleeps otherwise. The caller must hold no staged IO.
    ///
    /// - Returns: whether it slept.
    func wait(_ handle: HandlePointer, generation: UInt64, counter: Int) -> Bool {
        if unsafe isDone(handle, generation: generation, counter: counter) { return false }
        while unsafe method.assist(StagedIO(handle), generation: generation) {
            if unsafe isDone(handle, generation: generation, counter: counter) { return false }
        }
        unsafe counters[counter].blockedWaits.add(1, ordering: .relaxed)
        noteBlocking()
        while true {
            let (recycled, state) = unsafe handle.pointee.wasRecycled(since: generation)
            if recycled { return true }
            switch state {
            case .completedShared, .completedLocal, .idle:
                // No valid reference names an idle handle's present generation: this one was
                // assembled from parts that do not belong together.
                return true
            case .submitted where unsafe usesMethod(handle):
                unsafe method.waitOne(
                    StagedIO(handle), generation: generation)
            case .completedIO, .submitted, .staged, .defined, .handedOut:
                unsafe handle.pointee.waiters.wait(generation: generation) {
                    // It was submitted just now, perhaps by a session that will never ask for it.
                    guard unsafe handle.pointee.state == .submitted, unsafe usesMethod(handle)
                    else { return false }
                    unsafe method.waitOne(StagedIO(handle), generation: generation)
                    return true
                }
            }
        }
    }

    func isDone(_ handle: HandlePointer, generation: UInt64, counter: Int) -> Bool {
        if unsafe isComplete(handle, generation) { return true }
        if unsafe handle.pointee.state == .submitted, unsafe usesMethod(handle) {
            unsafe counters[counter].polls.add(1, ordering: .relaxed)
            unsafe method.poll(for: StagedIO(handle), generation: generation)
            return unsafe isComplete(handle, generation)
        }
        return false
    }

    private func isComplete(_ handle: HandlePointer, _ generation: UInt64) -> Bool {
        let (recycled, state) = unsafe handle.pointee.wasRecycled(since: generation)
        return recycled || state == .completedShared || state == .completedLocal || state == .idle
    }

    /// Whether the method can tell about the IO. It cannot while a thread outside it executes the
    /// IO.
    private func usesMethod(_ handle: HandlePointer) -> Bool {
        unsafe method.canWait && !handle.pointee.isOutsideMethod.load(ordering: .relaxed)
    }
}
