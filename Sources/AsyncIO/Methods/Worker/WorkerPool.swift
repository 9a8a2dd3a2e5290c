internal import Threads

/// The worker method's shared state: the queue, the workers, and which of them are idle. Guarded by
/// its lock.
///
/// Nothing here allocates once the pool has reached its greatest size.
struct WorkerPool {
    private(set) var configuration: WorkerConfiguration
    private(set) var queue: WorkerQueue
    private(set) var workers: [Worker] = []
    /// Idle workers. The one that became idle last is woken first, so that the others can time out.
    private var idle: [Worker] = []
    /// Workers that poll for work without sleeping, and find queued IO by themselves.
    private var seeking = 0
    private(set) var isEnding = false
    /// Workers whose threads are being started.
    private var launching = 0
    /// Whether IO has waited for a worker, with none idle, since ``lastLook``.
    private var isShort = false
    private var lastLook: UInt64 = 0
    /// When an IO was last taken off the queue.
    private var lastTaken: UInt64 = 0

    /// If nothing was taken off the queue for this long, all awake workers are blocked in the
    /// kernel.
    private static let stallNanoseconds: UInt64 = 200_000

    /// One look makes the pool at most 64 times as large.
    private static let mostDoublings: UInt64 = 6

    /// A worker wakes at most two others, so that waking spreads as fast as work needs it.
    typealias Pair = (first: Worker?, second: Worker?)

    init(_ configuration: WorkerConfiguration) {
        self.configuration = configuration
        queue = WorkerQueue(capacity: configuration.queueCapacity)
        workers.reserveCapacity(configuration.maximumWorkers)
        idle.reserveCapacity(configuration.maximumWorkers)
    }

    /// What a worker does next.
    enum Step {
        case execute(StagedIO, waking: Pair, isQueueWaiting: Bool)
        /// Look for work for a short while, then ask again.
        case seek
        /// Sleep until woken; if not for good, retire after the idle timeout.
        case sleep(forGood: Bool)
        /// End the thread, once another worker was woken for what is queued.
        case end(waking: Worker?)
    }

    /// How many workers should be awake: all of them, unless IO only keeps cores busy. Then it is
    /// one per core except the core of the waiter, which helps.
    private func awakeLimit(isQuick: Bool) -> Int {
        isQuick ? max(1, Processor.coreCount - 1) : workers.count
    }

    private var awake: Int { workers.count - idle.count }

    /// Queues as many IOs as there is room for.
    ///
    /// - Returns: how many, which worker to wake, and whether the pool may be too small.
    mutating func append(_ ios: Span<StagedIO>, isQuick: Bool, now: UInt64) -> (
        queued: Int, woken: Worker?, isShort: Bool
    ) {
        if queue.isEmpty { lastTaken = now }
        let isQuick = isQuick && now &- lastTaken < Self.stallNanoseconds
        let queued = queue.append(ios)
        guard seeking == 0, awake < awakeLimit(isQuick: isQuick) else {
            return (queued, nil, !isQuick)
        }
        return (queued, popIdle(), false)
    }

    /// - Parameters:
    ///   - isQuick: whether recent IO did not wait for a device.
    ///   - hasSought: whether the worker has been polling for work.
    mutating func next(
        for worker: Worker, isQuick: Bool, seeks: Bool, hasSought: Bool, now: UInt64
    ) -> Step {
        if hasSought { seeking -= 1 }
        if workers.count > configuration.maximumWorkers {
            discharge(worker)
            return .end(waking: wakeForQueue())
        }
        if let io = queue.popFirst() {
            lastTaken = now
            if queue.isEmpty { isShort = false }
            remove(worker)
            var others: Pair = (nil, nil)
            var room = min(queue.count - seeking, awakeLimit(isQuick: isQuick) - awake)
            if room > 0 { others.first = popIdle() }
            room -= 1
            if room > 0 { others.second = popIdle() }
            return .execute(io, waking: others, isQueueWaiting: !queue.isEmpty && seeking == 0)
        }
        if isEnding { return .end(waking: nil) }
        if seeks && seeking == 0 {
            remove(worker)
            seeking += 1
            return .seek
        }
        if !worker.isIdle {
            worker.isIdle = true
            idle.append(worker)
        }
        return .sleep(forGood: workers.count <= configuration.minimumWorkers)
    }

