internal import Synchronization

/// Results that several threads make, taken by one thread in the order of their numbers.
///
/// Each number belongs to one thread, which gives one or more results for it. A result that is
/// ready ahead of its turn waits. A thread that is too far ahead waits too, so that memory is
/// bounded. Each thread must do its numbers in ascending order, and finish each unless
/// ``stop()`` was called.
package final class OrderedResults<Result: Sendable>: Sendable {
    /// How many numbers there are.
    private let count: Int
    /// How many numbers may be ahead of the one whose turn it is.
    private let window: Int
    private let state = Lock(State(), rank: .parallelScan)
    /// Where the thread that takes results waits for them.
    private let results = WaitingPlace()
    /// Where the threads that make results wait for their turn.
    private let turns = WaitingPlace()

    /// Changes of the state that threads wait for.
    private final class WaitingPlace: Sendable {
        let changes = Atomic<UInt32>(0)
        /// How many threads wait, or are about to. Waking costs a system call, so it is done only
        /// for them. A thread counts itself under the lock of the state, once it has seen there
        /// that it must wait.
        let waiters = Atomic<Int>(0)
    }

    private struct State {
        /// The number whose results are being taken.
        var turn = 0
        /// The results that wait, by number. More may follow until the number is finished.
        var waiting: [Int: [Result]] = [:]
        var finished: Set<Int> = []
        var isStopped = false
    }

    /// Makes one for the numbers from 0 to `count` − 1.
    package init(count: Int, window: Int) {
        self.count = count
        self.window = window
    }

    /// Waits until a number may be begun. Returns false if nobody wants it any more.
    package func begin(_ number: Int) -> Bool {
        wait(turns) { state in
            if state.isStopped { return false }
            return number < state.turn + window ? true : nil
        }
    }

    /// Gives a number's last result.
    package func finish(_ number: Int, with result: Result) {
        state.withLock { state in
            state.waiting[number, default: []].append(result)
            state.finished.insert(number)
        }
        announce(results)
    }

    /// Gives a result of a number before its last one. Waits for its turn, and while two others
    /// wait. Returns false if nobody wants it any more.
    package func give(_ number: Int, _ result: Result) -> Bool {
        let isGiven = wait(turns) { state in
            if state.isStopped { return false }
            guard state.turn == number, (state.waiting[number]?.count ?? 0) < 2 else { return nil }
            state.waiting[number, default: []].append(result)
            return true
        }
        if isGiven { announce(results) }
        return isGiven
    }

    /// Takes the next result; waits for it. Returns nil once all were taken.
    ///
    /// - Parameters:
    ///   - pause: how often to call `meanwhile` during the wait; nil for never.
    ///   - meanwhile: what to do while there is no result.
    package func next(
        every pause: Duration? = nil, meanwhile: () -> Void = {}
    ) -> Result? {
        let (result, hasTurned): (Result?, Bool) = wait(results, pause, meanwhile) {
            [count] state in
            var hasTurned = false
            while state.turn < count {
                if var results = state.waiting[state.turn], !results.isEmpty {
                    let first = results.removeFirst()
                    state.waiting[state.turn] = results
                    return (first, true)
                }
                guard state.finished.remove(state.turn) != nil else { break }
                state.waiting[state.turn] = nil
                state.turn += 1
                hasTurned = true
            }
            if state.turn == count { return (nil, hasTurned) }
            return hasTurned ? (nil, true) : nil
        }
        if hasTurned { announce(turns) }
        if let result { return result }
        return state.withLock { $0.turn == count } ? nil : next(every: pause, meanwhile: meanwhile)
    }

    /// Says that no more results will be taken. Any thread.
    package func stop() {
        state.withLock { $0.isStopped = true }
        announce(turns)
    }

    /// Waits until `body` returns a value.
    private func wait<Value: Sendable>(
        _ place: WaitingPlace, _ pause: Duration? = nil, _ meanwhile: () -> Void = {},
        _ body: (inout sending State) -> sending Value?
    ) -> Value {
        while true {
            var seen: UInt32 = 0
            let value = state.withLock { state in
                if let value = body(&state) { return value as Value? }
                // A change after this has another number, and finds the waiter.
                seen = place.changes.load(ordering: .relaxed)
                place.waiters.add(1, ordering: .relaxed)
                return nil
            }
            if let value { return value }
            if let pause {
                park(place.changes, expected: seen, atMost: pause)
            } else {
                park(place.changes, expected: seen)
            }
            place.waiters.subtract(1, ordering: .relaxed)
            if pause != nil, place.changes.load(ordering: .relaxed) == seen { meanwhile() }
        }
    }

    /// Wakes the threads that wait for a change which was made under the lock.
    private func announce(_ place: WaitingPlace) {
        if place.waiters.load(ordering: .relaxed) == 0 { return }
        place.changes.add(1, ordering: .releasing)
        wake(place.changes, count: .max)
    }
}
