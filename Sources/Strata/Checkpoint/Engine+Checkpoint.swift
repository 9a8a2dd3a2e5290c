/// Making changes durable.
extension Engine {
    /// Makes durable whatever was changed before the call. Mirrors PostgreSQL's
    /// `CreateCheckPoint`.
    ///
    /// Writes the pages that are dirty when it begins, several writes at a time, syncs all files
    /// that were written since the last time and the directories of those that came or went, many
    /// at a time, and then records the relations' sizes. The files of relations that were dropped
    /// before it began are removed last. One is made at a time: whoever asks while one is under way
    /// shares the next with all who do. Blocks the thread.
    ///
    /// - Parameters:
    ///   - session: the calling thread's session, which issues the writes and syncs.
    ///   - pace: how fast it writes, if it is this call that makes it; nobody has to hold a content
    ///     lock meanwhile. A call that is in no hurry gives way to one that is.
    /// - Throws: what writing throws, after which it may be tried again; `syncFailed` when a sync
    ///   failed, and from then on `storeFailed` until the store is opened again; `misuse` while
    ///   this thread has a ``SteppedCheckpoint``.
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
            let run = CheckpointRun(self, session)
            while try run.step(pages: Self.pagesPerStep) { pause(run, pace) }
        }
    }

    /// Begins a checkpoint that the caller makes step by step.
    ///
    /// - Throws: `storeBusy` while another one is under way; `storeFailed`, `closed`.
    public func beginCheckpoint(_ session: Session) throws(StorageError) -> SteppedCheckpoint {
        try checkUsable(session)
        session.submitStaged()
        try checkOwnership()
        guard checkpoints.tryEnter() else {
            throw StorageError(
                .storeBusy, "store \"\(directory)\" is making a checkpoint",
                remedy: "Wait until it is done, or ask for one by checkpoint(_:pace:).")
        }
        return SteppedCheckpoint(CheckpointRun(self, session))
    }

    /// What checkpoints have come to since the store was opened. Any thread.
    public var checkpointStatistics: CheckpointStatistics { checkpoints.statistics }

    /// What the files of the store have open and have done. Any thread.
    public var fileStatistics: FileStatistics { files.statistics }

    private static let pagesPerStep = 256

    /// Waits until a checkpoint that shall take its time is no longer ahead of it.
    private func pause(_ run: CheckpointRun, _ pace: CheckpointPace) {
        guard case .spread(let time) = pace, run.phase == .writing else { return }
        let longest = Duration.milliseconds(100)
        while true {
            let ahead = time * run.progress - run.elapsed
            if ahead <= .zero || buffers.writeFailure != nil { return }
            // So that nobody waits for a write that nobody submits.
            run.settle()
            guard checkpoints.pause(min(ahead, longest)) else { return }
        }
    }
}

extension StorageError.Code {
    /// Something that can be done only once at a time is being done.
    public static let storeBusy = Self(rawValue: "storeBusy")
}
