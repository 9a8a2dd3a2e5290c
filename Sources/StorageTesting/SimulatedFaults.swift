public import AsyncIO

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// What goes wrong with one simulated IO.
public enum SimulatedFault: Sendable, Hashable {
    /// It fails with that `errno` and moves nothing.
    case error(CInt)
    /// It moves that many bytes at most, and says so. Zero looks like the end of the file.
    case transfersAtMost(Int)
    /// It waits until other IOs had so many turns, each of which takes some 20 µs where a thread
    /// completes them.
    case delayed(turns: Int)
    /// It is interrupted that often and taken up again, as the kernel's EINTR and EAGAIN ask for;
    /// the layers above see nothing of it.
    case interrupted(times: Int)
}

/// A fault for the Nth of the IOs that fit.
public struct ScheduledFault: Sendable {
    /// The operation it is for.
    public var operation: IOOperation
    /// Which of the IOs that fit, counted from 1 in order of submission.
    public var occurrence: Int
    /// What goes wrong.
    public var fault: SimulatedFault
    /// Whether an IO fits, besides its operation. Must not use the method.
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

/// Who executes and completes simulated IOs.
public enum SimulatedCompletion: Sendable, Hashable {
    /// A thread of the method's own; waiters sleep, as under the worker method.
    case thread
    /// Whoever waits or polls, as under io_uring. In one thread, a seed then repeats exactly.
    case waiters
    /// Both, whoever comes first.
    case both
}

/// How a ``SimulatedMethod`` treats the IOs that it is given.
///
/// What happens to an IO depends on the seed and on how many were submitted before it, not on time.
/// At most one fault meets an IO: a scheduled one, else what ``decide`` says, else one drawn.
public struct SimulatedFaults: Sendable {
    /// Who completes IOs.
    public var completion = SimulatedCompletion.both
    /// How likely a transfer of several blocks ends early, after one or more whole ones.
    public var partialTransferProbability = 0.0
    /// How likely a transfer ends early after any number of bytes from 1.
    public var tornTransferProbability = 0.0
    /// How likely an IO fails.
    public var errorProbability = 0.0
    /// What it then fails with, one as likely as another.
    public var errorNumbers: [CInt] = [EIO]
    /// How likely an IO is interrupted and taken up again.
    public var interruptionProbability = 0.0
    /// How likely an IO waits for some turns of others.
    public var delayProbability = 0.0
    /// How many turns at most.
    public var maximumDelayTurns = 16
    /// How likely an IO is executed on a descriptor of the completer's own, as workers do it.
    public var reopenProbability = 0.0
    /// Faults for certain IOs.
    public var schedule: [ScheduledFault] = []
    /// Says what goes wrong with an IO when it is submitted; nil leaves it to chance.
    public var decide: (@Sendable (StagedIO) -> SimulatedFault?)?
    /// Called by whoever waits for an IO, each time before one is completed: what others do
    /// meanwhile, where all of them share a thread. It may use the engine, but must not need what
    /// the waiting call holds.
    public var whileWaiting: (@Sendable () -> Void)?

    /// Makes settings without any fault; IOs still complete later and out of order.
    public init() {}

    /// What correct code need not notice: delays, interruptions, other descriptors.
    public static var harmless: SimulatedFaults {
        var faults = SimulatedFaults()
        faults.interruptionProbability = 0.1
        faults.delayProbability = 0.2
        faults.reopenProbability = 0.3
        return faults
    }

    /// As ``harmless``, and transfers of several blocks often end early after whole blocks: what
    /// the buffer manager has to get over by itself.
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

/// What a ``SimulatedMethod`` has done since it started.
public struct SimulatedStatistics: Sendable, Hashable {
    /// IOs submitted.
    public var submitted = 0
    /// IOs completed.
    public var completed = 0
    /// Those of them that were not the oldest.
    public var outOfOrder = 0
    /// Those of them that another thread than the submitting one completed.
    public var completedElsewhere = 0
    /// IOs made to fail.
    public var errors = 0
    /// Transfers cut short.
    public var shortTransfers = 0
    /// Times that an IO was interrupted and taken up again.
    public var interruptions = 0
    /// IOs executed on another descriptor than the one they were started with.
    public var reopened = 0
}
