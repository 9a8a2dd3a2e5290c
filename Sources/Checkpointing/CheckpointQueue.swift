package import AsyncIO
internal import Synchronization
internal import Threads

/// Runs one checkpoint at a time, and assigns waiting requests to checkpoints.
///
/// Any checkpoint that begins after a request serves it. So all requests that come during one
/// checkpoint share the next. Any thread.
package final class CheckpointQueue: Sendable {
    private struct State {
        var isRunning = false
        /// The thread that steps a `SteppedCheckpoint`. Nothing on that thread may wait for it.
        var stepper: UInt?
        /// The number of the last checkpoint that began, counted from 1, and of the last one that
        /// ended.
        var begun: UInt64 = 0
        var ended: UInt64 = 0
        /// Why the last one failed.
        var failure: StorageError?
        var statistics = CheckpointStatistics()
    }

    private let state = Lock(State(), rank: .checkpointQueue)
    /// Rises, with a wake-up, when one ends or must hurry.
    private let signal = Atomic<UInt32>(0)
    private let hastens = Atomic<Bool>(false)

    package init() {}

    /// Who makes a checkpoint.
    package enum Turn {
        /// The caller makes the checkpoint, and ends it.
        case own
        /// Another one did.
        case served(StorageError?)
    }

    /// The totals so far.
    package var statistics: CheckpointStatistics { state.withLock { $0.statistics } }

    /// Returns when a checkpoint that began after this call has ended, or it is the caller's turn
    /// to make one. The caller must have no IO staged.
    ///
    /// - Throws: `misuse` if the caller would wait for itself.
    package func enter(_ pace: CheckpointPace) throws(StorageError) -> Turn {
        var needed: UInt64?
        while true {
            let seen = signal.load(ordering: .acquiring)
            let (turn, isStuck) = state.withLock { state -> (Turn?, Bool) in
                if needed == nil { state.statistics.requested += 1 }
                let number = needed ?? state.begun + 1
                needed = number
                if state.ended >= number {
                    state.statistics.joined += 1
                    return (.served(state.failure), false)
                }
                if state.isRunning { return (nil, state.stepper == OSThread.currentNumber) }
                begin(&state)
                return (.own, false)
            }
            if isStuck { throw Self.stepped }
            if let turn { return turn }
            if pace == .fastest { hasten() }
            park(signal, expected: seen)
        }
    }

    /// Takes the turn if it is free, for a caller that steps the checkpoint on this thread.
    package func tryEnter() -> Bool {
        state.withLock { state in
            if state.isRunning { return false }
            state.statistics.requested += 1
            begin(&state)
            state.stepper = OSThread.currentNumber
            return true
        }
    }

    private func begin(_ state: inout State) {
        state.isRunning = true
        state.begun += 1
        // A hurried request sees the checkpoint running first.
        hastens.store(false, ordering: .relaxed)
    }

    /// Ends the turn.
    package func leave(_ failure: StorageError?, _ change: (inout CheckpointStatistics) -> Void) {
        state.withLock { state in
            state.isRunning = false
            state.stepper = nil
            state.ended = state.begun
            state.failure = failure
            if failure == nil {
                state.statistics.completed += 1
            } else {
                state.statistics.failed += 1
            }
            change(&state.statistics)
        }
        wakeAll()
    }

    /// Ends the pauses of the running checkpoint.
    package func hasten() {
        if hastens.exchange(true, ordering: .acquiringAndReleasing) { return }
        wakeAll()
    }

    /// Sleeps that long, or until haste is wanted.
    ///
    /// - Returns: whether further pauses are allowed.
    package func pause(_ duration: Duration) -> Bool {
        let seen = signal.load(ordering: .acquiring)
        if hastens.load(ordering: .acquiring) { return false }
        park(signal, expected: seen, atMost: duration)
        return !hastens.load(ordering: .acquiring)
    }

    private func wakeAll() {
        signal.wrappingAdd(1, ordering: .releasing)
        wake(signal, count: .max)
    }

    /// A caller that waits for a checkpoint which its own thread is to step.
    package static let stepped = StorageError(
        .misuse, "a checkpoint is being made step by step on this thread",
        remedy: "Make its steps to the end, or drop it, before asking for another one.")
}
