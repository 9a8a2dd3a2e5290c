internal import AsyncIO
internal import BufferManager
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
            append(block, page)
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

    private func append(_ block: BlockNumber, _ page: consuming PinnedPage) {
        assert(count < capacity, "a stream pins no more pages than it may")
        let place = place(count)
        unsafe entries[place] = Entry(block: block, state: .page)
        unsafe (pages + place).initialize(to: page)
        count += 1
    }

    /// Starts the pending read, or the part of it that one read can cover.
    ///
    /// - Returns: whether there was any progress.
    private func startPending() -> Bool {
        guard readCount < maximumReads, count < capacity else { return false }
        let wanted = min(pendingCount, capacity - count)
        var place = firstRead + readCount
        if place >= maximumReads { place -= maximumReads }
        do throws(StorageError) {
            let operation = try operation(place)
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
                reads[place].blocks = covered
                reads[place].advised = advised
                appendRead(covered)
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

    private func operation(_ place: Int) throws(StorageError) -> ReadOperation {
        if let operation = reads[place].operation { return operation }
        let operation = try makeOperation()
        reads[place].operation = operation
        return operation
    }

    func makeOperation() throws(StorageError) -> ReadOperation {
        try ReadOperation(
            manager, relation: relation, fork: options.fork, session: session,
            options: options.readOptions, strategy: options.strategy)
    }

    /// The operation of the pending read.
    var nextOperation: ReadOperation? {
        let place = firstRead + readCount
        return reads[place >= maximumReads ? place - maximumReads : place].operation
    }

    private func appendRead(_ covered: Int) {
        for position in 0..<covered {
            unsafe entries[place(count)] = Entry(
                block: pendingBlock.advanced(by: position), state: .reading)
            count += 1
        }
        readCount += 1
        sequentialBlock = pendingBlock.advanced(by: covered)
        statistics.reads += 1
        statistics.blocksRead += UInt64(covered)
        if readCount > statistics.maximumReadsInFlight {
            statistics.maximumReadsInFlight = readCount
            statistics.pagesBeforeMaximumReads = statistics.pages
        }
    }

    private func takeHits(_ operation: ReadOperation) {
        while let page = operation.takePage() {
            let block = page.block
            append(block, page)
            noteHit()
        }
    }
}
