public import AsyncIO
public import StorageManager

/// Starting and waiting for reads of several blocks.
extension BufferManager {
    /// Starts reading neighbouring blocks: at least one, and as many as one IO can cover.
    ///
    /// A page found in the pool is returned alone, ready to be taken. Otherwise starts one IO for
    /// the first block and those behind it that are neither in the pool nor being read by others,
    /// up to the combine limit. If another session is reading the first block, the operation waits
    /// for that read. This call never waits for IO; under the synchronous method the read itself is
    /// put off until ``waitRead(_:)``. Mirrors PostgreSQL's `StartReadBuffers`.
    ///
    /// - Parameters:
    ///   - operation: the operation to use. Pages left from its last read are given back first.
    ///   - block: the first block to read.
    ///   - count: in: how many blocks are wanted; out: how many the operation covers.
    /// - Returns: whether ``waitRead(_:)`` must be called before pages can be taken.
    /// - Throws: `misuse` if `count` is below 1; `resourcesExhausted` if all buffers are pinned and
    ///   not even one block can be read, or what the storage throws; the operation covers no block
    ///   then.
    public func startRead(_ operation: ReadOperation, block: BlockNumber, count: inout Int)
        throws(StorageError) -> Bool
    {
        try check(count: count, "a read", operation.storedRelation, operation.storedFork)
        let wanted = count
        while let need = try begin(operation, block: block, count: &count) {
            try wait(for: need, of: operation)
            count = wanted
        }
        return operation.doneCount < operation.coveredCount
    }

    /// The step of ``startRead(_:block:count:)``, which waits for nothing.
    ///
    /// - Returns: what must happen before the read can begin; the operation covers no block then,
    ///   and this is called again. If nil, continue with ``advance(_:)``.
    package func begin(_ operation: ReadOperation, block: BlockNumber, count: inout Int)
        throws(StorageError) -> ReadNeed?
    {
        precondition(count >= 1, "a read covers at least one block")
        operation.giveBack()
        operation.firstBlock = block
        do throws(StorageError) {
            switch try pinBlocks(operation, wanted: count) {
            case .lacks(let need):
                operation.giveBack()
                count = 0
                return need
            case .hit:
                break
            case .missing where executesInSubmitter(operation.storedRelation):
                try advise(operation)
            case .missing:
                _ = try startRemaining(operation)
                // Leave what the IO does not cover to the next read.
                switch operation.phase {
                case .own: operation.trim(to: operation.inFlight)
                case .foreign: operation.trim(to: 1)
                case .idle: if operation.doneCount > 0 { operation.trim(to: 1) }
                }
            }
        } catch {
            operation.giveBack()
            throw error
        }
        count = operation.coveredCount
        return nil
    }

    /// Waits until all blocks of a read are in the pool. Reads again what is missing: the rest of
    /// an IO that brought only a part, and what another session failed to read.
    ///
    /// Submits what the session has staged. Returns at once if there is nothing to wait for.
    /// Mirrors PostgreSQL's `WaitReadBuffers`.
    ///
    /// - Returns: whether the thread slept.
    /// - Throws: the error of this operation's own IO: `invalidPage`, or an error of the storage.
    ///   All its pages are given back then.
    @discardableResult
    public func waitRead(_ operation: ReadOperation) throws(StorageError) -> Bool {
        var slept = false
        do throws(StorageError) {
            while let need = try advance(operation) {
                if try wait(for: need, of: operation) { slept = true }
            }
        } catch {
            operation.giveBack()
            throw error
        }
        return slept
    }

    /// Advances a read as far as possible without waiting: the step of ``waitRead(_:)``.
    ///
    /// - Returns: what must happen before the next step; nil if all blocks are in the pool.
    /// - Throws: what ``waitRead(_:)`` throws; the caller must give the operation's pages back.
    package func advance(_ operation: ReadOperation) throws(StorageError) -> ReadNeed? {
        while operation.doneCount < operation.coveredCount {
            switch operation.phase {
            case .idle:
                if let need = try startRemaining(operation) { return need }
            case .own(let reference):
                guard operation.session.isDone(reference) else { return .completion(reference) }
                operation.phase = .idle
                try finish(operation)
            case .foreign:
                let buffer = operation.buffer(operation.doneCount)
                if buffer.state.has(BufferState.ioInProgress) {
                    if let reference = buffer.waitReference { return .completion(reference) }
                    return .notice
                }
                operation.phase = .idle
            }
        }
        return nil
    }

