internal import AsyncIO
internal import BufferManager
internal import StorageManager
internal import Synchronization
internal import Threads

/// The part of an asynchronous session that its loop drives.
///
/// Tasks on any thread post work. One loop at a time takes turns, in which it does everything that
/// needs no waiting: it takes completions, continues work, hands out free resources in the order of
/// the requests, and submits everything staged as one batch. Only the loop uses the `Session`.
final class AsyncCore: RingParticipant, @unchecked Sendable {
    let engine: Engine
    let options: AsyncSessionOptions
    /// Used by the loop only, like everything below unless stated otherwise.
    let session: Session
    /// The session under which hits are counted, from any thread.
    let sessionIndex: Int
    private let wakeLoop: @Sendable () -> Void
    /// Called on the loop's thread once the session has been closed.
    private let ended: @Sendable (AsyncCore) -> Void

    /// Posted work, oldest first. Any thread.
    private let posted = Lock(Posted(), rank: .postedWork)
    private struct Posted {
        var first: CoreWork?
        var last: CoreWork?
        var hasEnded = false
    }

    /// Number of waiting tasks. Any thread.
    let waiting = Atomic<Int>(0)
    /// Whether new work is refused. Any thread.
    let isClosing = Atomic<Bool>(false)
    /// Number of streams. Any thread.
    let streamCount = Atomic<Int>(0)
    /// Number of abandoned requests that may still be queued. Any thread.
    let abandoned = Atomic<Int>(0)

    private var queue = WorkQueue()
    /// Number of works being driven, queued or waiting.
    var activeCount = 0
    private var spare: [ReadOperation] = []
    /// How many works wait for IO of each other session.
    private var watched: [Int: Int] = [:]
    private(set) var isClosed = false
    private var closers: [CloseWork] = []

    /// How long after a turn to look again if nothing reports completions.
    private static let pollNanoseconds: UInt64 = 20_000
    /// How long after a turn to look again for buffers that others give back, and for IO of other
    /// sessions that cannot be watched.
    private static let retryNanoseconds: UInt64 = 500_000
    private static let spareLimit = 256

    init(
        _ engine: Engine, _ session: Session, _ options: AsyncSessionOptions,
        wakeLoop: @escaping @Sendable () -> Void, ended: @escaping @Sendable (AsyncCore) -> Void
    ) {
        self.engine = engine
        self.session = session
        self.options = options
        self.wakeLoop = wakeLoop
        self.ended = ended
        sessionIndex = session.index
    }

    private var method: any IOMethod { session.system.method }

    // MARK: Any thread

    /// Takes posted work; ``CoreWork/post()`` calls it. Allocates nothing.
    func take(_ work: CoreWork) {
        let isTaken = posted.withLock { posted in
            if posted.hasEnded { return false }
            if let last = posted.last { last.nextPosted = work } else { posted.first = work }
            posted.last = work
            return true
        }
        // Work that is left when the session has ended is discarded.
        if isTaken { wakeLoop() }
    }

    /// Admits a waiting task, unless there are too many or the session is being closed.
    func admit() throws(StorageError) {
        // Either the loop sees the task before it closes, or the task sees that it is closing.
        let before = waiting.add(1, ordering: .sequentiallyConsistent).oldValue
        if isClosing.load(ordering: .sequentiallyConsistent) {
            leave()
            throw Self.closed()
        }
        if before >= options.maximumWaiting {
            leave()
            throw StorageError(
                .tooManyWaiting,
                "\(options.maximumWaiting) tasks wait in the asynchronous session already",
                remedy: "Let fewer tasks read at a time, or raise"
                    + " AsyncSessionOptions.maximumWaiting.")
        }
    }

    /// Records that a task has abandoned its request.
    func noteAbandoned() { abandoned.add(1, ordering: .relaxed) }

    /// Ends a task's waiting.
    func leave() {
        let old = waiting.subtract(1, ordering: .sequentiallyConsistent).oldValue
        if old == 1, isClosing.load(ordering: .sequentiallyConsistent) { wakeLoop() }
    }

    private func nextPosted() -> CoreWork? {
        posted.withLock { posted in
            guard let first = posted.first else { return nil }
            posted.first = first.nextPosted
            if posted.first == nil { posted.last = nil }
            first.nextPosted = nil
            return first
        }
    }

    private var hasPosted: Bool { posted.withLock { $0.first != nil } }

    // MARK: The loop

    func turn() -> UInt64? {
        if isClosed { return nil }
        session.reclaimCompleted()
        for index in watched.keys { method.poll(session: index) }
        try? session.enterBatch()
        var left = Self.turnLimit
        retryQueue()
        while left > 0, let work = nextPosted() {
            work.begin()
            run(work)
            left -= 1
        }
        session.endScope(onError: true)
        // IO that was executed while it was submitted has completed.
        session.reclaimCompleted()
        closeIfIdle()
        return isClosed ? nil : nextTurn()
    }

    /// How many works one turn handles, so that the loop's other users get their turn.
    private static let turnLimit = 256

    private func nextTurn() -> UInt64? {
        if hasPosted { return 0 }
        var wait: UInt64?
        if method.canWait, session.inFlight > 0 || !watched.isEmpty,
            method.completionDescriptor(session: sessionIndex) == nil
        {
            wait = Self.pollNanoseconds
        } else if !queue.isEmpty {
            wait = Self.retryNanoseconds
        }
        return wait.map { Clock.monotonicNanoseconds &+ $0 }
    }

    /// Whether the caller must look again for IO of other sessions, because it cannot watch their
    /// descriptors.
    var retriesWatched: Bool { !watched.isEmpty }
    static var retryDelay: UInt64 { retryNanoseconds }

