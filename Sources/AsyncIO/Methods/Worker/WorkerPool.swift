/// The worker method's shared state: the queue, who is idle, and who is there. Guarded by its lock.
struct WorkerPool {
    let configuration: WorkerConfiguration
    var queue: WorkerQueue
    var workers: [Worker] = []
    /// Idle workers; the one that went idle last is woken first, so that the others can time out.
    private var idle: [Worker] = []
    private(set) var isEnding = false
    private var lastLook: UInt64 = 0

    init(_ configuration: WorkerConfiguration) {
        self.configuration = configuration
        queue = WorkerQueue(capacity: configuration.queueCapacity)
    }

    /// What a worker does next.
    enum Step {
        case execute(StagedIO, waking: [Worker], isQueueWaiting: Bool)
        case sleep
        case end
    }

    mutating func next(for worker: Worker, wakeUpLimit: Int) -> Step {
        if let io = queue.popFirst() {
            idle.removeAll { $0 === worker }
            let others = queue.isEmpty ? [] : popIdle(limit: min(wakeUpLimit, queue.count))
            return .execute(io, waking: others, isQueueWaiting: !queue.isEmpty)
        }
        if isEnding { return .end }
        if !idle.contains(where: { $0 === worker }) { idle.append(worker) }
        return .sleep
    }

    mutating func popIdle(limit: Int) -> [Worker] {
        let count = min(limit, idle.count)
        let result = Array(idle.suffix(count))
        idle.removeLast(count)
        return result
    }

    /// Lets an idle worker go whose time is over; false when it is needed after all.
    mutating func retire(_ worker: Worker) -> Bool {
        guard queue.isEmpty, !isEnding, workers.count > configuration.minimumWorkers,
            let position = idle.firstIndex(where: { $0 === worker })
        else { return false }
        idle.remove(at: position)
        workers.removeAll { $0 === worker }
        worker.takeThread()?.detach()
        return true
    }

    /// How many more workers would help now.
    ///
    /// The queue waits and nobody is idle. If the workers have used less than half of the cores
    /// they could have used since the last look, they are blocked in the kernel, and as many again
    /// can be; if they are busy copying, more of them would only get into each other's way.
    mutating func workersToLaunch(now: UInt64) -> Int {
        guard !isEnding, !queue.isEmpty, idle.isEmpty,
            workers.count < configuration.maximumWorkers
        else { return 0 }
        let elapsed = now &- lastLook
        guard elapsed >= configuration.launchIntervalNanoseconds else { return 0 }
        var used: UInt64 = 0
        for worker in workers {
            let total = worker.coreNanoseconds ?? 0
            used += total &- worker.seenCoreNanoseconds
            worker.seenCoreNanoseconds = total
        }
        let isFirstLook = lastLook == 0
        lastLook = now
        // Before the pool was loaded, idle time counts as blocked: look once more.
        if isFirstLook || elapsed > 8 * configuration.launchIntervalNanoseconds { return 0 }
        let usable = elapsed * UInt64(min(workers.count, Clock.coreCount))
        guard used < usable / 2 else { return 0 }
        return min(queue.count, workers.count, configuration.maximumWorkers - workers.count)
    }

    /// Has all workers end once the queue is empty.
    mutating func end() -> [Worker] {
        isEnding = true
        defer { workers = [] }
        return workers
    }
}

/// A bounded first-in-first-out queue of IOs.
struct WorkerQueue {
    private var slots: [StagedIO?]
    private var first = 0
    private(set) var count = 0

    init(capacity: Int) { slots = Array(repeating: nil, count: capacity) }

    var isEmpty: Bool { count == 0 }

    /// Appends as many as there is room for; how many that were.
    mutating func append(_ ios: Span<StagedIO>) -> Int {
        let fitting = min(ios.count, slots.count - count)
        for position in 0..<fitting {
            slots[(first + count) % slots.count] = ios[position]
            count += 1
        }
        return fitting
    }

    mutating func popFirst() -> StagedIO? {
        if count == 0 { return nil }
        defer {
            slots[first] = nil
            first = (first + 1) % slots.count
            count -= 1
        }
        return slots[first]
    }
}
