internal import Synchronization
internal import Threads

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

    /// Takes an IO that code outside the method has executed through its life.
    func stageExecuted(_ handle: HandlePointer, result: Int) {
        unsafe completeInline(define(handle), handle) { _ in result }
    }

    /// Ends an IO's definition. From here on the IO belongs to the session.
    func define(_ handle: HandlePointer) -> StagedIO {
        unsafe insist(handle == handedOut, "an IO is started by the session that defined it")
        unsafe insist(
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
    /// While it is true, the session must not wait for another session, or for a lock that another
    /// may hold. Mirrors PostgreSQL's `pgaio_have_staged`.
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
            // A waiter whose IO was not submitted yet now has to ask the method for it: this
            // session may never do so.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            for io in staged {
                unsafe io.handle.pointee.waiters.wakeAll(generation: io.generation)
            }
        }
        // Reclaims at once what the method has executed in the call.
        for io in staged where unsafe io.handle.pointee.state == .completedShared {
            unsafe reclaim(io.handle)
        }
        staged.removeAll(keepingCapacity: true)
    }

    /// Opens a batch. IO started from here on is submitted together, at least every ``batchLimit``
    /// IOs.
    ///
    /// Code in a batch must not wait for another session while ``hasStaged`` is true: each could
    /// hold back what the other waits for. ``wait(for:)`` submits first. Mirrors PostgreSQL's
    /// `pgaio_enter_batchmode`.
    ///
    /// - Throws: `misuse` if a batch is open, `closed` after ``close()``.
    public func enterBatch() throws(StorageError) {
        guard !isClosed else { throw StorageError(.closed, "session \(index) has been closed") }
        guard !isInBatch else {
            throw StorageError(
                .misuse, "starting batch while batch already in progress",
                remedy: "Leave the open batch first.")
        }
        hasBatch = true
    }

    /// Submits what is staged and closes the batch. Mirrors PostgreSQL's `pgaio_exit_batchmode`.
    ///
    /// - Throws: `misuse` if no batch is open.
    public func exitBatch() throws(StorageError) {
        guard isInBatch else {
            throw StorageError(.misuse, "no batch is open", remedy: "Enter a batch first.")
        }
        submitStaged()
        hasBatch = false
    }

    /// Runs `body` within a batch. The batch is submitted and closed whether or not `body` throws.
    ///
    /// - Throws: what ``enterBatch()`` throws, or what `body` throws.
    public func withBatch<Result: ~Copyable>(_ body: () throws(StorageError) -> Result)
        throws(StorageError) -> Result
    {
        try enterBatch()
        defer { endScope(onError: true) }
        return try body()
    }

    /// Prepares for closing a descriptor. Submits what is staged here and waits for what other
    /// sessions have staged with that descriptor. If the method requires it, waits for all IO in
    /// flight on it too.
    ///
    /// Callers must not let any IO start on the descriptor from here on. Mirrors PostgreSQL's
    /// `pgaio_closing_fd`.
    ///
    /// - Parameters:
    ///   - descriptor: the kernel descriptor that is about to be closed.
    ///   - isLent: a ``DescriptorLender`` keeps the descriptor open until all IO has given it back,
    ///     so this call need not wait for what other sessions have staged.
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