    func watch(_ add: (CInt) -> Void) {
        guard !isClosed, method.canWait else { return }
        if session.inFlight > 0, let own = method.completionDescriptor(session: sessionIndex) {
            add(own)
        }
        for index in watched.keys {
            if let other = method.completionDescriptor(session: index) { add(other) }
        }
    }

    private func run(_ work: CoreWork) {
        unwatch(work)
        switch work.proceed() {
        case .done:
            // If the work is in the queue, the queue skips it.
            work.queuedSince = nil
        case .queues where work.queuedSince == nil:
            work.queuedSince = Clock.monotonicNanoseconds
            queue.append(work)
        case .queues: break
        }
    }

    /// Retries queued works in order, until one has to stay queued.
    private func retryQueue() {
        if queue.isEmpty { return }
        let now = Clock.monotonicNanoseconds
        if abandoned.load(ordering: .relaxed) > WorkQueue.compactionThreshold {
            abandoned.store(0, ordering: .relaxed)
            for work in queue.removeAbandoned() { _ = work.proceed() }
        }
        while let first = queue.first {
            if let limit = options.queueNanoseconds, let since = first.queuedSince,
                now &- since > limit, !first.isAbandoned
            {
                queue.removeFirst()
                first.queuedSince = nil
                first.fail(Self.waitedTooLong(limit))
                continue
            }
            guard case .done = first.proceed() else { return }
            first.queuedSince = nil
            queue.removeFirst()
        }
    }

    /// Whether works are queued ahead of new ones.
    var hasQueue: Bool { !queue.isEmpty }

    // MARK: What work waits for

    /// The outcome of awaiting something that work needs.
    enum Awaiting {
        /// It has already happened.
        case again
        /// The work will be posted once it has happened.
        case parked
        /// The work must queue.
        case queues
    }

    /// Makes the work be posted once what its read needs has happened.
    ///
    /// - Throws: `storeFailed` if the read needs a buffer and writing has ended.
    func await(_ need: ReadNeed, _ operation: ReadOperation, for work: CoreWork)
        throws(StorageError) -> Awaiting
    {
        let buffers = engine.buffers
        switch need {
        case .completion(let reference):
            watch(reference, for: work)
            if session.system.register(work, for: reference) { return .parked }
            unwatch(work)
            return .again
        case .notice:
            return buffers.register(work, for: operation) ? .parked : .again
        case .buffers:
            if let refusal = buffers.refusal { throw refusal }
            return .queues
        case .handle:
            return .queues
        case .cleaning:
            // Dirty pages cost the helper's work. Clean ones behind them will do.
            if buffers.passOver(operation) { return .again }
            // Nothing but the helper touches the operation until the work is posted again.
            nonisolated(unsafe) let operation = operation
            work.isAtHelper.store(true, ordering: .relaxed)
            engine.asyncParts.helper { session in
                unsafe buffers.clean(operation, session: session)
                work.isAtHelper.store(false, ordering: .releasing)
                work.post()
            }
            return .parked
        }
    }

    private func watch(_ reference: WaitReference, for work: CoreWork) {
        let index = session.system.sessionIndex(of: reference)
        if index == sessionIndex || !method.canWait { return }
        watched[index, default: 0] += 1
        work.watched = index
    }

    private func unwatch(_ work: CoreWork) {
        guard let index = work.watched, let count = watched[index] else { return }
        work.watched = nil
        watched[index] = count > 1 ? count - 1 : nil
    }

    // MARK: Operations

    func takeOperation(_ relation: OpenRelation, _ fork: Fork, _ options: ReadOptions)
        throws(StorageError) -> ReadOperation
    {
        guard let operation = spare.popLast() else {
            return try ReadOperation(
                engine.buffers, relation, fork, session, options, capacity: 1)
        }
        if operation.relation !== relation { operation.relation = relation }
        operation.fork = fork
        operation.options = options
        return operation
    }

    func giveBack(_ operation: ReadOperation) {
        operation.giveBack()
        operation.dropVictims()
        if spare.count < Self.spareLimit { spare.append(operation) }
    }

    // MARK: Closing

    /// Refuses new work, and closes the session once no work is left.
    func close(_ work: CloseWork) {
        isClosing.store(true, ordering: .sequentiallyConsistent)
        closers.append(work)
    }

    private func closeIfIdle() {
        guard isClosing.load(ordering: .sequentiallyConsistent), activeCount == 0,
            session.inFlight == 0, waiting.load(ordering: .sequentiallyConsistent) == 0
        else { return }
        let ends = posted.withLock { posted in
            if posted.first == nil { posted.hasEnded = true }
            return posted.hasEnded
        }
        if !ends { return }
        // Nothing is in flight, so this does not wait.
        end()
    }

    /// Closes the session, whatever is in flight. On the loop's thread, or if there is no loop.
    func end() {
        posted.withLock { posted in
            posted.hasEnded = true
            (posted.first, posted.last) = (nil, nil)
        }
        if isClosed { return }
        isClosed = true
        spare = []
        session.close()
        ended(self)
        for closer in closers { closer.task.finish() }
        closers = []
    }

    private static func waitedTooLong(_ nanoseconds: UInt64) -> StorageError {
        StorageError(
            .waitTooLong,
            "a task has queued for more than \(nanoseconds / 1000) µs for a buffer or an IO handle",
            remedy: "Give pages back sooner, let fewer tasks read at a time, or raise"
                + " EngineOptions.poolBytes or AsyncSessionOptions.queueLimit.")
    }

    static func closed() -> StorageError {
        StorageError(.closed, "the asynchronous session has been closed")
    }
}
