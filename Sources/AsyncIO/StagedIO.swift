internal import Synchronization
public import Threads

/// One staged or submitted IO as an ``IOMethod`` sees it.
///
/// A method owns an IO from ``prepareSubmit()`` on the submitting thread until exactly one thread
/// calls ``complete(result:)``. The type copies trivially, so methods can queue it. After
/// completion only its ``id`` means anything.
@safe
public struct StagedIO: @unchecked Sendable {
    /// Valid as long as the system, which outlives its method.
    let handle: HandlePointer

    init(_ handle: HandlePointer) { unsafe self.handle = unsafe handle }

    private var system: IOSystem { unsafe handle.pointee.system }

    /// The handle's number. It is below ``IOSystem/handleCapacity``, and the same for all IOs of
    /// the handle.
    public var id: Int { unsafe Int(handle.pointee.index) }
    /// The issuing session's number.
    public var sessionIndex: Int { unsafe Int(handle.pointee.sessionIndex) }
    /// The generation, which tells this IO from the handle's next one.
    public var generation: UInt64 { unsafe handle.pointee.generation.load(ordering: .acquiring) }
    /// Where it stands.
    public var state: HandleState { unsafe handle.pointee.state }
    /// What it does.
    public var operation: IOOperation { unsafe handle.pointee.operation }
    /// Its flags.
    public var flags: IOFlags { unsafe handle.pointee.flags }
    /// The kernel descriptor it is on.
    public var descriptor: CInt { unsafe handle.pointee.descriptor.load(ordering: .relaxed) }
    /// The first byte's position in the file.
    public var offset: Int64 { unsafe handle.pointee.offset.load(ordering: .relaxed) }
    /// How many bytes it moves in all.
    public var length: Int { unsafe Int(handle.pointee.length.load(ordering: .relaxed)) }

    /// The memory it reads into or writes from, valid until it has completed.
    @unsafe
    public var vectors: UnsafeBufferPointer<iovec> {
        unsafe UnsafeBufferPointer(
            start: handle.pointee.vectors, count: handle.pointee.definition.vectorCount)
    }

    /// Whether a worker could make its own descriptor for it.
    public var canReopen: Bool {
        unsafe system.target(handle.pointee.target)?.canReopen ?? false
    }

    /// Whether the IO of `generation` is over and its handle serves another one.
    public func wasRecycled(since generation: UInt64) -> Bool {
        unsafe handle.pointee.wasRecycled(since: generation).recycled
    }

    /// Moves the IO to `submitted` and onto its session's in-flight list.
    ///
    /// Call it on the submitting thread, once, before the kernel or another thread can see the IO.
    /// Mirrors PostgreSQL's `pgaio_io_prepare_submit`.
    public func prepareSubmit() {
        unsafe handle.pointee.updateState(to: .submitted)
    }

    /// Whether a thread outside the method's own means executes the IO, so the method does not know
    /// of it.
    var isOutsideMethod: Bool { unsafe handle.pointee.isOutsideMethod.load(ordering: .relaxed) }

    /// Makes waiters wait for the completion alone, without asking the method: for IO that is
    /// completed outside of what ``IOMethod/waitOne(_:generation:)`` and its relatives know of.
    /// Call it on the submitting thread, before ``prepareSubmit()``.
    public func leaveMethod() {
        unsafe handle.pointee.isOutsideMethod.store(true, ordering: .relaxed)
    }

    /// Asks the target for a descriptor of the calling thread's own, and uses that from here on.
    ///
    /// - Returns: zero, or a negated `errno`. In the latter case the caller completes the IO with
    ///   it.
    public func reopen() -> CInt {
        guard let target = unsafe system.target(handle.pointee.target) else { return -EBADF }
        let descriptor = unsafe target.reopen(IOView(handle))
        if descriptor < 0 { return descriptor }
        unsafe handle.pointee.descriptor.store(descriptor, ordering: .relaxed)
        return 0
    }

    /// Executes the IO on the calling thread, repeating it after `EINTR`.
    ///
    /// - Returns: bytes moved, or a negated `errno`. Mirrors PostgreSQL's
    ///   `pgaio_io_perform_synchronously`.
    public func execute() -> Int {
        system.noteBlocking()
        if let device = unsafe handle.pointee.system.device {
            device.execute(byteCount: length)
        }
        if let executor = unsafe handle.pointee.system.configuration.executor {
            return executor.execute(self)
        }
        return SystemCalls.execute(self)
    }

    /// Reports the outcome: runs the callbacks and wakes the waiters.
    ///
    /// On any thread, once. Mirrors PostgreSQL's `pgaio_io_process_completion`.
    ///
    /// - Parameter result: bytes moved, or a negated `errno`.
    public func complete(result: Int) {
        markExecuted(result: result)
        finish()
    }

    /// The first half of ``complete(result:)``. From here on no thread asks the method for this IO.
    ///
    /// For methods that take several completions under a lock and run their callbacks outside it.
    public func markExecuted(result: Int) {
        unsafe system.markExecuted(handle, result: result)
    }

    /// The second half of ``complete(result:)``: runs the callbacks and wakes the waiters.
    public func finish() {
        unsafe system.finish(handle)
    }
}
