internal import DequeModule
internal import Threads

/// The IO of one purpose that a session has in flight. It is started and finished in the same
/// order, up to a limit at a time.
///
/// Belongs to its session's thread. Its owner calls ``drain()`` before it gives up memory that the
/// IO uses.
package struct IOWindow<Purpose> {
    /// An IO that has ended, or could not be started.
    package struct Ended {
        /// The value that its start returned.
        package let purpose: Purpose
        /// Its outcome; unknown if it was not started.
        package let report: IOReturn
        /// Why it could not be waited for. It has ended all the same.
        package let failure: StorageError?
    }

    private struct Flight {
        let purpose: Purpose
        let report: IOReturn
        let reference: WaitReference
    }

    private let session: Session
    private let limit: Int
    private var flights = Deque<Flight>()

    /// Makes an empty window.
    ///
    /// - Parameter limit: the most IOs in flight, at least 1.
    package init(_ session: Session, limit: Int = .max) {
        insist(limit >= 1, "a window lets at least one IO through")
        self.session = session
        self.limit = limit
    }

    /// Whether nothing is in flight.
    package var isEmpty: Bool { flights.isEmpty }
    /// Whether the oldest must be finished before another one may start.
    package var isFull: Bool { flights.count >= limit }

    /// Starts an IO. Callers must ensure that the window is not full.
    ///
    /// Acquires a handle, which may wait for the session's oldest IO.
    ///
    /// - Parameter start: defines and starts the IO, and returns a value to keep until it has
    ///   ended. Releases the handle if it throws.
    /// - Throws: what acquiring a handle or `start` throws; nothing is added then.
    package mutating func start(
        _ start: (consuming IOHandle) throws(StorageError) -> Purpose
    ) throws(StorageError) {
        insist(!isFull, "a window's owner finishes the oldest IO first")
        let report = IOReturn()
        let handle = try session.acquireHandle(reporting: report)
        let reference = handle.waitReference
        let purpose = try start(handle)
        flights.append(Flight(purpose: purpose, report: report, reference: reference))
    }

    /// Adds an IO that could not be started, in its place; it ends with an unknown outcome.
    package mutating func add(unstarted purpose: Purpose) {
        flights.append(
            Flight(purpose: purpose, report: IOReturn(), reference: WaitReference()))
    }

    /// Waits for the oldest IO and removes it; nil if there is none. Submits what is staged.
    package mutating func finishOldest() -> Ended? {
        guard let oldest = flights.popFirst() else { return nil }
        var failure: StorageError?
        do throws(StorageError) {
            try session.wait(for: oldest.reference)
        } catch {
            failure = error
            // It may still use its starter's memory.
            _ = try? session.system.wait(for: oldest.reference)
        }
        return Ended(purpose: oldest.purpose, report: oldest.report, failure: failure)
    }

    /// Waits for all IO in flight.
    package mutating func drain() {
        while finishOldest() != nil {}
    }
}
