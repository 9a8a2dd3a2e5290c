internal import AsyncIO
internal import PageFormat
internal import StorageManager

/// Turning copies into IOs.
extension PageWriter {
    /// Starts the prepared writes, once the log of their changes is durable. Writes that the
    /// journal must keep are given to it instead, and the writes recorded before them are started.
    ///
    /// Errors have been recorded; the pages concerned are dirty as before.
    ///
    /// - Parameter alone: whether the thread has nothing else to do, so that a single write is
    ///   executed here and now.
    func launch(alone: Bool) {
        if let open = open.take() { pool.scratch.giveBack(open.copies.number) }
        if prepared.writes.isEmpty { return }
        let batch: OpenBatch?
        do throws(StorageError) {
            batch = try protect()
        } catch {
            for write in prepared.writes { abandon(write, prepared.buffers) }
            prepared.clear()
            note(error)
            return
        }
        let executes = alone && prepared.writes.count == 1
        for write in prepared.writes where !write.isJournalled {
            start(write, prepared.buffers, nil, executes: executes)
        }
        guard let batch else { return prepared.clear() }
        // Started before the next batch waits, so that the disk can work on both at once.
        launchRecorded()
        record(batch, executes: executes)
    }

    /// Makes everything durable that must precede writing the prepared pages in place: the log of
    /// their changes, by one call for all of them, and the withdrawal of what the voucher said of
    /// them. Then gives their copies to the journal.
    ///
    /// - Returns: the journal's batch; nil if no page needs one.
    /// - Throws: what the log, the voucher or the journal throws. None of the pages may be written
    ///   then.
    private func protect() throws(StorageError) -> OpenBatch? {
        if pool.isLocal { return nil }
        let highest = prepared.writes.reduce(LSN.zero) { max($0, $1.highestLSN) }
        try pool.gate.pass(highest, session)
        if let voucher = pool.gate.voucher {
            for write in prepared.writes where write.isVouchedFor {
                try voucher.withdraw(write.relation, session: session)
            }
            // Withdrawing takes time: a sync may have failed meanwhile, or the engine ended.
            try pool.gate.check()
        }
        guard let journal = pool.journal else { return nil }
        journalled.removeAll(keepingCapacity: true)
        for write in prepared.writes where write.isJournalled {
            for position in 0..<write.count {
                journalled.append(
                    JournalledPage(
                        locator: write.relation.locator, fork: write.tag.fork,
                        block: write.tag.advanced(by: position).block,
                        bytes: write.page(position)))
            }
        }
        if journalled.isEmpty { return nil }
        let pages = journalled
        return OpenBatch(journal, try journal.record(pages.span, session: session))
    }

    /// Starts the recorded writes, once the journal has made their copies durable.
    ///
    /// An error has been noted; the pages that it concerns are dirty as before.
    ///
    /// - Returns: whether there were any.
    @discardableResult
    func launchRecorded() -> Bool {
        guard let recorded = recorded.take() else { return false }
        do throws(StorageError) {
            try recorded.batch.makeDurable(session)
            try pool.gate.check()
            for write in recorded.writes where write.isJournalled {
                start(write, recorded.buffers, recorded.batch, executes: recorded.executes)
            }
        } catch {
            for write in recorded.writes where write.isJournalled {
                // An earlier write may have torn the pages, whose older copies are forgotten now.
                recorded.batch.writeDidFail(
                    write.relation.locator, write.tag, count: write.count)
                abandon(write, recorded.buffers)
            }
            note(error)
        }
        recorded.batch.end()
        return true
    }

    /// Starts a write. If that fails, its pages are dirty as before, and the error has been
    /// recorded.
    private func start(
        _ write: PreparedWrite, _ buffers: [UInt64], _ batch: OpenBatch?, executes: Bool
    ) {
        do throws(StorageError) {
            started.append(try tryStart(write, buffers, batch, executes: executes))
        } catch {
            // An earlier write may have torn the pages, whose older copies are forgotten now.
            batch?.writeDidFail(write.relation.locator, write.tag, count: write.count)
            note(error)
        }
        hintCompleted()
    }

    /// - Throws: what the storage throws; the pages are then dirty as before.
    private func tryStart(
        _ write: PreparedWrite, _ buffers: [UInt64], _ batch: OpenBatch?, executes: Bool
    ) throws(StorageError) -> StartedWrite {
        let report = reports.popLast() ?? IOReturn()
        setPages(of: write)
        let pages = self.pages
        do throws(StorageError) {
            let handle = try session.acquireHandle(reporting: report)
            let reference = handle.waitReference
            try handle.setData(buffers.span.extracting(write.buffers))
            try define(handle, executes: executes)
            try write.relation.storage.startWrite(
                handle, write.tag.fork, block: write.tag.block, from: pages.span,
                sync: pool.isLocal ? .skip : .register)
            batch?.begin()
            return StartedWrite(
                relation: write.relation, tag: write.tag, count: write.count,
                reference: reference, report: report, batch: batch)
        } catch {
            abandon(write, buffers)
            reports.append(report)
            throw error
        }
    }

    private func define(_ handle: borrowing IOHandle, executes: Bool) throws(StorageError) {
        try handle.registerCallbacks(pool.writeCallbacks)
        var flags: IOFlags = []
        if pool.isLocal { flags.insert(.referencesLocal) }
        if executes { flags.insert(.synchronous) }
        handle.setFlags(flags)
    }

    /// Makes the prepared writes wait for the journal.
    private func record(_ batch: OpenBatch, executes: Bool) {
        precondition(recorded == nil, "one batch waits for the journal at a time")
        recorded = RecordedWrites(
            batch: batch, writes: prepared.writes, buffers: prepared.buffers, executes: executes)
        prepared = PreparedWrites()
    }

    /// Sets the addresses of a write's copies.
    private func setPages(of write: PreparedWrite) {
        pages.removeAll(keepingCapacity: true)
        for position in 0..<write.count { pages.append(write.page(position)) }
    }

    /// Leaves the pages of a prepared write dirty, as they were.
    private func abandon(_ write: PreparedWrite, _ buffers: [UInt64]) {
        for position in write.buffers {
            let index = WriteCallbacks.buffer(buffers[position])
            pool.buffer(index).endOutput(written: false, failed: true)
        }
        pageCount -= write.count
        pool.scratch.giveBack(write.copies.number)
    }
}
