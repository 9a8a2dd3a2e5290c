internal import AsyncIO
internal import Synchronization

/// One wait of a task, which ends in exactly one of three ways.
///
/// | state | who moves it on |
/// |---|---|
/// | new | the task: to waiting; a cancellation: to cancelled |
/// | waiting | the awaited work: to done; a cancellation: to cancelled; both resume it |
/// | done, cancelled | nobody |
@safe
final class TaskWait: @unchecked Sendable {
    private static let new: UInt8 = 0
    private static let waiting: UInt8 = 1
    private static let done: UInt8 = 2
    private static let cancelled: UInt8 = 3

    private let state = Atomic<UInt8>(TaskWait.new)
    /// Written by the task before it waits, read by whoever resumes it.
    private var continuation: UnsafeContinuation<Void, Never>?
    /// Written before the state becomes done, read by the task afterwards.
    private var error: StorageError?

    /// Suspends the task until ``finish(_:)`` or its cancellation.
    ///
    /// - Parameters:
    ///   - start: has somebody do what is waited for; not called if the task is cancelled already.
    ///   - cancelled: called when the task leaves before that is done.
    /// - Throws: `CancellationError`, or what `finish` was given.
    nonisolated(nonsending) func wait(
        start: () -> Void, cancelled: @escaping @Sendable () -> Void = {}
    ) async throws {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                unsafe begin(continuation, start)
            }
        } onCancel: {
            if leave() { cancelled() }
        }
        if isCancelled { throw CancellationError() }
        if let error { throw error }
    }

    /// As ``wait(start:cancelled:)``, for what is waited for even by a cancelled task.
    nonisolated(nonsending) func waitUncancelled(start: () -> Void) async {
        await unsafe withUnsafeContinuation { continuation in
            unsafe begin(continuation, start)
        }
    }

    private func begin(_ continuation: UnsafeContinuation<Void, Never>, _ start: () -> Void) {
        unsafe self.continuation = unsafe continuation
        if move(from: Self.new, to: Self.waiting) { start() } else { unsafe continuation.resume() }
    }

    /// Whether the task left while somebody was doing what it waited for.
    private func leave() -> Bool {
        if move(from: Self.new, to: Self.cancelled) { return false }
        guard move(from: Self.waiting, to: Self.cancelled) else { return false }
        unsafe continuation?.resume()
        return true
    }

    private func move(from old: UInt8, to new: UInt8) -> Bool {
        state.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing)
            .exchanged
    }

    /// Whether the task has left.
    var isCancelled: Bool { state.load(ordering: .acquiring) == Self.cancelled }

    /// Ends the wait and resumes the task; false if the task has left. By one thread.
    @discardableResult
    func finish(_ error: StorageError? = nil) -> Bool {
        self.error = error
        guard move(from: Self.waiting, to: Self.done) else { return false }
        unsafe continuation?.resume()
        return true
    }
}
