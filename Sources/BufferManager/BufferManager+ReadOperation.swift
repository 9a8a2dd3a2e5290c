public import AsyncIO
public import StorageManager

/// Starting and waiting for reads of several blocks.
extension BufferManager {
    /// Starts reading neighbouring blocks, as many as one IO can cover and at least one.
    ///
    /// A page found in the pool is returned alone, ready to be taken. Otherwise one IO is started
    /// for the first block and those behind it that are neither in the pool nor being read by
    /// others, up to the combine limit. If somebody else is reading the first block, that is what
    /// there is to wait for. Never waits for IO; under the synchronous method the read itself is
    /// put off until ``waitRead(_:)``. Mirrors PostgreSQL's `StartReadBuffers`.
    ///
    /// - Parameters:
    ///   - operation: what its last read left in it is given back first.
    ///   - count: how many blocks are wanted; then, how many the operation covers.
    /// - Returns: whether ``waitRead(_:)`` has to be called before pages can be taken.
    /// - Throws: `resourcesExhausted` when all buffers are pinned and not even one block can be
    ///   read, what the storage throws; the operation covers no block then.
    public func startRead(_ operation: ReadOperation, block: BlockNumber, count: inout Int)
        throws(StorageError) -> Bool
    {
        precondition(count >= 1, "a read covers at least one block")
        operation.giveBack()
        operation.block = block
        do throws(StorageError) {
            let hit = try pinBlocks(operation, wanted: count)
            if !hit {
                if isSynchronous {
                    try advise(operation)
                } else {
                    try startRemaining(operation)
                    // What the IO does not cover is for the next read.
                    if case .own = operation.phase {
                        operation.trim(to: operation.inFlight)
                    } else {
                        operation.trim(to: 1)
                    }
                }
            }
        } catch {
            operation.giveBack()
            throw error
        }
        count = operation.count
        return operation.done < operation.count
    }

    /// Waits until all blocks of a read are in the pool, reading again what is missing: what an IO
    /// brought only a part of, and what somebody else failed to read.
    ///
    /// Submits what the session has staged. Returns at once where nothing is to be waited for.
    /// Mirrors PostgreSQL's `WaitReadBuffers`.
    ///
    /// - Returns: whether the thread slept.
    /// - Throws: what this operation's own IO met: `invalidPage` or what the storage says. All its
    ///   pages are given back then.
    @discardableResult
    public func waitRead(_ operation: ReadOperation) throws(StorageError) -> Bool {
        var slept = false
        do throws(StorageError) {
            while operation.done < operation.count {
                switch operation.phase {
                case .idle:
                    try startRemaining(operation)
                case .own(let reference):
                    if try operation.session.wait(for: reference) { slept = true }
                    operation.phase = .idle
                    try finish(operation)
                case .foreign:
                    let buffer = operation.pool.buffer(Int(operation.buffers[operation.done]))
                    if try buffer.waitForIO(operation.session) { slept = true }
                    operation.phase = .idle
                }
            }
        } catch {
            operation.giveBack()
            throw error
        }
        return slept
    }

    private var defaultOptions: ReadOptions {
        var options: ReadOptions = []
        if configuration.zeroesDamagedPages { options.insert(.zeroesDamagedPages) }
        if configuration.ignoresChecksumFailures { options.insert(.ignoresChecksumFailures) }
        return options
    }

    /// Pins the blocks that the read can cover; whether it is the first one alone, found valid.
    private func pinBlocks(_ operation: ReadOperation, wanted: Int) throws(StorageError) -> Bool {
        let pool = operation.pool
        let record = table.record(of: operation.relation)
        let room = Int(BlockNumber.maximumCount) - Int(operation.block.rawValue)
        var limit = max(1, min(wanted, pool.combineLimit, room))
        let tag = PageTag(operation.relation.locator, operation.fork, operation.block)
        var position = 0
        while position < limit {
            let found: (index: Int, state: BufferState, isNew: Bool)
            do throws(StorageError) {
                found = try pool.pinOrInstall(
                    tag.advanced(by: position), record, operation.strategy, operation.session)
            } catch {
                // A shorter read needs fewer buffers.
                if position == 0 || error.code != .resourcesExhausted { throw error }
                break
            }
            if position == 0 {
                operation.append(found.index)
                if found.state.has(BufferState.valid) {
                    (operation.count, operation.done) = (1, 1)
                    countHits(operation, 1)
                    return true
                }
                if limit > 1 {
                    limit = min(
                        limit,
                        operation.relation.storage.maximumCombine(
                            operation.fork, block: operation.block))
                }
            } else if found.state.has(BufferState.valid | BufferState.ioInProgress) {
                pool.buffer(found.index).unpin()
                break
            } else {
                operation.append(found.index)
            }
            position += 1
        }
        operation.count = position
        return false
    }

