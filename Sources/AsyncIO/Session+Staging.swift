internal import Synchronization

extension Session {
    /// Stages an IO, and submits it unless a batch is open. Mirrors PostgreSQL's `pgaio_io_stage`.
    func stage(_ handle: HandlePointer) {
        let io = unsafe define(handle)
        if io.flags.contains(.synchronous) || system.method.needsSynchronousExecution(io) {
            unsafe counters.pointee.synchronousExecutions.add(1, ordering: .relaxed)
            unsafe completeInline(io, handle) { $0.execute() }
            return
        }
        staged.append(io)
        if !isInBatch { submitStaged() }
    }

    /// Takes an IO through its life that somebody else than the method has executed.
    func stageExecuted(_ handle: HandlePointer, result: Int) {
        unsafe completeInline(define(handle), handle) { _ in result }
    }

    /// Ends an IO's definition: from here on it is the session's.
    func define(_ handle: HandlePointer) -> StagedIO {
        unsafe precondition(handle == handedOut, "an IO is started by the session that defined it")
        unsafe precondition(
            handle.pointee.target != .none, "an IO's target is set before it is started")
        unsafe handle.pointee.updateState(to: .defined)
        unsafe handedOut = nil
        unsafe system.runStageCallbacks(handle)
        unsafe handle.pointee.updateState(to: .staged)
        unsafe counters.pointee.staged.add(1, ordering: .relaxed)

        return unsafe StagedIO(handle)
    }

    private func completeInline(
        _ io: StagedIO, _ handle: HandlePointer, _ execute: (StagedIO) -> Int
    ) {
        unsafe handle.pointee.isOutsideMethod.store(true, ordering: .relaxed)
        unsafe appendInFlight(handle)
        io.prepareSubmit()
        io.complete(result: execute(io))
        unsafe reclaim(handle)
    }

    /// Whether there is staged IO that has not been submitted.
    ///
    /// Nobody waits for another session, or for a lock that one may hold, while this is so.
    /// Mirrors PostgreSQL's `pgaio_have_staged`.
    public var hasStaged: Bool { !staged.isEmpty }

    /// Submits all staged IO. Needed only within a batch. Mirrors PostgreSQL's
    /// `pgaio_submit_staged`.
    public func submitStaged() {
        submitElsewhere()
        if staged.isEmpty { return }
        unsafe counters.pointee.submitted.add(UInt64(staged.count), ordering: .relaxed)
        unsafe counters.pointee.batches.add(1, ordering: .relaxed)
        for io in staged { unsafe appendInFlight(io.handle) }
        system.method.submit(staged.span, session: index)
        if system.method.canWait {
            // Whoever waits for IO that was not submitted yet goes on to ask the method for it, as
            // this session may never do so.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            for io in staged {
                unsafe io.handle.pointee.waiters.wakeAll(generation: io.generation)
            }
        }
        // What the method executed here and now is handed back at once.
        for io in staged where unsafe io.handle.pointee.state == .completedShared {
            unsafe reclaim(io.handle)
        }
        staged.removeAll(keepingCapacity: true)
    }

    /// Opens a batch: IO started from here on is submitted together, at the latest every
    /// ``batchLimit`` IOs.
    ///
    /// Code in a batch must not wait for another session while ``hasStaged`` is true: each could
    /// hold back what the other waits for. ``wait(for:)`` submits first.
    /// Mirrors PostgreSQL's `pgaio_enter_batchmode`.
    ///
    /// - Throws: `misuse` when a batch is open.
    public func enterBatch() throws(StorageError) {
        guard !isInBatch else {
            throw StorageError(
                .misuse, "starting batch while batch already in progress",
                remedy: "Leave the batch that is open first.")
        }
        hasBatch = true
    }

    /// Submits what is staged and closes the batch. Mirrors PostgreSQL's `pgaio_exit_batchmode`.
    ///
    /// - Throws: `misuse` when no batch is open.
    public func exitBatch() throws(StorageError) {
        guard isInBatch else {
            throw StorageError(.misuse, "no batch is open", remedy: "Enter a batch first.")
        }
        submitStaged()
        hasBatch = false
    }

    /// Runs `body` within a batch, which is submitted and closed however `body` ends.
    ///
    /// - Throws: `misuse` when a batch is open, or what `body` throws.
    public func withBatch<Result: ~Copyable>(_ body: () throws(StorageError) -> Result)
        throws(StorageError) -> Result
    {
        try enterBatch()
        defer { endScope(onError: true) }
        return try body()
    }

    /// Before a descriptor is closed: submits what is staged here, waits for what others have
    /// staged with that descriptor, and, where the method needs it, for all IO in flight on it.
    ///
    /// Nobody may start IO on the descriptor from here on. Mirrors PostgreSQL's
    /// `pgaio_closing_fd`.
    ///
    /// - Parameter isLent: a ``DescriptorLender`` keeps the descriptor open until all IO has given
    ///   it back, so that what other sessions have staged need not be waited for.
    public func closing(descriptor: CInt, isLent: Bool = false) {
        submitStaged()
        for index in system.initializedHandles {
            let handle = unsafe system.handles + index
            let generation = unsafe handle.pointee.generation.load(ordering: .acquiring)
            guard unsafe handle.pointee.descriptor.load(ordering: .relaxed) == descriptor else {
                continue
            }
            switch unsafe handle.pointee.state {
            case .defined, .staged:
                if isLent { continue }
                unsafe waitAndReclaim(handle, generation: generation)
            case .submitted where system.method.waitsBeforeClosing:
                unsafe waitAndReclaim(handle, generation: generation)
            case .idle, .handedOut, .submitted, .completedIO, .completedShared, .completedLocal:
                continue
            }
        }
    }
}
