internal import Logging
internal import Synchronization

/// Executes IO on threads of its own. Mirrors PostgreSQL's `method_worker.c`.
///
/// Submitters put IO into one bounded queue and wake one idle worker; a woken worker that finds
/// more wakes at most two others, so waking spreads as fast as work needs it and no faster. What
/// does not fit into the queue is executed by its submitter, after the rest was queued.
final class WorkerMethod: IOMethod {
    /// A worker wakes at most this many others.
    private static let wakeUpLimit = 2

    let configuration: WorkerConfiguration
    private let logger: Logger
    private let pool: Lock<WorkerPool>
    private let overflowExecutions = Atomic<UInt64>(0)

    init(_ configuration: WorkerConfiguration, _ context: IOMethodContext) throws(StorageError) {
        try configuration.validate()
        self.configuration = configuration
        logger = context.logger
        pool = Lock(WorkerPool(configuration))
        for _ in 0..<configuration.minimumWorkers where !launchWorker() {
            shutdown()
            throw StorageError(
                .methodUnavailable, "the IO workers' threads could not be started",
                remedy: "Raise the process's thread limit, or choose another IO method.")
        }
    }

    var name: String { "worker" }

    func needsSynchronousExecution(_ io: StagedIO) -> Bool {
        io.flags.contains(.referencesLocal) || !io.canReopen
    }

    func submit(_ ios: Span<StagedIO>, session: Int) {
        for position in ios.indices { ios[position].prepareSubmit() }
        let (queued, idle) = pool.withLock { pool in
            (pool.queue.append(ios), pool.popIdle(limit: 1))
        }
        idle.first?.wake()
        if idle.isEmpty { growIfBlocked() }
        if queued < ios.count {
            overflowExecutions.add(UInt64(ios.count - queued), ordering: .relaxed)
            for position in queued..<ios.count { execute(ios[position]) }
        }
    }

    private func execute(_ io: StagedIO) {
        let reopened = io.reopen()
        io.complete(result: reopened < 0 ? Int(reopened) : io.execute())
    }

    /// A worker's life: take, wake others if there is more, execute.
    private func run(_ worker: Worker) {
        while true {
            let step = pool.withLock { $0.next(for: worker, wakeUpLimit: Self.wakeUpLimit) }
            switch step {
            case .execute(let io, let others, let isQueueWaiting):
                for other in others { other.wake() }
                if isQueueWaiting && others.isEmpty { growIfBlocked() }
                execute(io)
            case .sleep:
                if worker.sleep(timeoutNanoseconds: configuration.idleTimeoutNanoseconds) {
                    continue
                }
                if pool.withLock({ $0.retire(worker) }) { return }
            case .end:
                return
            }
        }
    }

    /// Starts more workers while the queue waits for ones that are blocked in the kernel.
    private func growIfBlocked() {
        let wanted = pool.withLock { $0.workersToLaunch(now: Clock.monotonicNanoseconds) }
        for _ in 0..<wanted where !launchWorker() {
            logger.warning(
                "an IO worker's thread could not be started",
                metadata: ["workers": "\(pool.withLock { $0.workers.count })"])
            return
        }
    }

    /// Starts one more worker, unless the pool is ending; false when the system has no room.
    ///
    /// All under the lock: nobody ever sees a worker whose thread is not known.
    private func launchWorker() -> Bool {
        pool.withLock { pool in
            if pool.isEnding { return true }
            let worker = Worker()
            // The thread keeps the method alive until shutdown, which joins it.
            guard let thread = OSThread.start({ self.run(worker) }) else { return false }
            worker.setThread(thread)
            pool.workers.append(worker)
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
