internal import AsyncIO
internal import Threads

/// A thread of an engine for work without an asynchronous form: growing files, and writing dirty
/// pages whose buffers are needed. It has a session of its own and does one thing after another.
final class BlockingHelper: Sendable {
    typealias Call = @Sendable (Session) -> Void

    private final class Calls: Sendable {
        let waiting = Lock<[Call]>([], rank: .helperCalls)
    }

    private let calls: Calls
    private let thread: ServiceThread

    init(_ system: IOSystem) throws(StorageError) {
        let calls = Calls()
        // Handed to the thread, which alone uses it from then on.
        nonisolated(unsafe) let session = try system.makeSession()
        let thread = ServiceThread.start { Self.run($0, calls, unsafe session) }
        guard let thread else {
            unsafe session.close()
            throw StorageError(
                .resourcesExhausted, "the thread of the asynchronous sessions could not be started",
                remedy: "Raise the limit on the process's threads.")
        }
        (self.calls, self.thread) = (calls, thread)
    }

    /// Queues a call. Any thread.
    func call(_ call: @escaping Call) {
        calls.waiting.withLock { $0.append(call) }
        thread.ring()
    }

    /// Waits until all calls are done and the thread has ended.
    func end() { thread.end() }

    private static func run(_ thread: ServiceThread, _ calls: Calls, _ session: Session) {
        while true {
            let (seen, isEnding) = (thread.rings, thread.isEnding)
            let taken = calls.waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for call in taken { call(session) }
            if !taken.isEmpty { continue }
            if isEnding { break }
            thread.sleep(since: seen)
        }
        session.close()
    }
}

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
