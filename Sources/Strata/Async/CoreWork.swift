internal import AsyncIO
internal import DequeModule
internal import Synchronization

/// Something that an ``AsyncCore`` takes as far as it goes: a task's request, or a stream.
///
/// It comes to the core by being posted, by whoever has something new for it: the task at first,
/// then whatever it waits for, by its wake-up. It is posted at most once at a time. ``proceed()``
/// and what it uses run on the session's thread alone.
class CoreWork: WakeUp, @unchecked Sendable {
    let core: AsyncCore
    /// Behind it among the posted; guarded by the core's lock.
    var nextPosted: CoreWork?
    private let isPosted = Atomic<Bool>(false)

    /// Another session whose completions have to be looked for, while this waits for its IO.
    var watched: Int?
    /// Since when it has queued for a handle or a buffer; nil while it does not.
    var queuedSince: UInt64?
    /// Whether the engine's helper does something for this, and the work has to wait for it.
    let isAtHelper = Atomic<Bool>(false)

    init(_ core: AsyncCore) { self.core = core }

    /// How a step ended.
    enum Outcome {
        /// It is over, or will be posted again.
        case done
        /// It needs a handle or a buffer, of which there is none.
        case queues
    }

    /// Goes as far as it can without waiting.
    func proceed() -> Outcome { .done }
    /// Ends it, as it may not queue any longer. Only while it queues.
    func fail(_ error: StorageError) {}
    /// Whether nobody wants it any more.
    var isAbandoned: Bool { false }

    final override func fire() { post() }

    /// Has the core take it up. Any thread.
    final func post() {
        if isPosted.exchange(true, ordering: .acquiringAndReleasing) { return }
        core.take(self)
    }

    /// Called when the core takes it off the posted.
    final func begin() { isPosted.store(false, ordering: .releasing) }
}

/// Works that queue for handles and buffers, first come, first served.
struct WorkQueue {
    /// How many abandoned works may stand in a queue before they are looked for.
    static let compactionThreshold = 256

    private var works = Deque<CoreWork>()

    var isEmpty: Bool { works.isEmpty }
    var first: CoreWork? { works.first }

    mutating func append(_ work: CoreWork) { works.append(work) }

    mutating func removeFirst() { works.removeFirst() }

    /// Takes out those that nobody wants any more. O(length).
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
