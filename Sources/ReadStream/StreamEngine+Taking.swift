public import AsyncIO
public import BufferManager
internal import DequeModule
internal import StorageManager
internal import Threads

/// From the queue to the user. Only ``waitForNeed()`` waits.
extension StreamEngine {
    /// Takes the page at the front of the queue. Callers must ensure that the queue is not empty.
    ///
    /// - Returns: nil if the page must be waited for (``need``).
    /// - Throws: the error of this block, whose entry is removed.
    @usableFromInline
    func takeFirst() throws(StorageError) -> PinnedPage? {
        if isReading(0), !advanceOldestRead() { return nil }
        if let block = uncertainBlock { return try takeUncertain(block) }
        switch removeFirst() {
        case .page(let page):
            countPage()
            return page
        default:
            preconditionFailure("a read that is over has pages or uncertain blocks")
        }
    }

    private func isReading(_ position: Int) -> Bool {
        switch queue[position] {
        case .reading: true
        default: false
        }
    }

    /// The block at the front, if its read failed.
    private var uncertainBlock: BlockNumber? {
        switch queue[0] {
        case .uncertain(let block): block
        default: nil
        }
    }

    /// Whether the pending read could not start yet. Called with nothing left in the queue; sets
    /// ``need``.
    @usableFromInline
    func needsToStart() -> Bool {
        guard let startNeed else { return false }
        need = (startNeed, .pending)
        return true
    }

    /// Gives up the first pending block, with nothing before it left in the queue, and returns why
    /// it could not be started.
    @usableFromInline
    func takeStartFailure() -> StorageError? {
        isRefused = false
        guard let error = startFailure else { return nil }
        startFailure = nil
        pendingBlock = pendingBlock.advanced(by: 1)
        pendingCount -= 1
        return error
    }

    private func countPage() {
        statistics.pages += 1
        statistics.distanceSum += UInt64(readAheadDistance)
    }

    private var oldestOperation: ReadOperation {
        guard let read = reads.first else {
            preconditionFailure("a block that is being read belongs to a read")
        }
        return read.operation
    }

    /// Advances the oldest read. Once it is over, its entries become pages, or uncertain if it
    /// failed.
    ///
    /// - Returns: whether it is over.
    private func advanceOldestRead() -> Bool {
        let operation = oldestOperation
        let start = readsWhenTaken ? Clock.monotonicNanoseconds : 0
        var failure: StorageError?
        do throws(StorageError) {
            if let need = try manager.advance(operation) {
                self.need = (need, .oldest)
                return false
            }
        } catch {
            failure = error
        }
        if readsWhenTaken { statistics.blockedNanoseconds += Clock.monotonicNanoseconds - start }
        endOldestRead(failure)
        return true
    }

    private func endOldestRead(_ failure: StorageError?) {
        statistics.waits += 1
        if hasWaited { statistics.blockedWaits += 1 }
        guard let read = removeOldestRead() else { preconditionFailure("there is an oldest read") }
        let operation = read.operation
        if let failure {
            operation.giveBack()
            (readFailure, isRefusedAgain) = (failure, false)
            for position in 0..<read.blocks {
                queue[position] = .uncertain(operation.block.advanced(by: position))
            }
        } else {
            for position in 0..<read.blocks {
                guard let page = operation.takePage() else {
                    preconditionFailure("a read that ended without an error has its pages")
                }
                queue[position] = .page(page)
            }
        }
        idleOperations.append(operation)
        noteRead(blocked: hasWaited, blocks: read.blocks, advised: read.advised)
        hasWaited = false
    }

    /// Takes a page whose read failed.
    ///
    /// A read fails as a whole, but most of its pages may have come; those are in the pool now. The
    /// first page that is not in the pool gets the error, unless that names another block. Any
    /// other is read again, alone.
    private func takeUncertain(_ block: BlockNumber) throws(StorageError) -> PinnedPage? {
        if let page = resident(block) {
            spare?.giveBack()
            _ = removeFirst()
            countPage()
            return page
        }
        do throws(StorageError) {
            if let failure = readFailure {
                readFailure = nil
                let isOfThisBlock = failure.location.block ?? block.rawValue == block.rawValue
                if isOfThisBlock || isRefusedAgain { throw failure }
            }
            let operation = try spareOperation()
            operation.options = options.readOptions
            if let need = try manager.advance(operation, reading: block) {
                self.need = (need, .again)
                return nil
            }
            guard let page = operation.takePage() else {
                preconditionFailure("a read that ended without an error has its page")
            }
            operation.giveBack()
            _ = removeFirst()
            countPage()
            return page
        } catch {
            readFailure = nil
            spare?.giveBack()
            _ = removeFirst()
            throw error
        }
    }

    private func spareOperation() throws(StorageError) -> ReadOperation {
        if let spare { return spare }
        let made = try makeOperation()
        spare = made
        return made
    }
}

/// What the next page waits for: for the loops that drive a stream.
extension StreamEngine {
    /// The operation that needs something.
    func operation(of needy: Needy) -> ReadOperation {
        switch needy {
        case .oldest: return oldestOperation
        case .again:
            if let spare { return spare }
        case .pending:
            if let pendingOperation { return pendingOperation }
        }
        preconditionFailure("a read that needs something has its operation")
    }

    /// Waits for what the next page needs. An error is assigned to its block.
    ///
    /// - Returns: false if it needs nothing: there is no next page.
    @usableFromInline
    func waitForNeed() -> Bool {
        guard let (need, needy) = need.take() else { return false }
        let start = Clock.monotonicNanoseconds
        do throws(StorageError) {
            if try manager.wait(for: need, of: operation(of: needy)) {
                statistics.blockedNanoseconds += Clock.monotonicNanoseconds - start
                noteWaiting(needy)
            }
        } catch {
            refuse(error, needy)
        }
        return true
    }

    /// Called when the user waits, not only the look-ahead.
    func noteWaiting(_ needy: Needy) {
        if case .oldest = needy { hasWaited = true }
    }

    /// Assigns an error to the block that needed something.
    func refuse(_ error: StorageError, _ needy: Needy) {
        switch needy {
        case .oldest: endOldestRead(error)
        case .again: (readFailure, isRefusedAgain) = (error, true)
        case .pending: (startFailure, isRefused) = (error, true)
        }
    }

    /// Writes out dirty pages, so that the pending read can start. If that fails, so does the next
    /// start, unless there are clean buffers.
    @usableFromInline
    func cleanAhead() {
        if let pendingOperation { manager.clean(pendingOperation, session: session) }
    }
}
