public import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// Making all forks durable together.
extension CompressedDisk {
    /// How many forks go through the steps at a time.
    private static let forksPerRound = 32

    /// Makes all writes durable, including creations and removals: first the data files of many
    /// forks at a time by asynchronous fsyncs, then their maps likewise.
    ///
    /// Blocks. Several threads may call it; each returns once everything it found is durable.
    ///
    /// - Throws: `syncFailed` with the file's name, which is final; what writing a map throws,
    ///   after which it may be tried again.
    public func syncPending(_ session: Session) throws(StorageError) {
        session.submitStaged()
        var failure: StorageError?
        func note(_ error: StorageError) { failure.note(error) }
        // A second caller must not find nothing to do before the first one is done.
        syncingAll.withLock { _ in
            let forks = takeChanged()
            for first in stride(from: 0, to: forks.count, by: Self.forksPerRound) {
                let round = forks[first..<min(first + Self.forksPerRound, forks.count)]
                whileSyncing(round) { sync(round, session, note) }
            }
        }
        do throws(StorageError) {
            try syncQueue.syncAll(session)
        } catch {
            note(
                StorageError(
                    error.code == .fileSyncFailed ? .syncFailed : error.code, error.message,
                    remedy: error.remedy, at: error.location, errorNumber: error.errorNumber,
                    underlying: error.underlying))
        }
        if let failure { throw failure }
    }

    /// Runs `body` while no other thread makes these forks durable. Only here does a thread hold
    /// more than one fork, and only one thread at a time.
    private func whileSyncing(_ forks: ArraySlice<CompressedFork>, _ body: () -> Void) {
        guard let first = forks.first else { return body() }
        first.syncing.withLock { _ in whileSyncing(forks.dropFirst(), body) }
    }

    private func sync(
        _ forks: ArraySlice<CompressedFork>, _ session: Session, _ note: (StorageError) -> Void
    ) {
        typealias Step = (fork: CompressedFork, frozen: CompressedFork.Frozen)
        var steps: [Step] = []
        for fork in forks {
            do throws(StorageError) {
                if let frozen = try fork.freeze() { steps.append((fork, frozen)) }
            } catch {
                noteChange(fork)
                note(error)
            }
        }
        /// Syncs a file of each step, all at a time, and drops the steps that fail.
        func syncFiles(_ file: (Step) throws(StorageError) -> VirtualFile?) {
            var failed: [String: StorageError] = [:]
            for step in steps {
                do throws(StorageError) {
                    if let file = try file(step) { forkQueue.register(file) }
                } catch {
                    failed[step.fork.dataPath] = error
                }
            }
            do throws(StorageError) {
                try forkQueue.syncAll(session)
            } catch {
                // One of several failures is reported.
                for path in forkQueue.paths {
                    failed[path] = error
                    forkQueue.forget(path)
                }
            }
            steps.removeAll { step in
                let (data, map) = (step.fork.dataPath, step.fork.mapPath)
                guard let error = failed[data] ?? failed[map] else { return false }
                let told = step.fork.thaw(step.frozen, error)
                let path = error.location.path ?? data
                if path == data || path == map { note(told) }
                return true
            }
            for path in failed.keys.sorted() { if let error = failed[path] { note(error) } }
        }
        // The chunks come first: a map must never name what is not there.
        syncFiles { $0.frozen.files.data }
        syncFiles { (step) throws(StorageError) in try step.fork.record(step.frozen) }
        for step in steps {
            do throws(StorageError) { try step.fork.finish(step.frozen) } catch {
                noteChange(step.fork)
                note(step.fork.naming(error))
            }
        }
    }
}
