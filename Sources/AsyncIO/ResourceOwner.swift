internal import Logging
internal import Synchronization

/// What a scope still holds of its session: handles, and the results it waits for.
///
/// When the scope ends, its IO continues, but nothing writes into the scope's ``IOReturn`` objects
/// any more. Pins and files need no owner: their types release themselves. Belongs to its session's
/// thread. Mirrors PostgreSQL's `ResourceOwner`.
public final class ResourceOwner {
    /// The session whose resources it holds.
    public let session: Session
    /// Handles that name this owner.
    var handleCount = 0
    /// Handles that were dropped neither started nor released. They are logged at the end.
    var droppedHandles = 0

    /// Makes an owner that holds nothing.
    public init(session: Session) { self.session = session }

    /// Releases everything, submitting what was left staged.
    ///
    /// Logs leaks unless the scope ends by an error. Mirrors PostgreSQL's
    /// `pgaio_io_release_resowner`.
    public func release(onError: Bool) {
        for _ in 0..<droppedHandles where !onError {
            session.system.logger.warning(
                "leaked AIO handle", metadata: ["session": "\(session.index)"])
        }
        droppedHandles = 0
        if handleCount == 0 { return }
        for position in 0..<session.system.handlesPerSession {
            let handle = unsafe session.handles + position
            if unsafe handle.pointee.definition.owner === self {
                unsafe release(handle, onError: onError)
            }
        }
        handleCount = 0
    }

    private func release(_ handle: HandlePointer, onError: Bool) {
        unsafe handle.pointee.definition.owner = nil
        // The scope's object is detached. What fails from here on is nobody's, and is logged.
        if unsafe handle.pointee.definition.report != nil {
            unsafe handle.pointee.definition.report = IOReturn()
        }
        switch unsafe handle.pointee.state {
        case .handedOut:
            // Code that still has the handle keeps it. It becomes idle when it is dropped or
            // released.
            if !onError { unsafe session.warn("leaked AIO handle", handle) }
        case .defined, .staged:
            if !onError { unsafe session.warn("AIO handle was not submitted", handle) }
            session.submitStaged()
        case .idle, .submitted, .completedIO, .completedShared, .completedLocal:
            break
        }
    }
}

extension Session {
    /// Runs `body` with an owner for what it acquires, and releases all of that at the end.
    ///
    /// A batch left open is submitted and closed. Leaks are logged unless `body` throws.
    public func withResourceOwner<Result, Failure>(
        _ body: (ResourceOwner) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let owner = ResourceOwner(session: self)
        do throws(Failure) {
            let result = try body(owner)
            owner.release(onError: false)
            endScope(onError: false)
            return result
        } catch {
            endScope(onError: true)
            owner.release(onError: true)
            throw error
        }
    }

    /// Submits and closes a batch that was left open. Logs it unless the scope ends by an error.
    /// Mirrors PostgreSQL's `AtEOXact_Aio` and `pgaio_error_cleanup`.
    public func endScope(onError: Bool) {
        if isInBatch {
            hasBatch = false
            submitStaged()
            if !onError {
                system.logger.warning(
                    "open AIO batch at end of scope", metadata: ["session": "\(index)"])
            }
        }
        assert(staged.isEmpty, "outside a batch nothing stays staged")
    }
}