    /// Advances the read of one block as far as possible without waiting: begins it, if the
    /// operation covers no block, and continues with ``advance(_:)``.
    ///
    /// - Returns: what must happen before the next step; nil if the page can be taken.
    /// - Throws: what ``startRead(_:block:count:)`` and ``waitRead(_:)`` throw; the caller must
    ///   give the operation's page back.
    package func advance(_ operation: ReadOperation, reading block: BlockNumber)
        throws(StorageError) -> ReadNeed?
    {
        if operation.coveredCount == 0 {
            var one = 1
            if let need = try begin(operation, block: block, count: &one) { return need }
        }
        return try advance(operation)
    }

    /// The options that travel with a read: its own, and the configuration's if it lets them.
    private func travelling(_ own: ReadOptions) -> ReadOptions {
        var options = own.intersection(.travelling)
        if own.contains(.refusesDamagedPages) { return options }
        if configuration.zeroesDamagedPages { options.insert(.zeroesDamagedPages) }
        if configuration.ignoresChecksumFailures { options.insert(.ignoresChecksumFailures) }
        return options
    }

    /// The outcome of pinning a read's blocks.
    private enum Pinned {
        /// The first block alone, valid.
        case hit
        /// Blocks to be read, by this operation or by others.
        case missing
        /// Not even one buffer was available.
        case lacks(ReadNeed)
    }

    /// Pins the blocks that the read can cover.
    ///
    /// A first block that is in the pool but not valid is covered alone: another session reads it,
    /// or a read of it failed.
    private func pinBlocks(_ operation: ReadOperation, wanted: Int) throws(StorageError) -> Pinned {
        let pool = operation.pool
        let tag = PageTag(operation.storedRelation.locator, operation.storedFork, operation.block)
        let ring = operation.storedStrategy?.isPassing ?? false
        var lookup = pool.pinResident(tag, ring: ring)
        while case .absent = lookup {
            let limit = runLimit(operation, tag, wanted)
            let (strategy, isFirst) = operation.strategy(for: tag)
            switch try pool.claim(&operation.victims, limit, strategy, operation.session)
            {
            case .ready: break
            case .dirty: return .lacks(.cleaning)
            case .none: return .lacks(.buffers)
            }
            let claimed = operation.takeVictims()
            let (installed, found) = unsafe pool.install(
                operation.buffers, count: claimed, from: tag, operation.record, ring: ring)
            if installed > 0 {
                if isFirst { operation.record.noteScan(tag.block, installed) }
                operation.cover(installed)
                return .missing
            }
            lookup = found
        }
        guard case .pinned(let index, let state) = lookup else { throw BufferPool.tooManyPins(tag) }
        operation.dropVictims()
        unsafe operation.buffers[0] = UInt32(index)
        operation.cover(1)
        guard state.has(BufferState.valid) else { return .missing }
        operation.doneCount = 1
        countHits(operation, 1)
        return .hit
    }

    /// How many blocks that are not in the pool one IO can read, from the first on.
    ///
    /// If blocks are kept in groups, a read that does not end within its first group ends at a
    /// group's end; else two reads would fetch the same group.
    private func runLimit(_ operation: ReadOperation, _ tag: PageTag, _ wanted: Int) -> Int {
        let room = Int(BlockNumber.maximumCount) - Int(operation.firstBlock.rawValue)
        var limit = max(1, min(wanted, operation.capacity, room))
        if limit == 1 { return 1 }
        limit = min(
            limit,
            operation.storedRelation.storage.maximumCombine(
                operation.storedFork, block: operation.block))
        let group = operation.storedRelation.storage.blocksPerGroup(operation.storedFork)
        if group > 1 {
            let first = Int(operation.firstBlock.rawValue)
            limit = max(min(limit, group - first % group), limit - (first + limit) % group)
        }
        var run = 1
        while run < limit, operation.pool.likelyIndex(tag.advanced(by: run)) == nil { run += 1 }
        return run
    }

    private func advise(_ operation: ReadOperation) throws(StorageError) {
        guard operation.storedOptions.contains(.issuesAdvice),
            operation.storedRelation.capabilities.supportsPrefetch,
            !operation.storedRelation.capabilities.usesDirectIO
        else { return }
        _ = try operation.storedRelation.storage.prefetch(
            operation.storedFork, block: operation.block, count: operation.coveredCount)
    }

