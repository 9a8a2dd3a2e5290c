internal import AsyncIO
internal import BufferManager
internal import ReadStream
internal import StorageManager
internal import Synchronization

/// What stands behind an ``AsyncPageStream``: the feed that reads ahead, driven by the session's
/// loop, and the queue of pages for the task.
///
/// The feed is the loop's, except after the loop has put `onDemand` into the queue: then it is the
/// task's, until that posts the work again. One task at a time takes from the queue.
@safe
final class StreamWork<Source: BlockSource & Sendable>: CoreWork, @unchecked Sendable
where Source.PageData: Sendable {
    let feed: StreamFeed<Source>
    let queue: PageQueue<Source.PageData>
    /// Whose the feed is; moved by whoever has it.
    private let isWithTask = Atomic<Bool>(true)
    private let isDropped = Atomic<Bool>(false)

    private let isTaskWaiting = Atomic<Bool>(false)
    /// Written by the task before it waits, read by whoever resumes it.
    private var continuation: UnsafeContinuation<Void, Never>?

    init(
        _ core: AsyncCore, _ relation: OpenRelation, _ options: ReadStreamOptions, _ source: Source
    ) {
        var options = options
        let streams = core.streamCount.add(1, ordering: .relaxed).newValue
        let share = max(1, core.engine.buffers.readAheadLimit / streams)
        options.maximumPins = min(options.maximumPins ?? share, share)
        // The task takes from the queue while the loop fills it; what is in it counts, too.
        queue = PageQueue(capacity: max(2, min(share, Self.queueLimit)))
        feed = StreamFeed(
            core.engine.buffers, over: relation, session: core.session, options: options,
            source: source)
        super.init(core)
    }

    /// Small enough that a task which takes all that is there soon lets others run.
    private static var queueLimit: Int { 64 }

    deinit { core.streamCount.subtract(1, ordering: .relaxed) }

    // MARK: The task

    /// Hands the feed to the loop, if the task has it.
    func giveFeed(_ change: (StreamFeed<Source>) -> Void) {
        change(feed)
        isWithTask.store(false, ordering: .releasing)
    }

    /// Suspends the task until there is something in the queue, or it is cancelled.
    ///
    /// - Throws: `CancellationError`; nothing is lost then.
    nonisolated(nonsending) func waitForItem() async throws {
        try core.admit()
        defer { core.leave() }
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                unsafe self.continuation = unsafe continuation
                isTaskWaiting.store(true, ordering: .releasing)
                post()
                // Cancelled before there was anything to leave: nobody else would look.
                if Task.isCancelled { resumeTask() }
            }
        } onCancel: {
            resumeTask()
        }
        if Task.isCancelled, queue.count == 0 { throw CancellationError() }
    }

    private func resumeTask() {
        if isTaskWaiting.exchange(false, ordering: .acquiringAndReleasing) {
            unsafe continuation?.resume()
        }
    }

    /// The stream went out of use: gives everything back.
    func drop() {
        queue.removeAll()
        isDropped.store(true, ordering: .releasing)
        // What is in flight or read ahead is the loop's to give back.
        if !isWithTask.load(ordering: .acquiring) { post() }
    }

    // MARK: The loop

    override var isAbandoned: Bool { isDropped.load(ordering: .acquiring) }

    override func proceed() -> Outcome {
        // The helper has the feed's operation.
        if isAtHelper.load(ordering: .acquiring) { return .done }
        if isAbandoned {
            feed.end()
            queue.removeAll()
            return .done
        }
        let outcome = isWithTask.load(ordering: .acquiring) ? .done : fill()
        if queue.count > 0 { resumeTask() }
        return outcome
    }

    private func fill() -> Outcome {
        if let failure {
            self.failure = nil
            feed.refuse(failure)
        }
        // Room is left for the word that ends a run.
        while queue.count < queue.capacity - 1 {
            switch feed.step(isWanted: queue.count == 0) {
            case .page(let page, let data):
                queue.append(.page(page, data))
                if feed.isOnDemand {
                    endRun(.onDemand)
                    return .done
                }
            case .failed(let error, let data):
                queue.append(.failed(error, data))
            case .ended:
                endRun(.ended)
                return .done
            case .needs(let need, let operation):
                // It will be posted for something already, and looks again then.
                if isRegistered { return .done }
                switch core.await(need, operation, for: self) {
                case .again: continue
                case .parked: return .done
                case .queues: return queue.count > 0 ? .done : .queues
                }
            }
        }
        return .done
    }

    /// Gives the feed to the task. What the task does with it comes after it has taken the item.
    private func endRun(_ item: consuming PageQueue<Source.PageData>.Item) {
        isWithTask.store(true, ordering: .releasing)
        queue.append(item)
    }

    override func fail(_ error: StorageError) {
        queue.append(.failed(error, nil))
        resumeTask()
    }
}