    private func advise(_ operation: ReadOperation) throws(StorageError) {
        guard operation.options.contains(.issuesAdvice),
            operation.relation.capabilities.supportsPrefetch,
            !operation.relation.capabilities.usesDirectIO
        else { return }
        _ = try operation.relation.storage.prefetch(
            operation.fork, block: operation.block, count: operation.count)
    }

    /// Starts one IO for the blocks from `done` on, as far as nobody else has or does them.
    ///
    /// Afterwards the phase says what to wait for; `idle` means that the first of them turned out
    /// to be in the pool. Mirrors PostgreSQL's `AsyncReadBuffers`.
    private func startRemaining(_ operation: ReadOperation) throws(StorageError) {
        let pool = operation.pool
        let first = operation.done
        // Looked at before a handle is acquired, which may wait for this session's oldest IO.
        let state = pool.buffer(Int(operation.buffers[first])).state
        if state.has(BufferState.valid) { return foundValid(operation) }
        if state.has(BufferState.ioInProgress) {
            operation.phase = .foreign
            return
        }
        let handle = try operation.session.acquireHandle(reporting: operation.report)
        switch pool.buffer(Int(operation.buffers[first])).startInput() {
        case .needless:
            handle.release()
            return foundValid(operation)
        case .busy:
            handle.release()
            operation.phase = .foreign
            return
        case .started:
            break
        }
        var end = first + 1
        while end < operation.count,
            case .started = pool.buffer(Int(operation.buffers[end])).startInput()
        {
            end += 1
        }
        let reference = handle.waitReference
        do throws(StorageError) {
            try submit(operation, first..<end, handle)
        } catch {
            for position in first..<end {
                pool.buffer(Int(operation.buffers[position])).endInput(
                    valid: false, droppingPin: false)
            }
            throw error
        }
        operation.inFlight = end - first
        operation.phase = .own(reference)
        unsafe BufferCounters.count(
            pool.tally(operation.session).pointee.reads, end - first)
        unsafe BufferCounters.count(pool.tally(operation.session).pointee.readOperations)
    }

    private func submit(
        _ operation: ReadOperation, _ range: Range<Int>, _ handle: consuming IOHandle
    )
        throws(StorageError)
    {
        let (buffers, addresses) = (operation.buffers, operation.addresses)
        let (data, pages) = (buffers.span.extracting(range), addresses.span.extracting(range))
        try handle.setData(data)
        try handle.registerCallbacks(
            operation.callbacks,
            data: operation.options.union(defaultOptions).intersection(.travelling).rawValue)
        var flags: IOFlags = []
        if operation.pool.isLocal { flags.insert(.referencesLocal) }
        if isSynchronous || operation.options.contains(.synchronously) {
            flags.insert(.synchronous)
        }
        handle.setFlags(flags)
        try operation.relation.storage.startRead(
            handle, operation.fork, block: operation.block.advanced(by: range.lowerBound),
            into: pages)
    }

    /// Takes note of how the operation's own IO ended; throws or logs what deserves it. Mirrors
    /// PostgreSQL's `ProcessReadBuffersResult`.
    private func finish(_ operation: ReadOperation) throws(StorageError) {
        let result = operation.report.result
        try system.check(operation.report)
        let brought = Int(result.value)
        guard result.status != .unknown, brought > 0 else {
            throw StorageError(
                .readFailed,
                "reading block \(operation.block.advanced(by: operation.done)) of relation "
                    + "\"\(operation.relation.locator)\(operation.fork.suffix)\" brought no page",
                at: operation.relation.location(
                    operation.fork, block: operation.block.advanced(by: operation.done)))
        }
        operation.done += min(brought, operation.inFlight)
    }

    /// Somebody else has read the next block meanwhile.
    private func foundValid(_ operation: ReadOperation) {
        operation.done += 1
        countHits(operation, 1)
    }

    private func countHits(_ operation: ReadOperation, _ number: Int) {
        unsafe BufferCounters.count(
            operation.pool.tally(operation.session).pointee.hits, number)
    }
}
