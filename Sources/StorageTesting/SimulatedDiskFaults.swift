internal import Threads

/// The system calls of a ``SimulatedDisk``; started IO counts as the call that executes it.
public enum SimulatedCall: UInt8, Sendable, Hashable, CaseIterable {
    /// Opening a file or directory, possibly creating it.
    case open
    /// Reading.
    case read
    /// Writing.
    case write
    /// Making a file or directory durable.
    case sync
    /// Setting a file's length.
    case truncate
    /// Reserving space.
    case allocate
    /// Renaming a file.
    case rename
    /// Removing a file.
    case unlink
    /// Making a directory.
    case makeDirectory
    /// Removing a directory.
    case removeDirectory
    /// Listing a directory.
    case list
    /// Getting the status of a file.
    case status

    /// Whether it may need space on the disk.
    var takesSpace: Bool {
        switch self {
        case .write, .allocate, .makeDirectory: true
        default: false
        }
    }
}

/// A fault of a ``SimulatedDisk``.
public enum SimulatedDiskFault: UInt8, Sendable, Hashable, CaseIterable {
    /// A call failed with a device error.
    case error
    /// A call found no space, quota or descriptor.
    case exhausted
    /// A call was interrupted by a signal.
    case interrupted
    /// A transfer ended early.
    case shortTransfer
    /// A sync failed. What was not written by then never will be.
    case failedSync
    /// The cache forgot what a failed sync had left.
    case revertedCache
    /// A write was acknowledged but not made.
    case lostWrite
    /// A write went to another place.
    case misdirectedWrite
    /// A bit changed by itself.
    case bitRot
    /// A power cut dropped a write or a change of length.
    case droppedChange
    /// A power cut left parts of a write.
    case tornWrite
    /// A power cut dropped a change of a name.
    case droppedName

    /// The name in reports.
    public var name: String {
        switch self {
        case .error: "EIO"
        case .exhausted: "ENOSPC and similar"
        case .interrupted: "EINTR"
        case .shortTransfer: "short transfers"
        case .failedSync: "failed syncs"
        case .revertedCache: "reverted caches"
        case .lostWrite: "lost writes"
        case .misdirectedWrite: "misdirected writes"
        case .bitRot: "bit rot"
        case .droppedChange: "changes dropped at power cuts"
        case .tornWrite: "writes torn at power cuts"
        case .droppedName: "names dropped at power cuts"
        }
    }
}

/// The number of faults of each kind.
public struct SimulatedDiskCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: SimulatedDiskFault.allCases.count)

    /// Makes counts of zero.
    public init() {}

    /// The count of a kind.
    public subscript(_ fault: SimulatedDiskFault) -> Int {
        get { counts[Int(fault.rawValue)] }
        set { counts[Int(fault.rawValue)] = newValue }
    }

    /// The number of faults that calls reported.
    public var told: Int {
        self[.error] + self[.exhausted] + self[.shortTransfer] + self[.failedSync]
    }

    /// The number of faults that no call reported.
    public var silent: Int { self[.lostWrite] + self[.misdirectedWrite] + self[.bitRot] }

    /// Adds other counts.
    public mutating func add(_ other: SimulatedDiskCounts) {
        for position in counts.indices { counts[position] += other.counts[position] }
    }
}

/// The probabilities with which a ``SimulatedDisk`` makes calls fail.
///
/// Draws depend on the seed and on the calls made before, never on the clock.
public struct SimulatedDiskFaults: Sendable {
    /// The probability that any call except a sync fails with `EIO`.
    public var errorProbability = 0.0
    /// The probability that a call that takes space fails with `ENOSPC` or `EDQUOT`. Some of the
    /// following ones then fail too.
    public var fullProbability = 0.0
    /// The probability that opening fails with `EMFILE`.
    public var descriptorProbability = 0.0
    /// The probability that a call is interrupted with `EINTR` before it has done anything.
    public var interruptionProbability = 0.0
    /// The probability that a transfer of more than one byte ends early.
    public var shortTransferProbability = 0.0
    /// The probability that a sync fails.
    public var syncErrorProbability = 0.0
    /// The probability that a write is acknowledged but not made.
    public var lostWriteProbability = 0.0
    /// The probability that a write goes to another block of the file, or to another file.
    public var misdirectionProbability = 0.0
    /// The probability, at each write, that a bit of some file changes.
    public var rotProbability = 0.0

