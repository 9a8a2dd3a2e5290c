internal import Threads

/// A device that does not exist: every IO is delayed as that device would delay it.
///
/// With it one sees, on any machine and under the real IO methods, how a program behaves on a disk
/// far away: how deep it reads ahead, how many threads it needs. The data stays where it is. An IO
/// takes the slot that is free first, and occupies it for the latency, or until its bytes have had
/// their turn.
public struct DeviceModel: Sendable, Hashable {
    /// How long an IO takes, in nanoseconds.
    public var latencyNanoseconds: UInt64
    /// How many IOs the device executes at a time, at least 1; others wait.
    public var parallelism: Int
    /// How many bytes all IOs together move in a second, at least 1; nil for no limit.
    public var bytesPerSecond: Int?

    /// Makes a model.
    public init(latencyNanoseconds: UInt64, parallelism: Int, bytesPerSecond: Int? = nil) {
        self.latencyNanoseconds = latencyNanoseconds
        self.parallelism = parallelism
        self.bytesPerSecond = bytesPerSecond
    }

    static let parallelismLimits = 1...65536
    /// A minute; whoever waits longer has mistaken the unit.
    static let latencyLimits = 0...60_000_000_000
    static let bandwidthLimits = 1...Int.max
}

/// The slots of a ``DeviceModel``. Any thread.
final class SimulatedDevice: Sendable {
    private struct State {
        /// When each slot becomes free.
        var slots: [UInt64]
        /// When all bytes have been moved that were asked for.
        var moved: UInt64 = 0
    }

    private let latency: UInt64
    private let nanosecondsPerByte: Double
    private let state: Lock<State>

    init(_ model: DeviceModel) {
        latency = model.latencyNanoseconds
        nanosecondsPerByte = model.bytesPerSecond.map { 1e9 / Double($0) } ?? 0
        state = Lock(State(slots: Array(repeating: 0, count: model.parallelism)))
    }

    /// Takes a slot for an IO that reaches the device now; when the IO is over.
    func takeSlot(byteCount: Int) -> UInt64 {
        let now = Clock.monotonicNanoseconds
        let moving = UInt64(Double(byteCount) * nanosecondsPerByte)
        return state.withLock { state in
            var earliest = 0
            for slot in state.slots.indices where state.slots[slot] < state.slots[earliest] {
                earliest = slot
            }
            state.moved = max(state.moved, now) &+ moving
            state.slots[earliest] = max(
                max(state.slots[earliest], now) &+ latency, state.moved)
            return state.slots[earliest]
        }
    }

    /// Blocks the thread as long as an IO that it executes takes.
    func execute(byteCount: Int) { Clock.sleep(until: takeSlot(byteCount: byteCount)) }
}
