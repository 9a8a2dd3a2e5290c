/// Making changes durable.
extension Engine {
    /// Makes everything durable that was changed before the call. Mirrors PostgreSQL's
    /// `CreateCheckPoint`.
    ///
    /// Writes the pages that are dirty when it begins, several writes at a time. Syncs all files
    /// written since the last checkpoint, and the directories of created and removed ones, many at
    /// a time. Then records the relations' sizes and removes the files of relations dropped before
    /// it began. One checkpoint runs at a time; all requests that come during one share the next.
    /// Blocks the thread.
    ///
    /// - Parameters:
    ///   - session: the calling thread's session, which issues the writes and syncs.
    ///   - pace: how fast it writes, if this call makes the checkpoint. The caller must hold no
    ///     content lock. A hurried call ends the pauses of a slower one.
    /// - Throws: what writing throws, after which it may be tried again; `syncFailed` if a sync
    ///   failed, and from then on `storeFailed` until the store is opened again; `misuse` if this
    ///   thread has a ``SteppedCheckpoint``.
    public func checkpoint(_ session: Session, pace: CheckpointPace = .fastest)
        throws(StorageError)
    {
        try checkUsable(session)
        session.submitStaged()
        try checkOwnership()
        switch try checkpoints.enter(pace) {
        case .served(let failure):
            if let failure { throw failure }
        case .own:
            let run = try CheckpointRun(self, session)
            while try run.step(pages: Self.pagesPerStep) { pause(run, pace) }
        }
    }

    /// Begins a checkpoint that the caller makes step by step.
    ///
    /// - Throws: `storeBusy` if another one is running; `storeFailed`, `closed`.
    public func beginCheckpoint(_ session: Session) throws(StorageError) -> SteppedCheckpoint {
        try checkUsable(session)
        session.submitStaged()
        try checkOwnership()
        guard checkpoints.tryEnter() else {
            throw StorageError(
                .storeBusy, "store \"\(directory)\" is making a checkpoint",
                remedy: "Wait until it is done, or ask for one by checkpoint(_:pace:).")
        }
        return SteppedCheckpoint(try CheckpointRun(self, session), of: self)
    }

    /// The totals of checkpoints since the store was opened. Any thread.
    public var checkpointStatistics: CheckpointStatistics { checkpoints.statistics }

    /// The store's open files, and totals of file operations. Any thread.
    public var fileStatistics: FileStatistics { files.statistics }

    private static let pagesPerStep = 256

    /// Pauses until a slow checkpoint is no longer ahead of its pace.
    private func pause(_ run: CheckpointRun, _ pace: CheckpointPace) {
        while let rest = run.rest(pace), buffers.writeFailure == nil {
            // No write may stay unsubmitted, since other threads could wait for it.
            run.settle()
            guard checkpoints.pause(rest) else { return }
        }
    }

    /// Makes a checkpoint that nobody asked for. Does not keep the engine during pauses; if it goes
    /// meanwhile, the checkpoint is given up.
    static func checkpoint(_ reference: WeakEngine, pace: CheckpointPace) throws(StorageError) {
        guard var engine = reference.engine else { return }
        // Open only meanwhile, since streams share the pool among open sessions.
        let session = try engine.makeSession()
        defer { session.close() }
        try engine.checkUsable(session)
        try engine.checkOwnership()
        let queue = engine.checkpoints
        if case .served(let failure) = try queue.enter(pace) {
            if let failure { throw failure }
            return
        }
        let run = try CheckpointRun(engine, session)
        while try run.step(pages: pagesPerStep) {
            while let rest = run.rest(pace), engine.buffers.writeFailure == nil {
                run.settle()
                _ = consume engine
                let goesOn = queue.pause(rest)
                guard let again = reference.engine else { return }
                engine = again
                if !goesOn { break }
            }
        }
    }
}
