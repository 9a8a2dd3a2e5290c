internal import AsyncIO
internal import BufferManager
internal import DequeModule
internal import StorageManager

/// The work of a ``ReadStream`` besides asking its source: the queue of pages, the reads in flight,
/// and how far to look ahead.
///
/// Blocks go from the source into the pending read, which joins neighbours. From there they go into
/// the queue, as pages that were in the pool or as entries of a read in flight, and from the front
/// of the queue to the user. For example, when the source named 10, 42, 43, 44, 60, 61 and the pool
/// had only block 10:
///
///     queue     10 (page)   42 43 44 (reading)   60 (reading)      pending   61
///     reads                 42…44                60
///
/// Entries of a read are neighbours, and reads are in the order of their entries. So if the entry
/// at the front is being read, it belongs to the oldest read. The engine belongs to its session's
/// thread.
///
/// A class, though only one stream refers to it: the stream's inlined code cannot destroy an owned
/// value of this kind.
@safe
@usableFromInline
final class StreamEngine {
    /// An entry of the queue.
    enum Entry: ~Copyable {
        /// A pinned page.
        case page(PinnedPage)
        /// A block of a read in flight.
        case reading
        /// A block of a read that failed. It may be in the pool all the same.
        case uncertain(BlockNumber)
    }

    /// A read in flight.
    struct Read {
        let operation: ReadOperation
        /// How many entries it has.
        let blocks: Int
        /// Whether the kernel was advised of it.
        let advised: Bool
    }

    /// Which reads the kernel is advised of.
    enum Advice {
        /// None: they run beside the user, or the kernel looks ahead by itself.
        case none
        /// Those that do not continue where the last one ended.
        case jumps
        case all
    }

    /// Which read needs something before it can continue.
    enum Needy {
        /// The oldest read in flight.
        case oldest
        /// The reading again of the page at the front.
        case again
        /// The pending read, with nothing queued before it.
        case pending
    }

    let manager: BufferManager
    let relation: OpenRelation
    let session: Session
    let options: ReadStreamOptions
    /// When to advise the kernel of a read that is not wanted at once.
    let advice: Advice
    /// Reads are executed only when their pages are taken, which takes the time of reading.
    let readsWhenTaken: Bool
    /// How many large reads to keep in flight even if the user never waits for a device: more where
    /// other cores can share the work of completing them, none if nothing runs beside the user.
    let busyReads: Int
    /// The most blocks of a read, and the most reads in flight.
    let combineLimit: Int
    let maximumReads: Int

    /// The most pages pinned, and the size of the queue.
    @usableFromInline let capacity: Int
    var queue: RigidDeque<Entry>
    /// How many entries the queue has. Beside it, because every use of a variable that holds a
    /// collection is guarded at run time. The guards took a tenth of a warm scan's time.
    private(set) var count = 0

    /// The reads in flight, oldest first.
    var reads: Deque<Read>
    /// How many reads are in flight, beside them for the same reason.
    private(set) var readCount = 0
    /// Operations without a read, made when first needed.
    var idleOperations: [ReadOperation] = []
    /// The operation of the pending read, once its start was tried.
    var pendingOperation: ReadOperation?

    /// Neighbouring blocks that were named and not yet started.
    var pendingBlock = BlockNumber.invalid
    var pendingCount = 0
    /// A block that does not adjoin the pending ones, while those cannot be started.
    var heldBlock = BlockNumber.invalid
    /// The block behind the read started last, to recognise sequential access.
    var sequentialBlock = BlockNumber.invalid

    /// How many blocks to look ahead, pinned and pending ones together.
    var readAheadDistance = 1
    /// How many blocks to join, if they come.
    var combineDistance = 1
    /// How many blocks the storage keeps together; 0 until asked.
    var groupSize = 0
    /// How many reads in a row were complete when they were wanted.
    var quietReads = 0
    /// How many more hits leave the distances unchanged.
    var decayHoldOff = 0

