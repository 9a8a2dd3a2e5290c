/// The settings of the worker method.
public struct WorkerConfiguration: Sendable, Hashable {
    /// Threads that are always there, from 1 on.
    public var minimumWorkers = 2
    /// Threads that there are at most, up to 1024.
    public var maximumWorkers = 64
    /// How long a thread above the minimum stays without work, in nanoseconds.
    public var idleTimeoutNanoseconds: UInt64 = 60_000_000_000
    /// How long the pool looks at its threads before it starts more, in nanoseconds.
    public var launchIntervalNanoseconds: UInt64 = 1_000_000
    /// How many IOs can wait for a worker; what comes above runs in its submitter.
    public var queueCapacity = 1024

    /// Makes the default settings.
    public init() {}

    func validate() throws(StorageError) {
        guard 1 <= minimumWorkers, minimumWorkers <= maximumWorkers, maximumWorkers <= 1024 else {
            throw StorageError(
                .invalidConfiguration,
                "there cannot be from \(minimumWorkers) to \(maximumWorkers) IO workers",
                remedy: "Give a minimum from 1 and a maximum from the minimum to 1024.")
        }
        guard (1...65536).contains(queueCapacity) else {
            throw StorageError(
                .invalidConfiguration, "\(queueCapacity) is not a possible IO queue capacity",
                remedy: "Give a value from 1 to 65536.")
        }
    }
}

extension IOMethodChoice {
    /// A pool of threads executes IO, growing while it waits for the kernel.
    public static var worker: IOMethodChoice { worker(WorkerConfiguration()) }

    /// A pool of threads executes IO, growing while it waits for the kernel.
    public static func worker(_ configuration: WorkerConfiguration) -> IOMethodChoice {
        IOMethodChoice("worker") { context throws(StorageError) in
            try WorkerMethod(configuration, context)
        }
    }
}
