internal import Logging
internal import Synchronization
internal import Threads

/// A thread that runs Swift tasks and does the IO they wait for.
///
/// Its loop runs the jobs that are ready, starts the IO they asked for as one batch, takes what has
/// completed, resumes the waiters, and sleeps until there is more. It sleeps in the kernel, on the
/// rings of the sessions it serves and on a bell that other threads ring.
///
/// Use it as a task's executor preference, or as an actor's `unownedExecutor`:
///
/// ```swift
/// let executor = try RingExecutor()
/// let session = try engine.makeAsyncSession(on: executor)
/// try await withTaskExecutorPreference(executor) { … }
/// ```
///
/// One executor per core is one line: `try (0..<cores).map { _ in try RingExecutor() }`. Tasks need
/// not run on it to use its sessions. A method that executes IO in its submitter (`sync`) does so
/// on this thread. Jobs must not block the thread: IO that needs none of its own threads continues
/// meanwhile, but its results are delayed.
///
/// It runs until its owner calls ``shutdown()``. All other calls are for any thread.
public final class RingExecutor: TaskExecutor, SerialExecutor, Sendable {
    private let bell: Doorbell
    private let shared = Lock(Shared(), rank: .executorJobs)
    /// The thread, once it runs.
    private let thread = Atomic<UInt>(0)

    private struct Shared {
        var jobs: [UnownedJob] = []
        var participants: [any RingParticipant] = []
        var isEnding = false
        var hasEnded = false
    }

    /// Starts the thread.
    ///
    /// - Throws: `resourcesExhausted` if the system has no room for a thread or a descriptor.
    public init() throws(StorageError) {
        bell = try Doorbell.open()
        // The thread keeps the executor alive until it ends.
        guard let thread = OSThread.start({ self.run() }) else {
            throw StorageError(
                .resourcesExhausted, "an executor's thread could not be started",
                remedy: "Raise the limit on the process's threads.")
        }
        thread.detach()
    }

    /// Lets the thread end once it has nothing left to run. Does not wait for that.
    ///
    /// Callers must not give it any more tasks. Calling it again does nothing.
    ///
    /// - Throws: `misuse` if it serves sessions; then it keeps running.
    public func shutdown() throws(StorageError) {
        let served = shared.withLock { shared in
            if shared.participants.isEmpty { shared.isEnding = true }
            return shared.participants.count
        }
        guard served == 0 else {
            throw StorageError(
                .misuse, "an executor that serves \(served) sessions cannot be shut down",
                remedy: "Close its asynchronous sessions first.")
        }
        bell.ring()
    }

    // MARK: Executing

    /// Takes a job. Any thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        shared.withLock { shared in
            insist(!shared.hasEnded, "a task was given to an executor that was shut down")
            shared.jobs.append(job)
        }
        if !isCurrent { bell.ring() }
    }

    /// Whether the calling thread is the executor's.
    public var isCurrent: Bool { thread.load(ordering: .relaxed) == Self.currentThread }

    /// Required by `SerialExecutor`.
    public func isSameExclusiveExecutionContext(other: RingExecutor) -> Bool { self === other }

    /// Traps unless the calling thread is the executor's.
    public func checkIsolated() {
        insist(isCurrent, "this must run on its executor's thread")
    }

    // MARK: Sessions

    /// Serves a session's waiters from now on.
    package func attach(_ participant: any RingParticipant) throws(StorageError) {
        let isEnding = shared.withLock { shared in
            if !shared.isEnding { shared.participants.append(participant) }
            return shared.isEnding
        }
        if isEnding {
            throw StorageError(.closed, "the executor has been shut down")
        }
        bell.ring()
    }

    /// Stops serving a session's waiters. Call it on the executor's thread from within a turn, or
    /// after the thread's last turn for the session.
    package func detach(_ participant: any RingParticipant) {
        shared.withLock { shared in shared.participants.removeAll { $0 === participant } }
        bell.ring()
    }

    /// Makes the loop take a turn. Any thread.
    package func ring() { if !isCurrent { bell.ring() } }

    // MARK: The thread

    /// How many jobs run before IO is started and completions are taken. A device must not be idle
    /// while thousands of tasks ask for their first page.
    private static let jobsAtATime = 128

    private func run() {
        thread.store(Self.currentThread, ordering: .relaxed)
        var jobs: [UnownedJob] = []
        var done = 0
        var watch = Watch()
        while true {
            bell.wakeUp()
            var participants: [any RingParticipant] = []
            var isEnding = false
            shared.withLock { shared in
                if done == jobs.count {
                    jobs.removeAll(keepingCapacity: true)
                    done = 0
                    swap(&jobs, &shared.jobs)
                }
                participants = shared.participants
                isEnding = shared.isEnding
                shared.hasEnded = isEnding && jobs.isEmpty
            }
            if isEnding && jobs.isEmpty { return }
            let end = min(jobs.count, done + Self.jobsAtATime)
            for position in done..<end {
                unsafe jobs[position].runSynchronously(
                    isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            let hadJobs = end > done
            done = end
            var next: UInt64?
            for participant in participants {
                if let wanted = participant.turn() { next = min(next ?? wanted, wanted) }
            }
            if hadJobs { continue }
            sleep(participants, until: next, &watch)
        }
    }

    private func sleep(
        _ participants: [any RingParticipant], until end: UInt64?, _ watch: inout Watch
    ) {
        var limit: Int64 = -1
        if let end {
            let now = Clock.monotonicNanoseconds
            if end <= now { return }
            limit = Int64(clamping: end - now)
        }
        watch.reset(bell)
        for participant in participants { participant.watch { watch.add($0) } }
        // Jobs enqueued on this thread did not ring the bell.
        if shared.withLock({ !$0.jobs.isEmpty }) { return }
        guard bell.fallAsleep() else { return }
        if watch.sleep(nanoseconds: limit) { bell.clear() }
    }

    private static var currentThread: UInt {
        #if canImport(Darwin)
            unsafe UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}
