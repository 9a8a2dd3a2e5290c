internal import Logging
internal import Synchronization
internal import Threads

/// A place from which IO is issued. It owns handles, stages and submits IO, and reclaims it.
///
/// Used by one thread at a time. It is not `Sendable`, so handing it to another thread gives it
/// away. Any thread may wait for its IO through a ``WaitReference``, even after the session became
/// idle or was closed. Mirrors PostgreSQL's `PgAioBackend`.
@safe
public final class Session {
    /// How many IOs can be staged before they are submitted.
    public static let batchLimit = 32

    /// The core it belongs to.
    public let system: IOSystem
    /// Its number, below ``IOConfiguration/maximumSessions``; reused once it is closed.
    public let index: Int
    // Behind computed properties: public variables of a class are guarded at run time.
    var hasClosed = false
    var hasBatch = false
    /// Whether ``close()`` has been called.
    public var isClosed: Bool { hasClosed }

    /// This session's handles, ``IOSystem/handlesPerSession`` of them.
    let handles: HandlePointer
    /// Positions of idle handles. The last in goes out first, since its memory is still cached.
    var idle: [Int]
    /// The handle that code is filling in.
    var handedOut: HandlePointer?
    /// IO that is staged and not yet submitted.
    var staged: [StagedIO] = []
    /// How many of them the method does not execute.
    var stagedElsewhere = 0
    /// First and last of the list of handles from submission to reclaim, oldest first.
    var firstInFlight = WaitReference.invalidIndex
    var lastInFlight = WaitReference.invalidIndex
    var inFlightCount = 0
    /// How many of the completions that ``counters`` has counted have been reclaimed.
    var reclaimedCount: UInt64
    /// Whether a batch is open.
    public var isInBatch: Bool { hasBatch }

    init(system: IOSystem, index: Int) {
        self.system = system
        self.index = index
        unsafe handles = system.handles + index * system.handlesPerSession
        // Earlier sessions with this number have reclaimed all of their IO.
        reclaimedCount = unsafe system.counters[index].completed.load(ordering: .relaxed)
        idle = Array((0..<system.handlesPerSession).reversed())
        staged.reserveCapacity(Self.batchLimit)
    }

    deinit { close() }

    var counters: UnsafeMutablePointer<SessionCounters> { unsafe system.counters + index }

    /// Submits what is staged, waits for everything in flight, and gives back the session's number.
    ///
    /// Other threads may still be waiting for its IO. Calling it again does nothing. A session
    /// without references closes by itself. Mirrors PostgreSQL's `pgaio_shutdown`.
    public func close() {
        if isClosed { return }
        insist(unsafe handedOut == nil, "a session is closed when its handle was given back")
        endScope(onError: false)
        while let oldest = unsafe oldestInFlight { unsafe waitAndReclaim(oldest) }
        hasClosed = true
        system.method.closeSession(index)
        system.giveBack(index)
    }

    /// Acquires a handle to define an IO with.
    ///
    /// Cheap while a handle is idle. Otherwise submits what is staged and waits for the oldest IO
    /// in flight. Mirrors PostgreSQL's `pgaio_io_acquire`.
    ///
    /// - Parameters:
    ///   - owner: the scope that releases the handle if it is still in use when the scope ends.
    ///   - report: receives the outcome once the session has waited for the IO.
    /// - Throws: `misuse` if another handle is handed out, `closed` after ``close()``.
    public func acquireHandle(owner: ResourceOwner? = nil, reporting report: IOReturn? = nil)
        throws(StorageError) -> IOHandle
    {
        while true {
            if let handle = try tryAcquireHandle(owner: owner, reporting: report) { return handle }
            waitForHandle()
        }
    }

    /// Acquires a handle if one is idle, without waiting. Mirrors PostgreSQL's
    /// `pgaio_io_acquire_nb`.
    ///
    /// - Throws: `misuse` if another handle is handed out, `closed` after ``close()``.
    public func tryAcquireHandle(owner: ResourceOwner? = nil, reporting report: IOReturn? = nil)
        throws(StorageError) -> IOHandle?
    {
        guard !isClosed else { throw StorageError(.closed, "session \(index) has been closed") }
        if staged.count >= Self.batchLimit { submitStaged() }
        guard unsafe handedOut == nil else {
            throw StorageError(
                .misuse, "only one IO can be handed out at a time",
                remedy: "Start or release the handle acquired before.")
        }
        guard let position = idle.popLast() else { return nil }
        let handle = unsafe handles + position
        unsafe handle.pointee.updateState(to: .handedOut)
        unsafe handedOut = unsafe handle
        unsafe handle.pointee.definition.owner = owner
        owner?.handleCount += 1
        report?.storedResult = .unknown
        unsafe handle.pointee.definition.report = report
        return unsafe IOHandle(handle, session: self)
    }

    func releaseHandedOut(_ handle: HandlePointer) {
        unsafe insist(handle == handedOut, "a handle is released by its own session")
        unsafe handedOut = nil
        unsafe reclaim(handle)
    }

    func handleWasDropped(_ handle: HandlePointer) {
        if let owner = unsafe handle.pointee.definition.owner {
            owner.droppedHandles += 1
        } else {
            unsafe warn("leaked AIO handle", handle)
        }
        unsafe releaseHandedOut(handle)
    }

    func warn(_ message: Logger.Message, _ handle: HandlePointer) {
        unsafe system.logger.warning(
            message, metadata: ["session": "\(index)", "handle": "\(handle.pointee.index)"])
    }
}
