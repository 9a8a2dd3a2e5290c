internal import AsyncIO
internal import BufferManager
internal import ReadStream
internal import StorageManager
internal import Synchronization

/// The part of an ``AsyncPageStream`` that its session's loop drives. It hands the stream from the
/// task to the loop and back, and keeps the pages that the loop took for the task.
///
/// | owner of the stream | kept in | moved by |
/// |---|---|---|
/// | the task | in its ``AsyncPageStream`` | ``give(_:)``, to the loop |
/// | the loop | ``stream`` | the end, a stream without reads, the task's request: returned |
/// | returned | ``stream`` | ``takeBack()``, to the task |
///
/// One task at a time takes from the queue.
@safe
final class StreamWork<Source: BlockSource & Sendable>: CoreWork, @unchecked Sendable
where Source.PageData: Sendable {
    let queue: PageQueue<Source.PageData>
    /// The loop's until ``isReturned``, then the task's.
    private var stream: ReadStream<Source>?
    /// Whether the source had no more when the stream was returned. Owned like ``stream``.
    private(set) var hasEnded = false
    private let isReturned = Atomic<Bool>(true)
    /// Whether the task wants the stream back as it is.
    private let isWantedBack = Atomic<Bool>(false)
    private let isDropped = Atomic<Bool>(false)

    private let isTaskWaiting = Atomic<Bool>(false)
    /// Written by the task before it waits, read by the thread that resumes it.
    private var continuation: UnsafeContinuation<Void, Never>?

    /// Limits the options to a stream's share of the pool.
    init(_ core: AsyncCore, _ options: inout ReadStreamOptions) {
        let streams = core.streamCount.add(1, ordering: .relaxed).newValue
        let share = max(1, core.engine.buffers.readAheadLimit / streams)
        let limit = min(share, options.strategy?.pinLimit ?? share)
        // The task takes from the queue while the loop fills it. What is in it is pinned, too: with
        // more than its ring's pages pinned, a scan would not use them again.
        queue = PageQueue(capacity: max(1, min(limit / 2, Self.queueLimit)))
        let pins = max(1, limit - queue.capacity)
        options.maximumPins = min(options.maximumPins ?? pins, pins)
        super.init(core)
    }

    /// Small enough that a task which takes all available pages soon lets others run.
    private static var queueLimit: Int { 64 }

    deinit { core.streamCount.subtract(1, ordering: .relaxed) }

    // MARK: The task

    /// Hands the stream to the loop.
    func give(_ stream: consuming ReadStream<Source>) {
        self.stream = consume stream
        hasEnded = false
        isWantedBack.store(false, ordering: .relaxed)
        isReturned.store(false, ordering: .releasing)
        post()
    }

    /// Whether the loop has returned the stream, and the task has taken all before that.
    var isDrained: Bool { isReturned.load(ordering: .acquiring) && queue.count == 0 }

    /// Takes the stream if the loop has returned it.
    func takeBack() -> ReadStream<Source>? {
        isReturned.load(ordering: .acquiring) ? stream.take() : nil
    }

    /// Suspends the task until there is something in the queue, the stream is returned, or the task
    /// is cancelled.
    ///
    /// - Throws: `CancellationError`, `tooManyWaiting`, `closed`; nothing is lost then.
    nonisolated(nonsending) func waitForItem() async throws {
        try core.admit()
        defer { core.leave() }
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                unsafe self.continuation = unsafe continuation
                isTaskWaiting.store(true, ordering: .releasing)
                post()
                // The task was cancelled before it registered, so this must resume it.
                if Task.isCancelled { resumeTask() }
            }
        } onCancel: {
            resumeTask()
        }
        if Task.isCancelled, queue.count == 0, !isReturned.load(ordering: .acquiring) {
            throw CancellationError()
        }
    }

    /// Like ``waitForItem()``, but the stream must be returned as soon as possible.
    nonisolated(nonsending) func waitForStream() async throws {
        isWantedBack.store(true, ordering: .releasing)
        try await waitForItem()
        if !isReturned.load(ordering: .acquiring) { try Task.checkCancellation() }
    }

    private func resumeTask() {
        if isTaskWaiting.exchange(false, ordering: .acquiringAndReleasing) {
            unsafe continuation?.resume()
        }
    }

    /// Gives everything back when the stream is dropped.
    func drop() {
        queue.removeAll()
        isDropped.store(true, ordering: .releasing)
        // The loop gives back what is in flight or read ahead.
        if !isReturned.load(ordering: .acquiring) { post() }
    }

    // MARK: The loop

    override var isAbandoned: Bool { isDropped.load(ordering: .acquiring) }

    override func proceed() -> Outcome {
        // The helper has the stream's operation.
        if isAtHelper.load(ordering: .acquiring) { return .done }
        var outcome = Outcome.done
        if !isReturned.load(ordering: .acquiring), var stream = stream.take() {
            // Dropped together with all that it has read.
            if isAbandoned {
                queue.removeAll()
                return .done
            }
            let isOver = isWantedBack.exchange(false, ordering: .acquiring)
            let step = isOver ? .over(hasEnded: false) : fill(&stream)
            self.stream = consume stream
            switch step {
            case .stops(let reason): outcome = reason
            case .over(let hasEnded):
                self.hasEnded = hasEnded
                isReturned.store(true, ordering: .releasing)
            }
        }
        if queue.count > 0 || isReturned.load(ordering: .relaxed) { resumeTask() }
        return outcome
    }

    /// How filling the queue ended.
    private enum Filling {
        /// The work will be posted when it can continue, or queues.
        case stops(Outcome)
        /// The stream must be returned.
        case over(hasEnded: Bool)
    }

    private func fill(_ stream: inout ReadStream<Source>) -> Filling {
        while queue.count < queue.capacity {
            do throws(StorageError) {
                if let page = try stream.step() {
                    guard let data = stream.data else {
                        preconditionFailure("a page comes with its block's data")
                    }
                    queue.append(.page(page, data))
                    if stream.looksUpOnly { return .over(hasEnded: false) }
                    continue
                }
            } catch {
                queue.append(.failed(error, stream.data))
                continue
            }
            let isWanted = queue.count == 0
            guard let need = stream.takeNeed(isWanted: isWanted) else {
                return .over(hasEnded: true)
            }
            // It will be posted for something else, and looks again then.
            if isRegistered { return .stops(.done) }
            do throws(StorageError) {
                switch try core.await(need.need, need.operation, for: self) {
                case .again: continue
                case .parked: return .stops(.done)
                case .queues: return .stops(isWanted ? .queues : .done)
                }
            } catch {
                stream.refuse(error, need)
            }
        }
        return .stops(.done)
    }

    override func fail(_ error: StorageError) {
        queue.append(.failed(error, nil))
        resumeTask()
    }
}
