internal import AsyncIO
internal import PageFormat
internal import StorageManager

/// From copies to IOs.
extension PageWriter {
    /// Starts the writes that have been prepared, once what has to be durable before them is.
    ///
    /// An error has been noted; the pages that it concerns are dirty as before.
    ///
    /// - Parameter alone: nobody has anything else to do: a single write is executed here and now.
    func launch(alone: Bool) {
        if state.prepared.isEmpty { return }
        defer { state.clearPrepared() }
        do throws(StorageError) {
            try protect()
        } catch {
            for write in state.prepared { abandon(write) }
            note(error)
            return
        }
        let executes = alone && state.prepared.count == 1
        for write in state.prepared {
            do throws(StorageError) {
                state.append(try start(write, executes: executes))
            } catch {
                note(error)
            }
        }
    }

    /// Makes durable what has to be before the prepared pages may be written in place: the log of
    /// their changes, by one call for all of them.
    ///
    /// - Throws: what the log threw. None of the pages may be written then.
    private func protect() throws(StorageError) {
        if pool.isLocal { return }
        let highest = state.prepared.reduce(LSN.zero) { max($0, $1.highestLSN) }
        try pool.gate.pass(highest, session)
    }

    /// - Throws: what the storage threw; then the pages are dirty as before.
    private func start(_ write: PreparedWrite, executes: Bool) throws(StorageError)
        -> StartedWrite
    {
        let report = state.takeReport()
        state.setPages(of: write)
        let (buffers, pages) = (state.buffers, state.pages)
        do throws(StorageError) {
            let handle = try session.acquireHandle(reporting: report)
            let reference = handle.waitReference
            try handle.setData(buffers.span.extracting(write.buffers))
            try define(handle, executes: executes)
            try write.relation.storage.startWrite(
                handle, write.tag.fork, block: write.tag.block, from: pages.span,
                sync: pool.isLocal ? .skip : .register)
            return StartedWrite(
                relation: write.relation, tag: write.tag, count: write.count,
                reference: reference, report: report)
        } catch {
            abandon(write)
            state.giveBack(report)
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

    /// Leaves the pages of a prepared write dirty as they were.
    private func abandon(_ write: PreparedWrite) {
        for position in write.buffers {
            let index = WriteCallbacks.buffer(state.buffers[position])
            pool.buffer(index).endOutput(written: false, failed: true)
        }
        pool.scratch.giveBack(write.copies.number)
    }
}
