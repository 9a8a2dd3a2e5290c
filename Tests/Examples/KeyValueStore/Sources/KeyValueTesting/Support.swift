import KeyValueStore
import StorageTesting
import Strata

/// A key or value of some length, different for different numbers.
public func bytes(_ number: Int, _ length: Int) -> [UInt8] {
    var random = SplitMix64(seed: UInt64(truncatingIfNeeded: number), stream: 9)
    return (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

/// Settings that make everything happen soon: a small pool, small files, many checkpoints.
public func smallOptions() -> KeyValueOptions {
    var options = KeyValueOptions()
    options.engine.poolBytes = 64 * 8192
    options.engine.maximumSessions = 16
    options.engine.logger = RecordingLog().logger(level: .critical)
    options.segmentBytes = 256 << 10
    options.checkpointBytes = 1 << 20
    return options
}

/// What a store must have, as plain as possible.
public struct Model {
    public var entries: [[UInt8]: [UInt8]] = [:]
    public init() {}

    /// The keys in order.
    public var sorted: [[UInt8]] { entries.keys.sorted { $0.lexicographicallyPrecedes($1) } }
}

/// Draws keys and values that meet each other and the limits.
public struct Draw {
    public var random: SplitMix64
    public let keyCount: Int

    public init(seed: UInt64, keyCount: Int) {
        random = SplitMix64(seed: seed, stream: 1)
        self.keyCount = keyCount
    }

    public mutating func key() -> [UInt8] {
        let number = random.below(keyCount)
        switch number % 5 {
        case 0: return Array("user\(number)".utf8)
        case 1: return Array("user/common/prefix/of/some/length/\(number)".utf8)
        case 2: return bytes(number, 1 + number % 40)
        case 3: return Array(repeating: 0xFF, count: number % 500) + bytes(number, 12)
        default: return bytes(number, 16)
        }
    }

    public mutating func value() -> [UInt8] {
        let length: Int
        switch random.below(24) {
        case 0: length = 0
        case 1: length = 1500 + random.below(700)
        case 2: length = random.below(40_000)
        case 3: length = 8144 - 50 + random.below(100)
        default: length = random.below(200)
        }
        return bytes(Int(truncatingIfNeeded: random.next()), length)
    }
}
