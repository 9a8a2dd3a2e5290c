package import AsyncIO
internal import Synchronization
internal import Threads

/// The changes of a store's catalog that threads ask for. Those that wait at the same time can
/// share one durable step.
///
/// One thread at a time leads. It makes the changes of all that wait, in the order in which they
/// came. The others sleep: they are in calls that block, never in tasks. Who came first while the
/// leader was at work leads the next step.
///
/// | state of a change | |
/// |---|---|
/// | waiting | its thread sleeps, or is about to |
/// | leading | its thread is to lead |
/// | done | the outcome is known |
///
/// Any thread. `State` is what the owner keeps in memory besides the catalog.
package final class CatalogChanges<State>: Sendable {
    /// A change of one thread. The thread that leads calls its closures while the other one sleeps,
    /// so each has them for itself.
    package final class Change: @unchecked Sendable {
        fileprivate let isShareable: Bool
        /// Nil once it is done: what the closures hold belongs to the change's thread again.
        private var work: Work?
        /// Why it was not made. Written by the thread that leads before ``turn`` is released, and
        /// read after that was acquired.
        fileprivate private(set) var failure: StorageError?
        fileprivate let turn = Atomic<UInt32>(Change.waiting)

        private struct Work {
            let change: (inout Catalog) throws(StorageError) -> Void
            let whenDurable: () -> Void
            let publish: (inout State) -> Void
        }

        fileprivate static var waiting: UInt32 { 0 }
        fileprivate static var leading: UInt32 { 1 }
        fileprivate static var done: UInt32 { 2 }

        /// - Parameters:
        ///   - isShareable: whether it may be made in one step with others. Its `change` must then
        ///     know nothing of the catalog but what it is given, since the owner's state lags
        ///     behind earlier changes of the step.
        ///   - change: makes the change. If it throws, everything stays as it was.
        ///   - whenDurable: puts in place what the new catalog counts.
        ///   - publish: changes what is in memory, at the moment when the new catalog takes effect.
        package init(
            isShareable: Bool,
            change: @escaping (inout Catalog) throws(StorageError) -> Void,
            whenDurable: @escaping () -> Void, publish: @escaping (inout State) -> Void
        ) {
            self.isShareable = isShareable
            work = Work(change: change, whenDurable: whenDurable, publish: publish)
        }

        /// Changes the catalog, or notes why that cannot be.
        fileprivate func make(in catalog: inout Catalog) {
            var changed = catalog
            do throws(StorageError) { try work?.change(&changed) } catch { return fail(error) }
            catalog = changed
        }

        /// Notes a failure of the step, unless the change failed by itself.
        fileprivate func fail(_ error: StorageError) { failure = failure ?? error }

        fileprivate func putInPlace() { work?.whenDurable() }

        fileprivate func show(in state: inout State) { work?.publish(&state) }

        /// Returns once the change is done, or its thread has to lead.
        fileprivate func waitForTurn() -> UInt32 {
            while true {
                let now = turn.load(ordering: .acquiring)
                if now != Self.waiting { return now }
                park(turn, expected: Self.waiting)
            }
        }

        fileprivate func take(_ turn: UInt32) {
            if turn == Self.done { work = nil }
            self.turn.store(turn, ordering: .releasing)
            wake(self.turn, count: 1)
        }
    }

    /// The changes of one durable step, for the thread that leads.
    package struct Step {
        fileprivate let changes: [Change]
        /// Those that have not failed.
        private var made: [Change] { changes.filter { $0.failure == nil } }

        /// Makes the changes in order.
        ///
        /// - Returns: false if none could be made, so that there is nothing to write.
        package func make(in catalog: inout Catalog) -> Bool {
            for change in changes { change.make(in: &catalog) }
            return !made.isEmpty
        }

        /// The step has failed, and with it all of its changes.
        package func fail(_ error: StorageError) { for change in changes { change.fail(error) } }

        /// Puts in place what the new catalog counts, once that is durable.
        package func putInPlace() { for change in made { change.putInPlace() } }

        /// Changes what is in memory, at the moment when the new catalog takes effect.
        package func show(in state: inout State) { for change in made { change.show(in: &state) } }
    }

    private struct Queue {
        var changes: [Change] = []
        var isLed = false
    }

    private let queue = Lock(Queue(), rank: .catalogQueue)

    package init() {}

    /// How many changes wait or are about to be made.
    package var waitingCount: Int { queue.withLock { $0.changes.count } }

    /// Makes a change, perhaps with others, and returns when it is durable. The caller must have no
    /// IO staged.
    ///
    /// - Parameter lead: makes a step, on this thread; not called if another thread leads. It calls
    ///   `take` once, as late as possible, for the changes to make.
    /// - Throws: why the change was not made: its own failure, or that of the step.
    package func make(
        _ change: Change, lead: (_ take: () -> Step) -> Void
    ) throws(StorageError) {
        LockOrder.willWait(for: .catalogChange)
        let isFirst = queue.withLock { queue in
            queue.changes.append(change)
            defer { queue.isLed = true }
            return !queue.isLed
        }
        if isFirst || change.waitForTurn() == Change.leading {
            var step = Step(changes: [])
            lead {
                step = Step(changes: takeStep())
                return step
            }
            end(step)
        }
        if let failure = change.failure { throw failure }
    }

    /// The next changes that can be made in one step. The first of all leads.
    private func takeStep() -> [Change] {
        queue.withLock { queue in
            let shareable = queue.changes.prefix { $0.isShareable }.count
            let count = max(1, shareable)
            defer { queue.changes.removeFirst(count) }
            return Array(queue.changes.prefix(count))
        }
    }

    /// Hands the lead on, and tells the others that their changes are done.
    private func end(_ step: Step) {
        let next = queue.withLock { queue in
            queue.isLed = !queue.changes.isEmpty
            return queue.changes.first
        }
        next?.take(Change.leading)
        for change in step.changes { change.take(Change.done) }
    }
}
