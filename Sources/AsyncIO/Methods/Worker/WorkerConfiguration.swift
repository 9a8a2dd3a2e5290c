/// The settings of the worker method. The numbers of threads can be changed while it runs, with
/// ``IOSystem/setWorkers(minimum:maximum:)``.
public struct WorkerConfiguration: Sendable, Hashable {
    /// The number of threads that always exist, at least 1.
    public var minimumWorkers = 2
    /// The greatest number of threads, up to 1024.
    public var maximumWorkers = 64
    /// How long a thread above the minimum stays without work, in nanoseconds. 0: it ends as soon
    /// as it has none.
    public var idleTimeoutNanoseconds: UInt64 = 60_000_000_000
    /// How long the pool observes its threads before it starts more, in nanoseconds. 0: whenever a
    /// thread looks, which is when it submits IO, waits for IO, or has executed one.
    public var launchIntervalNanoseconds: UInt64 = 1_000_000
    /// How many IOs can wait for a worker. Any more run in their submitter.
    public var queueCapacity = 1024

    /// Makes the default settings.
    public init() {}

    func validate() throws(StorageError) {
        guard 1 <= minimumWorkers, minimumWorkers <= maximumWorkers, maximumWorkers <= 1024 else {
            throw StorageError(
                .invalidConfiguration,
                "the number of IO workers cannot range from \(minimumWorkers) to \(maximumWorkers)",
                remedy: "Give a minimum from 1 and a maximum from the minimum to 1024.")
        }
        guard (1...65536).contains(queueCapacity) else {
            throw StorageError(
                .invalidConfiguration, "\(queueCapacity) is not a possible IO queue capacity",
                remedy: "Give a value from 1 to 65536.")
        }
    }
}

extension IOSystem {
    /// Changes how many threads the worker method may have, while it runs. Any thread.
    ///
    /// Missing threads up to the minimum are started before this returns. Threads above the maximum
    /// end once they have executed what they have begun, and no more are started meanwhile.
    ///
    /// - Parameters:
    ///   - minimum: the number of threads that always exist, at least 1.
    ///   - maximum: the greatest number of threads, up to 1024.
    /// - Throws: `invalidConfiguration` if a number is outside its range; `resourcesExhausted` if
    ///   threads cannot be started, with the new limits in force; `misuse` under another method.
    public func setWorkers(minimum: Int, maximum: Int) throws(StorageError) {
        try method.setWorkers(minimum: minimum, maximum: maximum)
    }
}

extension IOMethodChoice {
    /// A pool of threads executes IO. It grows while its threads are blocked in the kernel.
    public static var worker: IOMethodChoice { worker(WorkerConfiguration()) }

    /// A pool of threads executes IO. It grows while its threads are blocked in the kernel.
    public static func worker(_ configuration: WorkerConfiguration) -> IOMethodChoice {
        IOMethodChoice("worker") { context throws(StorageError) in
            try WorkerMethod(configuration, context)
        }
    }
}
