internal import AsyncIO
internal import Threads

/// What an engine has for its asynchronous sessions, once there are any.
final class AsyncParts: Sendable {
    private struct State {
        var helper: BlockingHelper?
        var executor: RingExecutor?
        var openSessions = 0
    }

    private let state = Lock(State(), rank: .asynchronousParts)

    /// Counts a session, and starts what all sessions need, and the engine's own thread if this
    /// session needs it.
    func begin(_ system: IOSystem, needsThread: Bool) throws(StorageError) -> RingExecutor? {
        let result: Result<RingExecutor?, StorageError> = state.withLock { state in
            do throws(StorageError) {
                if state.helper == nil { state.helper = try BlockingHelper(system) }
                if needsThread, state.executor == nil { state.executor = try RingExecutor() }
                state.openSessions += 1
                return .success(needsThread ? state.executor : nil)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func sessionEnded() { state.withLock { $0.openSessions -= 1 } }

    /// Passes a call to the helper.
    func helper(_ call: @escaping BlockingHelper.Call) {
        guard let helper = state.withLock({ $0.helper }) else {
            preconditionFailure("an engine with asynchronous sessions has their helper")
        }
        helper.call(call)
    }

    /// Ends the threads if no open session needs them.
    func end() {
        let (helper, executor) = state.withLock { state -> (BlockingHelper?, RingExecutor?) in
            if state.openSessions > 0 { return (nil, nil) }
            defer { (state.helper, state.executor) = (nil, nil) }
            return (state.helper, state.executor)
        }
        helper?.end()
        try? executor?.shutdown()
    }

    deinit { end() }
}
