internal import AsyncIO
internal import DequeModule
internal import Synchronization

/// Work that an ``AsyncCore`` advances as far as possible: a task's request, or a stream.
///
/// It reaches the core by being posted when there is something new for it: first by the task, then
/// by the wake-up of what it waits for. It is posted at most once at a time. ``proceed()`` and what
/// it uses run only on the session's thread.
class CoreWork: WakeUp, @unchecked Sendable {
    let core: AsyncCore
    /// The next one in the list of posted works; guarded by the core's lock.
    var nextPosted: CoreWork?
    private let isPosted = Atomic<Bool>(false)

    /// Another session whose completions must be polled while this waits for its IO.
    var watched: Int?
    /// Since when it has been queueing for a handle or a buffer; nil while it is not.
    var queuedSince: UInt64?
    /// Whether the engine's helper is busy for this work, so that it has to wait.
    let isAtHelper = Atomic<Bool>(false)

    init(_ core: AsyncCore) { self.core = core }

    /// The outcome of a step.
    enum Outcome {
        /// It is over, or will be posted again.
        case done
        /// It needs a handle or a buffer, and none is free.
        case queues
    }

    /// Advances as far as possible without waiting.
    func proceed() -> Outcome { .done }
    /// Ends it because it has queued too long. Called only while it queues.
    func fail(_ error: StorageError) {}
    /// Whether its task or stream no longer needs it.
    var isAbandoned: Bool { false }

    final override func fire() { post() }

    /// Passes it to the core. Any thread.
    final func post() {
        if isPosted.exchange(true, ordering: .acquiringAndReleasing) { return }
        core.take(self)
    }

    /// Called when the core takes it off the list.
    final func begin() { isPosted.store(false, ordering: .releasing) }
}

/// Works that queue for handles and buffers, in order of arrival.
struct WorkQueue {
    /// How many abandoned works a queue may hold before they are removed.
    static let compactionThreshold = 256

    private var works = Deque<CoreWork>()

    var isEmpty: Bool { works.isEmpty }
    var first: CoreWork? { works.first }

    mutating func append(_ work: CoreWork) { works.append(work) }

    mutating func removeFirst() { works.removeFirst() }

    /// Removes the abandoned works. O(length).
    mutating func removeAbandoned() -> [CoreWork] {
        var taken: [CoreWork] = []
        var kept = Deque<CoreWork>()
        // Each is asked once, as any of them may be abandoned just now.
        for work in works {
            if work.isAbandoned { taken.append(work) } else { kept.append(work) }
        }
        works = kept
        return taken
    }
}
