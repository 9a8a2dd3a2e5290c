internal import Threads

/// A simulated device: every IO is delayed as that device would delay it.
///
/// The model shows, on any machine and under the real IO methods, how a program behaves on a slow
/// or remote disk: how deep it reads ahead, how many threads it needs. The data stays where it is.
/// An IO takes the slot that becomes free first. It occupies the slot for the latency, or until the
/// bandwidth limit has let its bytes through, whichever is longer.
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
    /// One minute; a longer latency is almost certainly a mistake of unit.
    static let latencyLimits = 0...60_000_000_000
    static let bandwidthLimits = 1...Int.max
}

/// The slots of a ``DeviceModel``. Safe to use from any thread.
final class SimulatedDevice: Sendable {
    private struct State {
        /// When each slot becomes free.
        var slots: [UInt64]
        /// When the bandwidth limit has let through all bytes requested so far.
        var moved: UInt64 = 0
    }

    private let latency: UInt64
    private let nanosecondsPerByte: Double
    private let state: Lock<State>

    init(_ model: DeviceModel) {
        latency = model.latencyNanoseconds
        nanosecondsPerByte = model.bytesPerSecond.map { 1e9 / Double($0) } ?? 0
        state = Lock(
            State(slots: Array(repeating: 0, count: model.parallelism)), rank: .deviceModel)
    }

    /// Takes a slot for an IO that reaches the device now, and returns the time at which the IO is
    /// over.
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

    /// Blocks the calling thread for as long as the device would take for an IO of this size.
    func execute(byteCount: Int) { Clock.sleep(until: takeSlot(byteCount: byteCount)) }
}
