public import Logging

/// How many IOs a session can have in flight.
public enum IOConcurrency: Sendable, Hashable {
    /// The concurrency budget divided by the sessions, at least 1 and at most 64.
    case automatic
    /// That many, from 1 to 1024.
    case fixed(Int)
}

/// The settings of an ``IOSystem``; they do not change while it runs.
public struct IOConfiguration: Sendable {
    /// How IO is executed.
    public var method = IOMethodChoice.synchronous
    /// How many sessions can be open at a time, from 1 to 4096.
    public var maximumSessions = 64
    /// How many IOs a session can have in flight.
    public var concurrency = IOConcurrency.automatic
    /// What ``IOConcurrency/automatic`` divides among the sessions: the pages of the buffer pool.
    public var concurrencyBudget = 16384
    /// How many vectors and data values an IO can have, from 1 to 1024. This limits how many blocks
    /// one IO can combine.
    public var maximumVectors = 32
    /// A device whose delays every IO gets; nil for no added delay.
    public var deviceModel: DeviceModel?
    /// What executes IO instead of the kernel; nil for the kernel. The io_uring method cannot be
    /// started with an executor.
    public var executor: (any IOExecutor)?
    /// Where the system logs.
    public var logger = Logger(label: "strata.io")

    /// Makes the default settings.
    public init() {}

    static let sessionLimits = 1...4096
    static let concurrencyLimits = 1...1024
    static let automaticConcurrencyLimits = 1...64
    static let vectorLimits = 1...1024

    /// How many handles each session gets. Mirrors PostgreSQL's `AioChooseMaxConcurrency`.
    func handlesPerSession() throws(StorageError) -> Int {
        switch concurrency {
        case .automatic:
            let limits = Self.automaticConcurrencyLimits
            return min(
                max(concurrencyBudget / maximumSessions, limits.lowerBound), limits.upperBound)
        case .fixed(let count):
            try Self.check(count, "IO concurrency", Self.concurrencyLimits)
            return count
        }
    }

    func validate() throws(StorageError) {
        try Self.check(maximumSessions, "number of sessions", Self.sessionLimits)
        try Self.check(maximumVectors, "number of vectors of an IO", Self.vectorLimits)
        if let deviceModel {
            try Self.check(
                deviceModel.parallelism, "parallelism of a device", DeviceModel.parallelismLimits)
            try Self.check(
                deviceModel.bytesPerSecond ?? 1, "number of bytes a second of a device",
                DeviceModel.bandwidthLimits)
            try Self.check(
                Int(clamping: deviceModel.latencyNanoseconds), "latency of a device",
                DeviceModel.latencyLimits)
        }
    }

    private static func check(_ value: Int, _ name: String, _ limits: ClosedRange<Int>)
        throws(StorageError)
    {
        guard limits.contains(value) else {
            throw StorageError(
                .invalidConfiguration, "\(value) is not a possible \(name)",
                remedy: "Give a value from \(limits.lowerBound) to \(limits.upperBound).")
        }
    }
}
