internal import Synchronization
public import Threads

/// One IO that code outside the method executes: the client of a remote store, a pool of threads, a
/// file system in user space.
///
/// ``IOHandle/startElsewhere(_:at:_:)`` gives it to the code that begins the IO, which may copy it,
/// keep it and hand it to any thread. The IO is in flight until a thread calls
/// ``complete(result:)``; afterwards the other properties mean nothing. The value keeps its
/// ``IOSystem`` alive, so a late call is harmless. Each call takes constant time plus the callbacks
/// it runs.
@safe
public struct OutsideIO: Sendable {
    private let system: IOSystem
    private let io: StagedIO
    /// The generation, which tells this IO from the handle's others.
    public let generation: UInt64

    init(_ handle: HandlePointer) {
        unsafe system = handle.pointee.system
        unsafe io = StagedIO(handle)
        generation = io.generation
    }

    /// The handle's number. It is below ``IOSystem/handleCapacity``, and no other IO has it until
    /// this one is complete. An executor can index a table of its own by it.
    public var id: Int { io.id }
    /// The issuing session's number.
    public var sessionIndex: Int { io.sessionIndex }
    /// What it does.
    public var operation: IOOperation { io.operation }
    /// Its flags.
    public var flags: IOFlags { io.flags }
    /// The first byte's position, as given at the start.
    public var offset: Int64 { io.offset }
    /// How many bytes its vectors hold.
    public var length: Int { io.length }

    /// The memory it reads into or writes from, valid until it is complete.
    @unsafe
    public var vectors: UnsafeBufferPointer<iovec> { unsafe io.vectors }

    /// Reports the outcome: runs the callbacks on the calling thread and wakes the waiters.
    ///
    /// Any thread may call it, including the code that begins the IO. Everything the caller wrote
    /// into the IO's memory before is visible to the threads that learn of the completion. If the
    /// IO uses memory of its session (``IOFlags/referencesLocal``), the callbacks run on the
    /// session's thread instead.
    ///
    /// - Parameter result: bytes moved, or a negated `errno`.
    /// - Returns: true for the first call; a later one does nothing and returns false.
    @discardableResult
    public func complete(result: Int) -> Bool {
        unsafe system.completeOutside(io.handle, generation: generation, result: result)
    }
}

extension IOSystem {
    /// The greatest `errno` of the kernel.
    private static let greatestErrorNumber = 4095

    /// Completes an IO. Only the first call for its generation counts.
    ///
    /// The exchange pairs with the releasing store of `Session.beginElsewhere`, so it acquires
    /// everything that the session wrote before. A later call finds zero, or the generation of a
    /// later IO.
    func completeOutside(_ handle: HandlePointer, generation: UInt64, result: Int) -> Bool {
        let isFirst = unsafe handle.pointee.outsideGeneration.compareExchange(
            expected: generation, desired: 0, ordering: .acquiringAndReleasing
        ).exchanged
        guard isFirst else { return false }
        // Clamps a number that is no `errno`, so that it can be negated.
        let result = max(result, -Self.greatestErrorNumber)
        if unsafe handle.pointee.flags.contains(.referencesLocal) {
            unsafe handle.pointee.rawResult.store(Int32(clamping: result), ordering: .relaxed)
            // Releases the result and the IO's memory to ``waitOutside(_:)``.
            unsafe handle.pointee.outsideSignal.store(1, ordering: .releasing)
            unsafe wake(handle.pointee.outsideSignal, count: 1)
        } else {
            unsafe markExecuted(handle, result: result)
            unsafe finish(handle)
        }
        return true
    }

    /// Sleeps until an IO on its session's memory was executed, then completes it. Runs on the
    /// session's thread. The acquiring load pairs with the releasing store above.
    func waitOutside(_ handle: HandlePointer) {
        noteBlocking()
        while unsafe handle.pointee.outsideSignal.load(ordering: .acquiring) == 0 {
            unsafe park(handle.pointee.outsideSignal, expected: 0)
        }
        let result = unsafe Int(handle.pointee.rawResult.load(ordering: .relaxed))
        unsafe markExecuted(handle, result: result)
        unsafe finish(handle)
    }
}
