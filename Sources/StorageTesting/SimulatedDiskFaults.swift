#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The system calls of a ``SimulatedDisk``; started IO counts as the call that executes it.
public enum SimulatedCall: UInt8, Sendable, Hashable, CaseIterable {
    /// Opening a file or directory, perhaps creating it.
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
    /// Giving a file another name.
    case rename
    /// Removing a file.
    case unlink
    /// Making a directory.
    case makeDirectory
    /// Removing a directory.
    case removeDirectory
    /// Listing a directory.
    case list
    /// Looking at a file.
    case status

    /// Whether it may need space on the disk.
    var takesSpace: Bool {
        switch self {
        case .write, .allocate, .makeDirectory: true
        default: false
        }
    }
}

/// What went wrong on a ``SimulatedDisk``.
public enum SimulatedDiskFault: UInt8, Sendable, Hashable, CaseIterable {
    /// A call failed with an error of the device.
    case error
    /// A call found no space, quota or descriptor.
    case exhausted
    /// A call was interrupted by a signal.
    case interrupted
    /// A transfer ended early.
    case shortTransfer
    /// A sync failed; what was not written by then never will be.
    case failedSync
    /// The cache let go of what a failed sync had left.
    case revertedCache
    /// A write was acknowledged and not made.
    case lostWrite
    /// A write went to another place.
    case misdirectedWrite
    /// A bit changed by itself.
    case bitRot
    /// A power cut dropped a write or a change of length.
    case droppedChange
    /// A power cut left parts of a write.
    case tornWrite
    /// A power cut dropped the change of a name.
    case droppedName

    /// What it is called in reports.
    public var name: String {
        switch self {
        case .error: "EIO"
        case .exhausted: "ENOSPC and like"
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

    /// Whether nobody is told of it: only checksums can find it.
    public var isSilent: Bool {
        switch self {
        case .lostWrite, .misdirectedWrite, .bitRot: true
        default: false
        }
    }
}

/// How many faults there were of each kind.
public struct SimulatedDiskCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: SimulatedDiskFault.allCases.count)

    /// None.
    public init() {}

    /// The count of a kind.
    public subscript(_ fault: SimulatedDiskFault) -> Int {
        get { counts[Int(fault.rawValue)] }
        set { counts[Int(fault.rawValue)] = newValue }
    }

    /// Those that somebody was told of by a call.
    public var told: Int {
        self[.error] + self[.exhausted] + self[.shortTransfer] + self[.failedSync]
    }

    /// Those that nobody was told of.
    public var silent: Int { self[.lostWrite] + self[.misdirectedWrite] + self[.bitRot] }

    /// Adds another's.
    public mutating func add(_ other: SimulatedDiskCounts) {
        for position in counts.indices { counts[position] += other.counts[position] }
    }
}

/// How a ``SimulatedDisk`` treats the calls it is given, each by a probability.
///
/// What is drawn depends on the seed and the calls made before, never on the clock.
public struct SimulatedDiskFaults: Sendable {
    /// How likely any call fails with `EIO`, syncs apart.
    public var errorProbability = 0.0
    /// How likely a call that takes space fails with `ENOSPC` or `EDQUOT`; some of those that
    /// follow then fail too.
    public var fullProbability = 0.0
    /// How likely opening fails with `EMFILE`.
    public var descriptorProbability = 0.0
    /// How likely a call is interrupted with `EINTR` before it has done anything.
    public var interruptionProbability = 0.0
    /// How likely a transfer of more than one byte ends early.
    public var shortTransferProbability = 0.0
    /// How likely a sync fails.
    public var syncErrorProbability = 0.0
    /// How likely a write is acknowledged and not made.
    public var lostWriteProbability = 0.0
    /// How likely a write goes to another block, of that file or another.
    public var misdirectionProbability = 0.0
    /// How likely, at each write, a bit of some file changes.
    public var rotProbability = 0.0

    /// Makes settings without any fault.
    public init() {}
}

/// A call that is to fail, counted among those of its kinds from when it was planned.
struct PlannedFailure: Sendable {
    let kinds: Set<SimulatedCall>
    var left: Int
    let errorNumber: CInt
}

/// What a ``SimulatedDisk`` decides by: its settings, its generator and its memory of both.
struct SimulatedFate: Sendable {
    var faults = SimulatedDiskFaults()
    var isOn = true
    var random = SplitMix64(seed: 0)
    var counts = SimulatedDiskCounts()
    var planned: PlannedFailure?
    /// How many of the next calls that take space find none.
    var fullCalls = 0
    /// The changes of names that a power cut keeps are a first part of all, as with a file system
    /// that has one journal, or any.
    var keepsNameOrder = true
    /// The unit that a power cut tears writes at.
    var tearBytes = 512
    /// A digest of all calls made.
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    var trace: (@Sendable (String) -> Void)?

    /// The error that a call meets, negated; zero for none.
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

    /// How many of the bytes a transfer moves.
    mutating func transferred(of count: Int) -> Int {
        guard isOn, count > 1, random.chance(faults.shortTransferProbability) else { return count }
        counts[.shortTransfer] += 1
        return 1 + random.below(count - 1)
    }

    mutating func failsSync() -> Bool {
        isOn && random.chance(faults.syncErrorProbability)
    }

    /// What silently happens to a write.
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
