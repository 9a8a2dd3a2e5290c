internal import AsyncIO
internal import BufferManager
internal import DequeModule
public import StorageManager

/// From the source into the queue. Nothing here waits for IO or throws: an error in starting a read
/// is kept until its block is wanted.
extension StreamEngine {
    @usableFromInline
    func beginLookAhead(urgently: Bool) {
        isUrgent = urgently
        if count == 0 && !isRefused { startFailure = nil }
        startNeed = nil
        if options.flags.contains(.batching), !session.isInBatch {
            ownsBatch = (try? session.enterBatch()) != nil
        }
        if heldBlock != .invalid { startHeld() }
    }

    /// - Returns: whether dirty pages must be written out before the pending read can start.
    @usableFromInline
    func endLookAhead() -> Bool {
        while startsPending, startPending() {}
        if heldBlock != .invalid { startHeld() }
        if ownsBatch {
            try? session.exitBatch()
            ownsBatch = false
        }
        if case .cleaning = startNeed { return true }
        return false
    }

    /// Takes a block that was asked for on demand and was not in the pool.
    @usableFromInline
    func missed(_ block: BlockNumber) {
        (pendingBlock, pendingCount) = (block, 1)
        expectGroup()
    }

    /// Takes a block from the source.
    @usableFromInline
    func add(_ block: BlockNumber) {
        if pendingCount > 0 {
            if pendingCount < combineLimit, pendingBlock.advanced(by: pendingCount) == block {
                pendingCount += 1
                if pendingCount >= combineDistance { _ = startPending() }
                return
            }
            heldBlock = block
            startHeld()
            return
        }
        begin(block)
    }

    /// Starts all that is pending before the held block, then begins with that.
    private func startHeld() {
        while pendingCount > 0 {
            if startFailure != nil || startNeed != nil || !startPending() { return }
        }
        let block = heldBlock
        heldBlock = .invalid
        begin(block)
    }

    /// Opens a pending read, unless the block is in the pool.
    private func begin(_ block: BlockNumber) {
        if count < capacity, let page = resident(block) {
            append(page)
            noteHit()
        } else {
            (pendingBlock, pendingCount) = (block, 1)
            expectGroup()
        }
    }

    func resident(_ block: BlockNumber) -> PinnedPage? {
        manager.pinIfResident(
            block, of: relation, fork: options.fork, strategy: options.strategy, session: session)
    }

    private func append(_ page: consuming PinnedPage) {
        assert(count < capacity, "a stream pins no more pages than it may")
        append(Entry.page(page))
    }

    /// Starts the pending read, or the part of it that one read can cover.
    ///
    /// - Returns: whether there was any progress.
    private func startPending() -> Bool {
        guard readCount < maximumReads, count < capacity else { return false }
        let wanted = min(pendingCount, capacity - count)
        do throws(StorageError) {
            let operation = try operationToStart()
            let advised = !isUrgent && advises(pendingBlock)
            isUrgent = false
            operation.options = options.readOptions
            if advised { operation.options.insert(.issuesAdvice) }
            var covered = wanted
            if let need = try manager.begin(operation, block: pendingBlock, count: &covered) {
                startNeed = need
                if case .buffers = need { noteExhaustion() }
                return false
            }
            if operation.done < operation.count {
                enqueue(Read(operation: operation, blocks: covered, advised: advised))
                pendingOperation = nil
            } else {
                takeHits(operation)
            }
            pendingBlock = pendingBlock.advanced(by: covered)
            pendingCount -= covered
            return true
        } catch {
            if error.code == .resourcesExhausted { noteExhaustion() }
            startFailure = error
            return false
        }
    }

    /// Whether to advise the kernel of a read that starts with the block.
    private func advises(_ block: BlockNumber) -> Bool {
        switch advice {
        case .none: false
        case .jumps: block != sequentialBlock
        case .all: true
        }
    }

    private func operationToStart() throws(StorageError) -> ReadOperation {
        if let pendingOperation { return pendingOperation }
        let operation: ReadOperation
        if let idle = idleOperations.popLast() {
            operation = idle
        } else {
            operation = try makeOperation()
        }
        pendingOperation = operation
        return operation
    }

    func makeOperation() throws(StorageError) -> ReadOperation {
        try ReadOperation(
            manager, relation: relation, fork: options.fork, session: session,
            options: options.readOptions, strategy: options.strategy)
    }

    private func enqueue(_ read: Read) {
        for _ in 0..<read.blocks { append(Entry.reading) }
        append(read)
        sequentialBlock = pendingBlock.advanced(by: read.blocks)
        statistics.reads += 1
        statistics.blocksRead += UInt64(read.blocks)
        if readCount > statistics.maximumReadsInFlight {
            statistics.maximumReadsInFlight = readCount
            statistics.pagesBeforeMaximumReads = statistics.pages
        }
    }

    private func takeHits(_ operation: ReadOperation) {
        while let page = operation.takePage() {
            append(page)
            noteHit()
        }
    }
}
