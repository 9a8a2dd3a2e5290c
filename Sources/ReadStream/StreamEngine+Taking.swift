public import AsyncIO
public import BufferManager
internal import StorageManager
internal import Threads

/// From the queue to the user.
extension StreamEngine {
    /// Takes the page at the front of the queue and waits for its read if necessary. Callers must
    /// ensure that the queue is not empty.
    ///
    /// - Throws: the error of this block, whose entry is removed.
    @usableFromInline
    func takeFirst() throws(StorageError) -> PinnedPage {
        if unsafe entries[first].state == .reading { finishOldestRead() }
        if unsafe entries[first].state == .uncertain { return try takeUncertain() }
        let page = unsafe (pages + first).move()
        removeFirst()
        countPage()
        return page
    }

    /// Gives up the first pending block, with nothing before it left in the queue, and returns why
    /// it could not be started.
    @usableFromInline
    func takeStartFailure() -> StorageError? {
        guard let error = startFailure else { return nil }
        startFailure = nil
        pendingBlock = pendingBlock.advanced(by: 1)
        pendingCount -= 1
        return error
    }

    /// Gives up the uncertain page at the front.
    func giveUpFirst() {
        spare?.giveBack()
        isReadingAgain = false
        removeFirst()
    }

    private func removeFirst() {
        first = first + 1 == capacity ? 0 : first + 1
        count -= 1
    }

    private func countPage() {
        statistics.pages += 1
        statistics.distanceSum += UInt64(readAheadDistance)
    }

    /// Waits for the oldest read. Its entries become pages, or uncertain if it failed.
    private func finishOldestRead() {
        let start = now()
        var slept = false
        var failure: StorageError?
        do throws(StorageError) {
            slept = try manager.waitRead(oldestOperation)
        } catch {
            failure = error
        }
        statistics.waits += 1
        if slept { statistics.blockedWaits += 1 }
        if slept || isSynchronous { statistics.blockedNanoseconds += now() - start }
        endOldestRead(blocked: slept, failure)
    }

    private var oldestOperation: ReadOperation {
        guard let operation = reads[firstRead].operation else {
            preconditionFailure("a read has its operation")
        }
        return operation
    }

    /// Turns the oldest read's entries into pages, or into uncertain ones if it failed.
    private func endOldestRead(blocked: Bool, _ failure: StorageError?) {
        let (blocks, advised) = (reads[firstRead].blocks, reads[firstRead].advised)
        if let failure {
            readFailure = failure
            for position in 0..<blocks { unsafe entries[place(position)].state = .uncertain }
        } else {
            let operation = oldestOperation
            for position in 0..<blocks {
                guard let page = operation.takePage() else {
                    preconditionFailure("a read that ended without an error has its pages")
                }
                let place = place(position)
                unsafe (pages + place).initialize(to: page)
                unsafe entries[place].state = .page
            }
        }
        noteRead(blocked: blocked, blocks: blocks, advised: advised)
        firstRead = firstRead + 1 == maximumReads ? 0 : firstRead + 1
        readCount -= 1
    }

    /// ``takeFirst()`` for awaited streams: where that would wait, this returns nil and sets
    /// ``need``.
    ///
    /// - Parameter isWanted: whether the user waits for this very page.
    func takeFirstAwaited(isWanted: Bool) throws(StorageError) -> PinnedPage? {
        if unsafe entries[first].state == .reading, !advanceOldestRead(isWanted: isWanted) {
            return nil
        }
        if unsafe entries[first].state == .uncertain { return try takeUncertainAwaited() }
        let page = unsafe (pages + first).move()
        removeFirst()
        countPage()
        return page
    }

    /// Returns whether the oldest read is over.
    private func advanceOldestRead(isWanted: Bool) -> Bool {
        let operation = oldestOperation
        do throws(StorageError) {
            if let need = try manager.advance(operation) {
                self.need = (need, operation)
                if isWanted { hasWaited = true }
                return false
            }
            endOldestRead(blocked: hasWaited, nil)
        } catch {
            operation.giveBack()
            endOldestRead(blocked: hasWaited, error)
        }
        statistics.waits += 1
        if hasWaited { statistics.blockedWaits += 1 }
        hasWaited = false
        return true
    }

    /// ``takeUncertain()`` in steps.
    private func takeUncertainAwaited() throws(StorageError) -> PinnedPage? {
        let block = unsafe entries[first].block
        if let page = resident(block) {
            if isReadingAgain { spare?.giveBack() }
            isReadingAgain = false
            removeFirst()
            countPage()
            return page
        }
        if let error = readFailure {
            readFailure = nil
            removeFirst()
            throw error
        }
        do throws(StorageError) {
            let operation = try spareOperation()
            operation.options = options.readOptions
            var one = 1
            let unstarted =
                isReadingAgain
                ? nil : try manager.begin(operation, block: block, count: &one)
            isReadingAgain = unstarted == nil
            let remaining = unstarted == nil ? try manager.advance(operation) : unstarted
            if let remaining {
                need = (remaining, operation)
                return nil
            }
            guard let page = operation.takePage() else {
                preconditionFailure("a read that ended without an error has its page")
            }
            isReadingAgain = false
            removeFirst()
            countPage()
            return page
        } catch {
            giveUpFirst()
            throw error
        }
    }

    /// Takes a page whose read failed.
    ///
    /// A read fails as a whole, but most of its pages may have come; those are in the pool now. The
    /// first page that is not in the pool gets the error. Any other is read again, alone.
    private func takeUncertain() throws(StorageError) -> PinnedPage {
        let block = unsafe entries[first].block
        removeFirst()
        if let page = resident(block) {
            countPage()
            return page
        }
        if let error = readFailure {
            readFailure = nil
            throw error
        }
        let operation = try spareOperation()
        operation.options = options.readOptions
        var one = 1
        if try manager.startRead(operation, block: block, count: &one) {
            try manager.waitRead(operation)
        }
        guard let page = operation.takePage() else {
            preconditionFailure("a read that ended without an error has its page")
        }
        countPage()
        return page
    }

    private func spareOperation() throws(StorageError) -> ReadOperation {
        if let spare { return spare }
        let made = try makeOperation()
        spare = made
        return made
    }

    private func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
