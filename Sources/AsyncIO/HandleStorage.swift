internal import Synchronization
internal import Threads

/// The memory of one handle. It lives as long as its ``IOSystem`` and serves IO after IO.
///
/// The owning session's thread writes everything up to `submitted`. From then to `completedShared`
/// the one completing thread writes `rawResult`, `distilled` and `lender`. Afterwards the owner
/// writes again. Each hand-over is a releasing store of ``state``, paired with an acquiring load in
/// the thread that continues. What snapshots show is kept in relaxed atomics: any thread may read
/// them at any time and then validates them by ``generation``.
@safe
struct HandleStorage: ~Copyable {
    /// How many callbacks one IO can carry.
    static let maximumCallbacks = 4

    /// The part that no snapshot reads; reset as a whole. It comes first because the thread
    /// sanitizer takes a change of it for a change of whatever stands at the handle's address.
    var definition = Definition()

    let index: UInt32
    let sessionIndex: UInt32
    /// The system that this memory belongs to; it outlives the handle.
    unowned(unsafe) let system: IOSystem

    private let stateWord = Atomic<UInt8>(HandleState.idle.rawValue)
    /// Rises when the handle is reclaimed, before the state becomes `idle`.
    let generation = Atomic<UInt64>(1)
    let waiters = WaitList()

    let operationWord = Atomic<UInt8>(0)
    let flagsWord = Atomic<UInt8>(0)
    let targetWord = Atomic<UInt8>(0)
    /// The issuing thread, or code outside the method, executes the IO, so the method cannot be
    /// asked.
    let isOutsideMethod = Atomic<Bool>(false)
    /// The generation of the IO that an ``OutsideIO`` may still complete; zero if there is none.
    let outsideGeneration = Atomic<UInt64>(0)
    /// Set when an IO on its session's memory was executed; its session sleeps on it.
    let outsideSignal = Atomic<UInt32>(0)
    let descriptor = Atomic<Int32>(-1)
    let offset = Atomic<Int64>(0)
    let length = Atomic<UInt64>(0)
    let targetWord0 = Atomic<UInt64>(0)
    let targetWord1 = Atomic<UInt64>(0)
    let targetWord2 = Atomic<UInt64>(0)
    let targetWord3 = Atomic<UInt64>(0)
    let rawResult = Atomic<Int32>(0)
    let distilledStatus = Atomic<UInt64>(0)
    let distilledValue = Atomic<Int32>(0)

    /// Neighbours on the session's in-flight list; touched by the owner only.
    var previousInFlight: UInt32 = WaitReference.invalidIndex
    var nextInFlight: UInt32 = WaitReference.invalidIndex

    /// Room for the vectors and the layers' data: `vectorCapacity` entries each, valid until the
    /// system is gone.
    let vectors: UnsafeMutablePointer<iovec>
    let data: UnsafeMutablePointer<UInt64>
    let vectorCapacity: Int

    /// The part of an IO's definition that only its owner and its completer touch.
    struct Definition {
        var callbacks = InlineArray<4, IOCallbackRegistration>(
            repeating: IOCallbackRegistration(id: .none, data: 0))
        var callbackCount = 0
        var vectorCount = 0
        var dataCount = 0
        /// The lender that wants the descriptor back once the kernel is done with it.
        var lender: (any DescriptorLender)?
        var lenderToken: UInt32 = 0
        /// Begins the IO when its batch is submitted, in the method's place.
        var begin: ((OutsideIO) -> Void)?
        /// Where the issuer learns the outcome; touched by the owner only.
        var report: IOReturn?
        var owner: ResourceOwner?

        mutating func reset() {
            callbackCount = 0
            vectorCount = 0
            dataCount = 0
            lender = nil
            begin = nil
            report = nil
            owner = nil
        }
    }

    init(index: UInt32, sessionIndex: UInt32, system: IOSystem, vectorCapacity: Int) {
        unsafe self.system = system
        self.index = index
        self.sessionIndex = sessionIndex
        self.vectorCapacity = vectorCapacity
        unsafe vectors = .allocate(capacity: vectorCapacity)
        unsafe data = .allocate(capacity: vectorCapacity)
        unsafe vectors.initialize(repeating: iovec(), count: vectorCapacity)
        unsafe data.initialize(repeating: 0, count: vectorCapacity)
    }

    deinit {
        unsafe vectors.deallocate()
        unsafe data.deallocate()
    }

    /// The state. Reading it makes visible everything that the state promises.
    var state: HandleState {
        HandleState(rawValue: stateWord.load(ordering: .acquiring)) ?? .idle
    }

    /// Makes everything written so far visible, then the state. Every state change goes through
    /// here.
    func updateState(to new: HandleState) {
        assert(
            new == .idle || new.rawValue == stateWord.load(ordering: .relaxed) + 1,
            "a handle's states follow one another")
        stateWord.store(new.rawValue, ordering: .releasing)
    }

    /// Returns whether the handle has moved on from the IO of `generation`, and the state that was
    /// read. The state is read first: its acquiring load keeps the generation from being older.
    func wasRecycled(since generation: UInt64) -> (recycled: Bool, state: HandleState) {
        let state = state
        return (self.generation.load(ordering: .acquiring) != generation, state)
    }

    var operation: IOOperation {
        IOOperation(rawValue: operationWord.load(ordering: .relaxed)) ?? .none
    }
    var flags: IOFlags { IOFlags(rawValue: flagsWord.load(ordering: .relaxed)) }
    var target: IOTargetID { IOTargetID(rawValue: targetWord.load(ordering: .relaxed)) }

    var targetData: IOTargetData {
        get {
            IOTargetData(
                targetWord0.load(ordering: .relaxed), targetWord1.load(ordering: .relaxed),
                targetWord2.load(ordering: .relaxed), targetWord3.load(ordering: .relaxed))
        }
        nonmutating set {
            targetWord0.store(newValue.word0, ordering: .relaxed)
            targetWord1.store(newValue.word1, ordering: .relaxed)
            targetWord2.store(newValue.word2, ordering: .relaxed)
            targetWord3.store(newValue.word3, ordering: .relaxed)
        }
    }

    var distilled: IOResult {
        get {
            IOResult(
                packedStatus: distilledStatus.load(ordering: .relaxed),
                value: distilledValue.load(ordering: .relaxed))
        }
        nonmutating set {
            distilledStatus.store(newValue.packedStatus, ordering: .relaxed)
            distilledValue.store(newValue.value, ordering: .relaxed)
        }
    }

    /// Clears the fields of the finished IO. Must run after the generation rose and the state
    /// became `idle`, so that a snapshot never takes the cleared fields for the old IO's.
    func resetVisible() {
        operationWord.store(0, ordering: .relaxed)
        flagsWord.store(0, ordering: .relaxed)
        targetWord.store(0, ordering: .relaxed)
        isOutsideMethod.store(false, ordering: .relaxed)
        descriptor.store(-1, ordering: .relaxed)
        rawResult.store(0, ordering: .relaxed)
        distilled = .unknown
    }
}

/// A pointer to one handle's memory; valid as long as the ``IOSystem`` is.
typealias HandlePointer = UnsafeMutablePointer<HandleStorage>
