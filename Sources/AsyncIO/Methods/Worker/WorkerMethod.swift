internal import Logging
internal import Synchronization
internal import Threads

/// Executes IO on threads of its own. Mirrors PostgreSQL's `method_worker.c`.
///
/// Submitters put IO into one bounded queue and wake one idle worker. A woken worker that finds
/// more wakes at most two others, so waking spreads as fast as the work needs. IO that does not fit
/// into the queue is executed by its submitter after the rest was queued.
///
/// If IO waits for a device, workers are many and mostly asleep. If IO only copies and verifies
/// what the kernel has cached, sleeping and waking would cost as much as the work. Then few workers
/// are awake, they look for more work briefly before they sleep, and waiting threads execute queued
/// IO.
final class WorkerMethod: IOMethod {
    private let idleTimeoutNanoseconds: UInt64
    private let logger: Logger
    private let pool: Lock<WorkerPool>
    /// The length of the queue, for threads that look without the lock.
    private let queued = Atomic<Int>(0)
    private let overflowExecutions = Atomic<UInt64>(0)
    private let pace = WorkerPace()

    init(_ configuration: WorkerConfiguration, _ context: IOMethodContext) throws(StorageError) {
        try configuration.validate()
        idleTimeoutNanoseconds = configuration.idleTimeoutNanoseconds
        logger = context.logger
        pool = Lock(WorkerPool(configuration), rank: .workerPool)
        for _ in 0..<configuration.minimumWorkers where !launchWorker(reserved: 0) {
            shutdown()
            throw StorageError(
                .methodUnavailable, "the IO workers' threads could not be started",
                remedy: "Raise the process's thread limit, or choose another IO method.")
        }
    }

    var name: String { "worker" }

    /// How many IOs wait for a worker.
    var queuedCount: Int { queued.load(ordering: .relaxed) }
    /// Whether recent IO did not wait for a device.
    var isQuick: Bool { pace.isQuick }

    func needsSynchronousExecution(_ io: StagedIO) -> Bool {
        io.flags.contains(.referencesLocal) || !io.canReopen
    }

    /// Runs `body` with the pool, and publishes the queue's length afterwards.
    private func withPool<Result>(_ body: (inout WorkerPool) -> Result) -> Result {
        pool.withLock { pool in
            let result = body(&pool)
            queued.store(pool.queue.count, ordering: .relaxed)
            return result
        }
    }

    func submit(_ ios: Span<StagedIO>, session: Int) {
        for position in ios.indices { ios[position].prepareSubmit() }
        let (isQuick, now) = (pace.isQuick, Clock.monotonicNanoseconds)
        let (taken, woken, isShort) = withPool { $0.append(ios, isQuick: isQuick, now: now) }
        woken?.wake()
        if isShort { growIfBlocked() }
        if taken < ios.count {
            overflowExecutions.add(UInt64(ios.count - taken), ordering: .relaxed)
            for position in taken..<ios.count { execute(ios[position]) }
        }
    }

    private func execute(_ io: StagedIO) {
        pace.measure(io.length) {
            let reopened = io.reopen()
            io.complete(result: reopened < 0 ? Int(reopened) : io.execute())
        }
    }

    /// Helps only while IO is quick: a waiter that executes another's IO, which waits for a device,
    /// would be late for its own.
    func assist(_ io: StagedIO, generation: UInt64) -> Bool {
        guard pace.isQuick else {
            // IO that was queued while IO was quick may have woken no worker.
            if queued.load(ordering: .relaxed) > 0 {
                if let idle = withPool({ $0.wakeForQueue() }) {
                    idle.wake()
                } else {
                    growIfBlocked()
                }
            }
            return false
        }
        if queued.load(ordering: .relaxed) > 0,
            let next = withPool({ $0.popQueued(now: Clock.monotonicNanoseconds) })
        {
            execute(next)
            return true
        }
        // Not staged yet, or its callbacks running: the caller looks again only when that is over.
        return Spin.wait {
            io.wasRecycled(since: generation) || io.state == .completedShared
                || io.state == .completedLocal || io.state == .idle
                || queued.load(ordering: .relaxed) > 0
        }
    }

