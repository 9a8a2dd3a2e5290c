internal import Threads

/// A thread for work without an asynchronous form, such as growing files. It has a session of its
/// own and does one thing after another.
package final class BlockingHelper: Sendable {
    package typealias Call = @Sendable (Session) -> Void

    private final class Calls: Sendable {
        let waiting = Lock<[Call]>([], rank: .helperCalls)
    }

    private let calls: Calls
    private let thread: ServiceThread

    /// Starts the thread.
    ///
    /// - Throws: `resourcesExhausted` if there is no session or thread left.
    package init(_ system: IOSystem) throws(StorageError) {
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
    package func call(_ call: @escaping Call) {
        calls.waiting.withLock { $0.append(call) }
        thread.ring()
    }

    /// Waits until all calls are done and the thread has ended.
    package func end() { thread.end() }

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