    /// Makes settings without faults.
    public init() {}
}

/// A planned failure of a call, counted among those of its kinds since it was planned.
struct PlannedFailure: Sendable {
    let kinds: Set<SimulatedCall>
    var left: Int
    let errorNumber: CInt
}

/// The state by which a ``SimulatedDisk`` decides: settings, generator, counts and plans.
struct SimulatedFate: Sendable {
    var faults = SimulatedDiskFaults()
    var isOn = true
    var random = SplitMix64(seed: 0)
    var counts = SimulatedDiskCounts()
    var planned: PlannedFailure?
    /// How many of the next calls that take space find none.
    var fullCalls = 0
    /// Whether a power cut keeps a prefix of the changes of names, as a file system with one
    /// journal does, or any subset.
    var keepsNameOrder = true
    /// The unit at which a power cut tears writes.
    var tearBytes = 512
    /// A digest of all calls.
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    var trace: (@Sendable (String) -> Void)?

    /// The error of a call, negated; zero for none.
    mutating func error(_ call: SimulatedCall, creates: Bool = false) -> CInt {
        if let error = plannedError(call) { return error }
        guard isOn else { return 0 }
        if random.chance(faults.interruptionProbability) {
            counts[.interrupted] += 1
            return -EINTR
        }
        if call == .sync { return 0 }
        if random.chance(faults.errorProbability) {
            counts[.error] += 1
            return -EIO
        }
        if call.takesSpace || creates {
            if fullCalls > 0 {
                fullCalls -= 1
                counts[.exhausted] += 1
                return -ENOSPC
            }
            if random.chance(faults.fullProbability) {
                fullCalls = random.below(4)
                counts[.exhausted] += 1
                return random.below(4) == 0 ? -EDQUOT : -ENOSPC
            }
        }
        if call == .open, random.chance(faults.descriptorProbability) {
            counts[.exhausted] += 1
            return -EMFILE
        }
        return 0
    }

    private mutating func plannedError(_ call: SimulatedCall) -> CInt? {
        guard var plan = planned, plan.kinds.contains(call) else { return nil }
        plan.left -= 1
        planned = plan.left > 0 ? plan : nil
        guard plan.left == 0 else { return nil }
        counts[plan.errorNumber == EINTR ? .interrupted : .error] += 1
        return -plan.errorNumber
    }

    /// How many of `count` bytes a transfer moves.
    mutating func transferred(of count: Int) -> Int {
        guard isOn, count > 1, random.chance(faults.shortTransferProbability) else { return count }
        counts[.shortTransfer] += 1
        return 1 + random.below(count - 1)
    }

    mutating func failsSync() -> Bool {
        isOn && random.chance(faults.syncErrorProbability)
    }

    /// The silent fault of a write, if any.
    mutating func silentFault() -> SimulatedDiskFault? {
        guard isOn else { return nil }
        if random.chance(faults.lostWriteProbability) { return .lostWrite }
        if random.chance(faults.misdirectionProbability) { return .misdirectedWrite }
        return nil
    }

    mutating func rots() -> Bool { isOn && random.chance(faults.rotProbability) }

    mutating func note(
        _ call: SimulatedCall, _ name: @autoclosure () -> String, _ offset: Int, _ length: Int,
        _ result: Int
    ) {
        for word in [Int(call.rawValue), offset, length, result] {
            digest = (digest ^ UInt64(truncatingIfNeeded: word)) &* 0x0000_0100_0000_01b3
        }
        if let trace { trace("  \(call) \(name()) \(offset)+\(length) -> \(result)") }
    }
}
