internal import Synchronization

/// One wait of a task. It ends in exactly one of three ways.
///
/// | state | who moves it on |
/// |---|---|
/// | new | the task: to waiting; a cancellation: to cancelled |
/// | waiting | the awaited work: to done; a cancellation: to cancelled; both resume it |
/// | done, cancelled | none; final |
@safe
package final class TaskWait: @unchecked Sendable {
    private static let new: UInt8 = 0
    private static let waiting: UInt8 = 1
    private static let done: UInt8 = 2
    private static let cancelled: UInt8 = 3

    private let state = Atomic<UInt8>(TaskWait.new)
    /// The task writes it before it waits; the thread that resumes the task reads it.
    private var continuation: UnsafeContinuation<Void, Never>?
    /// Written before the state becomes done; the task reads it afterwards.
    private var error: StorageError?

    package init() {}

    /// Suspends the task until ``finish(_:)`` or its cancellation.
    ///
    /// - Parameters:
    ///   - start: starts what is waited for; not called if the task is cancelled already.
    ///   - cancelled: called if the task leaves before that is done.
    /// - Throws: `CancellationError`, or the error passed to `finish`.
    nonisolated(nonsending) package func wait(
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

    /// Waits like ``wait(start:cancelled:)``, even if the task is cancelled.
    nonisolated(nonsending) package func waitUncancelled(start: () -> Void) async {
        await unsafe withUnsafeContinuation { continuation in
            unsafe begin(continuation, start)
        }
    }

    private func begin(_ continuation: UnsafeContinuation<Void, Never>, _ start: () -> Void) {
        unsafe self.continuation = unsafe continuation
        if move(from: Self.new, to: Self.waiting) { start() } else { unsafe continuation.resume() }
    }

    /// Returns whether the task left while what it waited for was in progress.
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
    package var isCancelled: Bool { state.load(ordering: .acquiring) == Self.cancelled }

    /// Ends the wait and resumes the task. Returns false if the task has left. One thread may call
    /// it.
    @discardableResult
    package func finish(_ error: StorageError? = nil) -> Bool {
        self.error = error
        guard move(from: Self.waiting, to: Self.done) else { return false }
        unsafe continuation?.resume()
        return true
    }
}