    /// A worker's loop: take an IO, wake others if there is more, execute.
    private func run(_ worker: Worker) {
        var (seeks, hasSought) = (true, false)
        while true {
            let (isQuick, now) = (pace.isQuick, Clock.monotonicNanoseconds)
            let step = withPool {
                $0.next(
                    for: worker, isQuick: isQuick, seeks: seeks && isQuick, hasSought: hasSought,
                    now: now)
            }
            hasSought = false
            switch step {
            case .execute(let io, let others, let isQueueWaiting):
                others.first?.wake()
                others.second?.wake()
                if isQueueWaiting && others.first == nil { growIfBlocked() }
                execute(io)
            case .seek:
                // If nothing came, the pauses are longer than polling is worth.
                hasSought = true
                seeks = Spin.wait { queued.load(ordering: .relaxed) > 0 }
            case .sleep(let forGood):
                let start = Clock.monotonicNanoseconds
                let timeout = forGood ? .max : idleTimeoutNanoseconds
                if worker.sleep(timeoutNanoseconds: timeout) {
                    seeks = Clock.monotonicNanoseconds &- start < Spin.limitNanoseconds
                    continue
                }
                if withPool({ $0.retire(worker) }) { return }
            case .end(let other):
                other?.wake()
                return
            }
        }
    }

    /// Starts more workers while IO is queued and the workers are blocked in the kernel.
    private func growIfBlocked() {
        let wanted = withPool { $0.workersToLaunch(now: Clock.monotonicNanoseconds) }
        if wanted > 0 { launch(wanted) }
    }

    func setWorkers(minimum: Int, maximum: Int) throws(StorageError) {
        var wanted = WorkerConfiguration()
        (wanted.minimumWorkers, wanted.maximumWorkers) = (minimum, maximum)
        try wanted.validate()
        let (missing, asleep) = withPool { $0.resize(minimum: minimum, maximum: maximum) }
        // They learn how long they may sleep now, or that they are too many.
        for worker in asleep { worker.wake() }
        guard launch(missing) else {
            throw StorageError(
                .resourcesExhausted, "not all of \(minimum) IO workers' threads could be started",
                remedy: "Raise the process's thread limit, or lower the minimum.")
        }
    }

    /// Starts as many workers as were reserved. Returns false if the system has no room for all.
    @discardableResult
    private func launch(_ reserved: Int) -> Bool {
        var wanted = reserved
        while wanted > 0 {
            guard launchWorker(reserved: 1) else {
                let count = pool.withLock { pool in
                    pool.endLaunch(wanted)
                    return pool.workers.count
                }
                logger.warning(
                    "an IO worker's thread could not be started",
                    metadata: ["workers": "\(count)"])
                return false
            }
            wanted -= 1
        }
        return true
    }

    /// Starts one more worker unless the pool is ending. Returns false if the system has no room.
    ///
    /// All of it happens under the lock, so no thread ever sees a worker without its thread.
    ///
    /// - Parameter reserved: how many reserved places it takes, once it returns true.
    private func launchWorker(reserved: Int) -> Bool {
        pool.withLock { pool in
            if pool.isEnding {
                pool.endLaunch(reserved)
                return true
            }
            let worker = Worker()
            // The thread keeps the method alive until shutdown, which joins the thread.
            guard let thread = OSThread.start({ self.run(worker) }) else { return false }
            worker.setThread(thread)
            pool.add(worker)
            pool.endLaunch(reserved)
            return true
        }
    }

    func shutdown() {
        let workers = pool.withLock { $0.end() }
        for worker in workers { worker.wake() }
        for worker in workers { worker.takeThread()?.join() }
    }

    func addStatistics(to statistics: inout IOStatistics) {
        statistics.synchronousExecutions += overflowExecutions.load(ordering: .relaxed)
        statistics.workers += pool.withLock { $0.workers.count }
    }
}
