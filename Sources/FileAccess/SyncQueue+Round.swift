public import AsyncIO
internal import Synchronization
internal import Threads

extension SyncQueue {
    /// Makes durable everything that was registered before the call.
    ///
    /// Blocks. Submits what the session has staged; the session must have no handle handed out.
    /// Tries all files even if one fails; what failed stays registered. Several threads may call it
    /// at a time: each returns only when everything it found is durable. Mirrors PostgreSQL's
    /// `ProcessSyncRequests`.
    ///
    /// - Throws: the first `fileSyncFailed`, which is final: every later call fails too while the
    ///   path is registered. If there is none, the first error of reopening a file, which a later
    ///   call may overcome. Both name the file. `storeReadOnly` if anything is registered with
    ///   read-only files.
    public func syncAll(_ session: Session) throws(StorageError) {
        let begin = ContinuousClock.now
        var round = SyncRound(self, session)
        var entries = entriesOfRound()[...]
        if let first = entries.first { try files.checkChangeable("sync", first.path) }
        if files.configuration.skipsFirstSync, let skipped = entries.popFirst() {
            remove(skipped.path, registration: skipped.entry.registration)
        }
        if syncTogether(entries, session) { entries = [] }
        for (path, entry) in entries { round.add(path, entry) }
        round.finish()
        files.counters.noteSync(since: begin)
        if let failure = round.failure { throw failure }
    }

    /// Makes all entries durable by one call, if they are many. Returns false if each is to be
    /// synced by itself, which also finds out which ones failed.
    private func syncTogether(
        _ entries: ArraySlice<(path: String, entry: Entry)>, _ session: Session
    ) -> Bool {
        if entries.count < files.configuration.filesSyncedTogether { return false }
        session.submitStaged()
        let directories = Set(
            entries.map { $0.entry.isDirectory ? $0.path : FileAccess.parent(of: $0.path) })
        guard files.syncTogether(entries.count, in: directories),
            !files.ledger.hasFailure(among: entries.lazy.map(\.path))
        else { return false }
        for (path, entry) in entries { remove(path, registration: entry.registration) }
        files.counters.syncs.add(UInt64(entries.count), ordering: .relaxed)
        return true
    }
}

/// One pass over what is registered: the syncs in flight, oldest first, and what failed.
///
/// Used by the thread of its session. It never waits for another thread's sync of a path while it
/// has one of its own in flight, so two rounds cannot wait for each other.
private struct SyncRound {
    private struct Flight {
        let path: String
        let registration: UInt64
        let file: VirtualFile
        let opensForRound: Bool
        let data: IOTargetData
    }

    private let queue: SyncQueue
    private let session: Session
    private var window: IOWindow<Flight>
    private(set) var failure: StorageError?

    init(_ queue: SyncQueue, _ session: Session) {
        self.queue = queue
        self.session = session
        // Leaves half of the descriptors to the rest of the engine.
        let limit = min(session.system.handlesPerSession, queue.files.maximumOpenFiles / 2)
        window = IOWindow(session, limit: max(1, limit))
    }

    mutating func add(_ path: String, _ registered: SyncQueue.Entry) {
        var entry = registered
        if window.isFull { finishOldest() }
        if let errorNumber = begin(path) {
            fail(path, .sync(path, errorNumber: errorNumber, isRepeated: true))
            return
        }
        while true {
            do throws(StorageError) {
                try start(path, entry)
                return
            } catch {
                // Descriptors become free again once syncs of this round are over.
                if error.code == .resourcesExhausted && !window.isEmpty {
                    finishOldest()
                    continue
                }
                // Its user closed it just now; the path still names it.
                if error.code == .closed && entry.file != nil {
                    entry.file = nil
                    continue
                }
                queue.files.ledger.end(path, failure: nil)
                fail(path, error)
                return
            }
        }
    }

    mutating func finish() {
        while !window.isEmpty { finishOldest() }
    }

    /// Returns the `errno` of an earlier failure, or nil once the path's sync is begun.
    private mutating func begin(_ path: String) -> CInt? {
        switch queue.files.ledger.tryBegin(path) {
        case .begun: return nil
        case .failed(let errorNumber): return errorNumber
        case .busy:
            finish()
            session.submitStaged()
            return queue.files.ledger.begin(path)
        }
    }

    private mutating func start(_ path: String, _ entry: SyncQueue.Entry) throws(StorageError) {
        let (file, opensForRound) = try open(path, entry)
        let data = queue.names.add(path)
        let flight = Flight(
            path: path, registration: entry.registration, file: file,
            opensForRound: opensForRound, data: data)
        do throws(StorageError) {
            try window.start { [queue] handle throws(StorageError) in
                do throws(StorageError) {
                    try handle.setTarget(queue.targetID, data: data)
                    try handle.registerCallbacks(queue.callbackID)
                } catch {
                    handle.release()
                    throw error
                }
                try file.startSync(handle)
                return flight
            }
        } catch {
            queue.names.remove(data)
            if opensForRound { file.close(session) }
            throw error
        }
    }

    private func open(_ path: String, _ entry: SyncQueue.Entry) throws(StorageError)
        -> (VirtualFile, opensForRound: Bool)
    {
        if let file = entry.file, !file.isClosed { return (file, false) }
        let options: FileOptions = entry.isDirectory ? .directory : [.readOnly, .buffered]
        return (try queue.files.open(path, options), true)
    }

    private mutating func finishOldest() {
        guard let ended = window.finishOldest() else { return }
        let flight = ended.purpose
        var outcome: StorageError?
        do throws(StorageError) {
            if let failure = ended.failure { throw failure }
            try session.system.check(ended.report)
            // An unknown outcome is not success.
            guard ended.report.result.status == .ok else {
                throw .sync(flight.path, errorNumber: EIO, isRepeated: false)
            }
        } catch {
            outcome = error
        }
        // A file that was forgotten meanwhile may fail; the failure does not matter.
        let isWanted = queue.isRegistered(flight.path)
        queue.files.ledger.end(
            flight.path, failure: isWanted ? outcome.map { $0.errorNumber ?? EIO } : nil)
        queue.names.remove(flight.data)
        if flight.opensForRound { flight.file.close(session) }
        if let outcome {
            fail(flight.path, outcome)
        } else {
            queue.files.counters.syncs.add(1, ordering: .relaxed)
            queue.remove(flight.path, registration: flight.registration)
        }
    }

    private mutating func fail(_ path: String, _ error: StorageError) {
        if queue.isRegistered(path) { failure.note(error) }
    }
}
