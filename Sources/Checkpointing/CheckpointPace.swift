package import AsyncIO

/// How fast a checkpoint writes.
public enum CheckpointPace: Sendable, Hashable {
    /// As fast as the disk allows.
    case fastest
    /// Spread evenly over that time, so that others can use the disk in between. The syncs take
    /// additional time. PostgreSQL's `checkpoint_completion_target`.
    case spread(over: Duration)
}

/// When an engine makes checkpoints automatically.
public struct AutomaticCheckpoints: Sendable, Hashable {
    /// Time from the end of one to the beginning of the next; nil for no limit. If nothing was
    /// changed before one, it writes and syncs nothing. PostgreSQL's `checkpoint_timeout`.
    public var interval: Duration?
    /// Bytes of pages written before the next one; nil for no limit. Corresponds to PostgreSQL's
    /// `max_wal_size`.
    public var writtenBytes: Int?
    /// Relations dropped or replaced before the next one, which removes their files; nil for no
    /// limit.
    public var droppedRelations: Int?
    /// How fast they write.
    public var pace: CheckpointPace

    /// Makes settings. The default is every five minutes, spread over up to four of them, and after
    /// each gibibyte written and each 500 relations dropped.
    public init(
        interval: Duration? = .seconds(300), writtenBytes: Int? = 1 << 30,
        droppedRelations: Int? = 500, pace: CheckpointPace = .spread(over: .seconds(240))
    ) {
        self.droppedRelations = droppedRelations
        self.interval = interval
        self.writtenBytes = writtenBytes
        self.pace = pace
    }

    package func validate() throws(StorageError) {
        guard interval.map({ $0 > .zero }) ?? true, writtenBytes.map({ $0 > 0 }) ?? true,
            droppedRelations.map({ $0 > 0 }) ?? true
        else {
            throw StorageError(
                .invalidConfiguration, "\(self) is no valid setting for automatic checkpoints",
                remedy: "Set EngineOptions.automaticCheckpoints to an interval and amounts above"
                    + " zero.")
        }
    }
}

/// The totals of an engine's checkpoints since it was opened.
public struct CheckpointStatistics: Sendable, Hashable {
    /// Checkpoints requested, including automatic ones.
    public var requested = 0
    /// Requests served by a checkpoint that another request had started.
    public var joined = 0
    /// Checkpoints that succeeded.
    public var completed = 0
    /// Checkpoints that failed.
    public var failed = 0
    /// Pages that were dirty when a checkpoint began.
    public var pages = 0
    /// Total time of writing, including the pauses of ``CheckpointPace/spread(over:)``.
    public var writeTime = Duration.zero
    /// Total time of syncing.
    public var syncTime = Duration.zero
}