    private(set) var isExhausted = false
    var isPaused = false
    /// Why a read could not be started. It is tried again when the queue is empty.
    var startFailure: StorageError?
    /// The error of the read whose entries are uncertain, until it was thrown.
    var readFailure: StorageError?
    /// Whether that error came of reading one of them alone, which is final whatever it names.
    var isRefusedAgain = false
    /// The operation that reads uncertain blocks again.
    var spare: ReadOperation?
    /// What keeps the pending read from starting, until the next look-ahead.
    var startNeed: ReadNeed?
    /// Whether ``startFailure`` is final: its block is not tried again.
    var isRefused = false
    /// What the next page waits for, until its driver has taken it (``takeNeed()``).
    var need: (need: ReadNeed, of: Needy)?
    /// Whether the user has waited for the oldest read.
    var hasWaited = false
    var ownsBatch = false
    /// The next read is wanted at once, so advising the kernel of it gains nothing.
    var isUrgent = false
    var statistics = ReadStreamStatistics()

    init(
        _ manager: BufferManager, _ relation: OpenRelation, _ session: Session,
        _ options: ReadStreamOptions
    ) {
        self.manager = manager
        self.relation = relation
        self.session = session
        self.options = options
        let system = manager.system
        let storage = relation.capabilities
        readsWhenTaken = manager.executesInSubmitter(relation)
        busyReads = readsWhenTaken ? 0 : storage.transformsPages ? 6 : 4
        if !readsWhenTaken || !storage.supportsPrefetch || storage.usesDirectIO {
            advice = .none
        } else if storage.hasKernelReadAhead {
            // The kernel reads ahead in order by itself.
            advice = options.flags.contains(.sequential) ? .none : .jumps
        } else {
            advice = .all
        }

        let handles = system.handlesPerSession
        maximumReads = max(1, min(options.wantedReads ?? handles, handles))
        var pins = maximumReads * manager.configuration.combineLimit
        pins = min(
            pins,
            relation.locator.isLocal
                ? manager.configuration.localBufferCount / 4 : manager.readAheadLimit
        )
        pins = min(pins, options.strategy?.pinLimit ?? pins, options.maximumPins ?? pins)
        capacity = max(1, pins)
        combineLimit = min(manager.configuration.combineLimit, capacity)

        queue = RigidDeque(capacity: capacity)
        reads = Deque(minimumCapacity: maximumReads)
        statistics.distanceCapacity = capacity
        resetDistances()
    }

    @usableFromInline var isEmpty: Bool { count == 0 }

    func append(_ entry: consuming Entry) {
        queue.append(entry)
        count += 1
    }

    /// Callers must ensure that the queue is not empty.
    func removeFirst() -> Entry {
        count -= 1
        return queue.removeFirst()
    }

    func append(_ read: Read) {
        reads.append(read)
        readCount += 1
    }

    func removeOldestRead() -> Read? {
        guard let read = reads.popFirst() else { return nil }
        readCount -= 1
        return read
    }

    /// Sets whether the source has no more blocks. A function, because a variable visible to
    /// inlined code is guarded at run time at every use.
    @usableFromInline
    func setExhausted(_ value: Bool) { isExhausted = value }

    /// Whether the stream need not look ahead: nothing is pinned, pending or in flight, and the
    /// last pages were in the pool.
    @usableFromInline var isOnDemand: Bool {
        count == 0 && pendingCount == 0 && heldBlock == .invalid && readAheadDistance == 1
            && combineDistance == 1 && !isExhausted && !isPaused
    }

    /// Gives everything back and starts anew.
    func reset() {
        queue.removeAll()
        (count, readCount) = (0, 0)
        // An operation with IO in flight cannot serve another read; the IO goes on without it.
        reads.removeAll(keepingCapacity: true)
        pendingOperation = nil
        pendingCount = 0
        heldBlock = .invalid
        sequentialBlock = .invalid
        spare?.giveBack()
        (startFailure, readFailure, isRefused) = (nil, nil, false)
        (startNeed, need, hasWaited) = (nil, nil, false)
        (isExhausted, isPaused) = (false, false)
        resetDistances()
    }
}
