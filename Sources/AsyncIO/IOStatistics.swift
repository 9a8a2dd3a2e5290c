internal import Synchronization

/// What an ``IOSystem`` has done since it started.
public struct IOStatistics: Sendable, Hashable {
    /// IOs that were started.
    public var staged: UInt64 = 0
    /// IOs handed to the method.
    public var submitted: UInt64 = 0
    /// Times that a group of one or more IOs was handed to the method.
    public var batches: UInt64 = 0
    /// IOs that the submitter executed itself: by flag, because the method required it, or because
    /// a queue was full.
    public var synchronousExecutions: UInt64 = 0
    /// IOs begun outside the method, by ``IOHandle/startElsewhere(_:at:_:)``.
    public var elsewhere: UInt64 = 0
    /// IOs that are complete for everyone.
    public var completed: UInt64 = 0
    /// Waits that found their IO unfinished and slept.
    public var blockedWaits: UInt64 = 0
    /// Times that the method was asked for completions without waiting.
    public var polls: UInt64 = 0
    /// Calls that blocked a thread while a Swift task ran on it. Each is a mistake, since it may
    /// have stopped a thread of the cooperative pool. Waits for IO count, and so does IO that its
    /// submitter executes.
    public var blockingCallsInTasks: UInt64 = 0
    /// Threads that the method has now; zero for methods without threads.
    public var workers = 0
}

/// One session's counters. Its thread writes them, except ``completed``, which the threads that
/// complete its IO write. Any thread reads them. They order nothing.
struct SessionCounters: ~Copyable {
    let staged = Atomic<UInt64>(0)
    let completed = Atomic<UInt64>(0)
    let submitted = Atomic<UInt64>(0)
    let batches = Atomic<UInt64>(0)
    let synchronousExecutions = Atomic<UInt64>(0)
    let elsewhere = Atomic<UInt64>(0)
    let blockedWaits = Atomic<UInt64>(0)
    let polls = Atomic<UInt64>(0)

    func add(to total: inout IOStatistics) {
        total.staged += staged.load(ordering: .relaxed)
        total.completed += completed.load(ordering: .relaxed)
        total.submitted += submitted.load(ordering: .relaxed)
        total.batches += batches.load(ordering: .relaxed)
        total.synchronousExecutions += synchronousExecutions.load(ordering: .relaxed)
        total.elsewhere += elsewhere.load(ordering: .relaxed)
        total.blockedWaits += blockedWaits.load(ordering: .relaxed)
        total.polls += polls.load(ordering: .relaxed)
    }
}
