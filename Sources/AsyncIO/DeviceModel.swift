/// A device that does not exist: every IO is delayed as that device would delay it.
///
/// With it one sees, on any machine and under the real IO methods, how a program behaves on a disk
/// far away: how deep it reads ahead, how many threads it needs. The data stays where it is. An IO
/// takes the slot that is free first, and occupies it for the latency.
public struct DeviceModel: Sendable, Hashable {
    /// How long an IO takes, in nanoseconds.
    public var latencyNanoseconds: UInt64
    /// How many IOs the device executes at a time, at least 1; others wait.
    public var parallelism: Int

    /// Makes a model.
    public init(latencyNanoseconds: UInt64, parallelism: Int) {
        self.latencyNanoseconds = latencyNanoseconds
        self.parallelism = parallelism
    }

    static let parallelismLimits = 1...65536
    /// A minute; whoever waits longer has mistaken the unit.
    static let latencyLimits = 0...60_000_000_000
}

/// The slots of a ``DeviceModel``. Any thread.
final class SimulatedDevice: Sendable {
    private let latency: UInt64
    /// When each slot becomes free.
    private let slots: Lock<[UInt64]>

    init(_ model: DeviceModel) {
        latency = model.latencyNanoseconds
        slots = Lock(Array(repeating: 0, count: model.parallelism))
    }

    /// Takes a slot for an IO that reaches the device now; when the IO is over.
    func takeSlot() -> UInt64 {
        let now = Clock.monotonicNanoseconds
        return slots.withLock { slots in
            var earliest = 0
            for slot in slots.indices where slots[slot] < slots[earliest] { earliest = slot }
            slots[earliest] = max(slots[earliest], now) &+ latency
            return slots[earliest]
        }
    }

    /// Blocks the thread as long as an IO that it executes takes.
    func execute() { Clock.sleep(until: takeSlot()) }
}