    /// Starts one IO for the blocks from `done` on, up to one that is valid or under IO.
    ///
    /// Afterwards the phase says what to wait for; `idle` means that the first block turned out to
    /// be in the pool. Mirrors PostgreSQL's `AsyncReadBuffers`.
    ///
    /// - Returns: `.handle` if no handle is idle; else nil.
    private func startRemaining(_ operation: ReadOperation) throws(StorageError) -> ReadNeed? {
        let pool = operation.pool
        let first = operation.doneCount
        // Checked before acquiring a handle, of which there may be none.
        let state = operation.buffer(first).state
        if state.has(BufferState.valid) {
            foundValid(operation)
            return nil
        }
        if state.has(BufferState.ioInProgress) {
            operation.phase = .foreign
            return nil
        }
        guard let handle = try acquireHandle(operation) else { return .handle }
        switch operation.buffer(first).startInput() {
        case .needless:
            handle.release()
            foundValid(operation)
            return nil
        case .busy:
            handle.release()
            operation.phase = .foreign
            return nil
        case .started:
            break
        }
        var end = first + 1
        while end < operation.coveredCount,
            case .started = operation.buffer(end).startInput()
        {
            end += 1
        }
        let reference = handle.waitReference
        do throws(StorageError) {
            try submit(operation, first..<end, handle)
        } catch {
            for position in first..<end {
                operation.buffer(position).endInput(valid: false, droppingPin: false)
            }
            throw refined(error, operation)
        }
        operation.inFlight = end - first
        operation.phase = .own(reference)
        unsafe BufferCounters.count(
            pool.tally(operation.session).pointee.reads, end - first)
        unsafe BufferCounters.count(pool.tally(operation.session).pointee.readOperations)
        return nil
    }

    /// Acquires a handle for a read; nil if none is idle.
    private func acquireHandle(_ operation: ReadOperation) throws(StorageError) -> IOHandle? {
        let session = operation.session
        if let handle = try session.tryAcquireHandle(reporting: operation.report) { return handle }
        session.reclaimCompleted()
        return try session.tryAcquireHandle(reporting: operation.report)
    }

    private func submit(
        _ operation: ReadOperation, _ range: Range<Int>, _ handle: consuming IOHandle
    )
        throws(StorageError)
    {
        // Nothing changes the operation's buffers before this returns.
        let data = unsafe Span(
            _unsafeStart: operation.buffers + range.lowerBound, count: range.count)
        let pages = unsafe Span(
            _unsafeStart: operation.addresses + range.lowerBound, count: range.count)
        try handle.setData(data)
        try handle.registerCallbacks(
            operation.callbacks,
            data: travelling(operation.storedOptions).rawValue)
        var flags: IOFlags = []
        if operation.pool.isLocal { flags.insert(.referencesLocal) }
        if operation.storedRelation.capabilities.transformsPages { flags.insert(.heavyCompletion) }
        if executesInSubmitter(operation.storedRelation)
            || operation.storedOptions.contains(.synchronously)
        {
            flags.insert(.synchronous)
        }
        handle.setFlags(flags)
        try operation.storedRelation.storage.startRead(
            handle, operation.storedFork,
            block: operation.firstBlock.advanced(by: range.lowerBound),
            into: pages)
    }

    /// Evaluates the operation's own IO: throws its error or logs its warning. Mirrors PostgreSQL's
    /// `ProcessReadBuffersResult`.
    private func finish(_ operation: ReadOperation) throws(StorageError) {
        let result = operation.report.result
        do throws(StorageError) {
            try system.check(operation.report)
        } catch {
            throw refined(error, operation)
        }
        let brought = Int(result.value)
        guard result.status != .unknown, brought > 0 else {
            throw StorageError(
                .readFailed,
                "reading block \(operation.firstBlock.advanced(by: operation.doneCount)) of "
                    + "relation \"\(operation.storedRelation.locator)\(operation.fork.suffix)\" "
                    + "brought no page",
                at: operation.storedRelation.location(
                    operation.storedFork,
                    block: operation.firstBlock.advanced(by: operation.doneCount)))
        }
        operation.doneCount += min(brought, operation.inFlight)
    }

    /// The error for a read that the storage refused: a block behind the end is no damage.
    private func refined(_ error: StorageError, _ operation: ReadOperation) -> StorageError {
        guard error.code == .readFailed || error.code == .notFound else { return error }
        let block = operation.firstBlock.advanced(by: operation.doneCount)
        return absence(
            of: block, operation.storedRelation, operation.storedFork, cause: error) ?? error
    }

    /// Counts the next block, which another session has read meanwhile.
    private func foundValid(_ operation: ReadOperation) {
        operation.doneCount += 1
        countHits(operation, 1)
    }

    private func countHits(_ operation: ReadOperation, _ number: Int) {
        unsafe BufferCounters.count(
            operation.pool.tally(operation.session).pointee.hits, number)
    }
}
