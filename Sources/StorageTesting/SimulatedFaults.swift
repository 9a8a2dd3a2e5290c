public import AsyncIO
internal import Threads

/// A fault of one simulated IO.
public enum SimulatedFault: Sendable, Hashable {
    /// The IO fails with that `errno` and moves nothing.
    case error(CInt)
    /// The IO moves at most that many bytes and reports so. Zero looks like the end of the file.
    case transfersAtMost(Int)
    /// The IO waits until other IOs had so many turns, each of about 20 µs where a thread completes
    /// them.
    case delayed(turns: Int)
    /// The IO is interrupted that often and resumed, as the kernel's EINTR and EAGAIN require. The
    /// layers above see nothing of it.
    case interrupted(times: Int)
}

/// A fault for the Nth matching IO.
public struct ScheduledFault: Sendable {
    /// The operation to match.
    public var operation: IOOperation
    /// Which matching IO, counted from 1 in order of submission.
    public var occurrence: Int
    /// The fault.
    public var fault: SimulatedFault
    /// An additional condition to match. Must not use the method.
    public var condition: @Sendable (StagedIO) -> Bool

    /// Plans a fault.
    public init(
        _ fault: SimulatedFault, on operation: IOOperation, occurrence: Int = 1,
        where condition: @escaping @Sendable (StagedIO) -> Bool = { _ in true }
    ) {
        self.operation = operation
        self.occurrence = occurrence
        self.fault = fault
        self.condition = condition
    }
}

/// Which threads execute and complete simulated IOs.
public enum SimulatedCompletion: Sendable, Hashable {
    /// A thread of the method's own; waiters sleep, as under the worker method.
    case thread
    /// Threads that wait or poll, as under io_uring. In one thread, a seed repeats a run exactly.
    case waiters
    /// Both, whichever comes first.
    case both
}

/// How a ``SimulatedMethod`` treats its IOs.
///
/// An IO's treatment depends on the seed and on how many were submitted before it, not on time. An
/// IO has at most one fault: a scheduled one, else the result of ``decide``, else a drawn one.
public struct SimulatedFaults: Sendable {
    /// Which threads complete IOs.
    public var completion = SimulatedCompletion.both
    /// The probability that a transfer of several blocks ends early, after one or more whole ones.
    public var partialTransferProbability = 0.0
    /// The probability that a transfer ends early after any number of bytes from 1.
    public var tornTransferProbability = 0.0
    /// The probability that an IO fails.
    public var errorProbability = 0.0
    /// The errors to choose from, each equally likely.
    public var errorNumbers: [CInt] = [EIO]
    /// The probability that an IO is interrupted and resumed.
    public var interruptionProbability = 0.0
    /// The probability that an IO waits for some turns of others.
    public var delayProbability = 0.0
    /// The most turns to wait.
    public var maximumDelayTurns = 16
    /// The probability that an IO is executed on a descriptor of the completer's own, as workers
    /// do.
    public var reopenProbability = 0.0
    /// Faults for certain IOs.
    public var schedule: [ScheduledFault] = []
    /// Returns the fault of an IO when it is submitted; nil leaves it to chance.
    public var decide: (@Sendable (StagedIO) -> SimulatedFault?)?
    /// Called while waiting for an IO, each time before one is completed: the work of others, if
    /// all share a thread. It may use the engine, but must not need what the waiting call holds.
    public var whileWaiting: (@Sendable () -> Void)?

    /// Makes settings without faults. IOs still complete later and out of order.
    public init() {}

    /// Faults that correct code need not notice: delays, interruptions, other descriptors.
    public static var harmless: SimulatedFaults {
        var faults = SimulatedFaults()
        faults.interruptionProbability = 0.1
        faults.delayProbability = 0.2
        faults.reopenProbability = 0.3
        return faults
    }

    /// ``harmless`` faults, and transfers of several blocks that often end early after whole
    /// blocks, which the buffer manager must handle.
    public static var partialTransfers: SimulatedFaults {
        var faults = harmless
        faults.partialTransferProbability = 0.3
        return faults
    }

    /// The size that transfers are cut to.
    static var blockSize: Int { 8192 }

    func draw(for io: StagedIO, from random: inout SplitMix64) -> SimulatedFault? {
        if let fault = decide?(io) { return fault }
        if random.chance(errorProbability), !errorNumbers.isEmpty {
            return .error(errorNumbers[random.below(errorNumbers.count)])
        }
        let moves = io.operation == .read || io.operation == .write
        let blocks = io.length / Self.blockSize
        if random.chance(partialTransferProbability), moves, blocks > 1 {
            return .transfersAtMost((1 + random.below(blocks - 1)) * Self.blockSize)
        }
        if random.chance(tornTransferProbability), moves, io.length > 1 {
            return .transfersAtMost(1 + random.below(io.length - 1))
        }
        if random.chance(delayProbability), maximumDelayTurns > 0 {
            return .delayed(turns: 1 + random.below(maximumDelayTurns))
        }
        if random.chance(interruptionProbability) {
            return .interrupted(times: 1 + random.below(3))
        }
        return nil
    }
}

/// A ``SimulatedMethod``'s counters since it started.
public struct SimulatedStatistics: Sendable, Hashable {
    /// IOs submitted.
    public var submitted = 0
    /// IOs completed.
    public var completed = 0
    /// Completed IOs that were not the oldest.
    public var outOfOrder = 0
    /// IOs completed by a thread other than the submitting one.
    public var completedElsewhere = 0
    /// IOs made to fail.
    public var errors = 0
    /// Transfers cut short.
    public var shortTransfers = 0
    /// How often IOs were interrupted and resumed.
    public var interruptions = 0
    /// IOs executed on a descriptor other than the one they were started with.
    public var reopened = 0
}
