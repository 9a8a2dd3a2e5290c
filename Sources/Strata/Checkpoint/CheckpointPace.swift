/// How fast a checkpoint writes.
public enum CheckpointPace: Sendable, Hashable {
    /// As fast as the disk takes it.
    case fastest
    /// Spread evenly over that time, so that others have the disk to themselves in between; the
    /// syncs come on top. PostgreSQL's `checkpoint_completion_target`.
    case spread(over: Duration)
}

/// When an engine makes checkpoints by itself.
public struct AutomaticCheckpoints: Sendable, Hashable {
    /// Time from the end of one to the beginning of the next; nil for no limit. One
    /// before which nothing was changed writes and syncs nothing. PostgreSQL's
    /// `checkpoint_timeout`.
    public var interval: Duration?
    /// Bytes of pages that are written before the next one; nil for no limit. Has the part of
    /// PostgreSQL's `max_wal_size`.
    public var writtenBytes: Int?
    /// How fast they write.
    public var pace: CheckpointPace

    /// Makes settings: every five minutes, spread over as much as four of them.
    public init(
        interval: Duration? = .seconds(300), writtenBytes: Int? = nil,
        pace: CheckpointPace = .spread(over: .seconds(240))
    ) {
        self.interval = interval
        self.writtenBytes = writtenBytes
        self.pace = pace
    }

    func validate() throws(StorageError) {
        guard interval.map({ $0 > .zero }) ?? true, writtenBytes.map({ $0 > 0 }) ?? true else {
            throw StorageError(
                .invalidConfiguration, "\(self) are no possible automatic checkpoints",
                remedy: "Set EngineOptions.automaticCheckpoints to an interval and an amount above"
                    + " zero.")
        }
    }
}

/// What the checkpoints of an engine have come to since it was opened.
public struct CheckpointStatistics: Sendable, Hashable {
    /// Checkpoints that were asked for, those included that the engine makes by itself.
    public var requested = 0
    /// Requests that were served by one that another request had made.
    public var joined = 0
    /// Checkpoints that made all durable.
    public var completed = 0
    /// Those that could not.
    public var failed = 0
    /// Pages that were dirty when one began.
    public var pages = 0
    /// How long writing has taken in all, the pauses of a ``CheckpointPace/spread(over:)``
    /// included.
    public var writeTime = Duration.zero
    /// How long syncing has taken in all.
    public var syncTime = Duration.zero
}