    /// Takes an IO for a thread that is not a worker.
    mutating func popQueued(now: UInt64) -> StagedIO? {
        lastTaken = now
        defer { if queue.isEmpty { isShort = false } }
        return queue.popFirst()
    }

    /// The worker to wake for queued IO if all awake workers may be blocked in the kernel.
    mutating func wakeForQueue() -> Worker? {
        queue.isEmpty || seeking > 0 ? nil : popIdle()
    }

    private mutating func popIdle() -> Worker? {
        guard let worker = idle.popLast() else { return nil }
        worker.isIdle = false
        return worker
    }

    /// Removes a worker from the idle ones that was woken other than by being popped.
    private mutating func remove(_ worker: Worker) {
        guard worker.isIdle else { return }
        worker.isIdle = false
        idle.removeAll { $0 === worker }
    }

    mutating func add(_ worker: Worker) { workers.append(worker) }

    /// Ends what ``workersToLaunch(now:)`` reserved, after so many of them were added or could not
    /// be started.
    mutating func endLaunch(_ count: Int) { launching -= count }

    /// Retires an idle worker whose time is over. Returns false if it is needed after all.
    mutating func retire(_ worker: Worker) -> Bool {
        guard queue.isEmpty, !isEnding, workers.count > configuration.minimumWorkers,
            worker.isIdle
        else { return false }
        discharge(worker)
        return true
    }

    /// Forgets a worker whose thread is about to end by itself.
    private mutating func discharge(_ worker: Worker) {
        remove(worker)
        workers.removeAll { $0 === worker }
        worker.takeThread()?.detach()
    }

    /// Changes the limits.
    ///
    /// - Returns: how many workers to launch at once, with their places reserved until
    ///   ``endLaunch(_:)``; and the idle workers, which the caller wakes.
    mutating func resize(minimum: Int, maximum: Int) -> (missing: Int, asleep: [Worker]) {
        configuration.minimumWorkers = minimum
        configuration.maximumWorkers = maximum
        if isEnding { return (0, []) }
        let missing = max(0, minimum - workers.count - launching)
        launching += missing
        return (missing, idle)
    }

    /// How many more workers would help now. Reserves their places, until ``endLaunch(_:)``.
    ///
    /// The queue waits and no worker is idle. If the workers have used less than half of the core
    /// time available since the last look, they are blocked in the kernel, and the pool doubles:
    /// once for each launch interval that has passed, because on a slow device looks are far apart.
    /// If they are busy copying, more of them would only compete for cores. The first look of a
    /// shortage only notes the time: what the workers did before it says nothing.
    mutating func workersToLaunch(now: UInt64) -> Int {
        let room = configuration.maximumWorkers - workers.count - launching
        guard !isEnding, !queue.isEmpty, idle.isEmpty, seeking == 0, room > 0 else { return 0 }
        let elapsed = now &- lastLook
        if isShort && elapsed < configuration.launchIntervalNanoseconds { return 0 }
        var used: UInt64 = 0
        for worker in workers {
            let total = worker.coreNanoseconds ?? 0
            used += total &- worker.seenCoreNanoseconds
            worker.seenCoreNanoseconds = total
        }
        lastLook = now
        if !isShort {
            isShort = true
            return 0
        }
        let usable = elapsed * UInt64(min(workers.count, Processor.coreCount))
        guard used < usable / 2 else { return 0 }
        let passed = elapsed / max(1, configuration.launchIntervalNanoseconds)
        let doublings = max(1, min(passed, Self.mostDoublings))
        let wanted = min(queue.count, workers.count << doublings - workers.count, room)
        launching += wanted
        return wanted
    }

    /// Makes all workers end once the queue is empty.
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

    /// Appends as many as there is room for, and returns how many that were.
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
