public import AsyncIO

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A way to execute IO under which a test is run; prints as the method's name and seed.
public struct TestedMethod: Sendable, CustomStringConvertible {
    /// What to put into an ``IOConfiguration``.
    public let choice: IOMethodChoice
    /// What repeats the run, for simulated methods.
    public let seed: UInt64?
    /// How it prints, such as `worker` or `simulated(seed: 7)`.
    public let description: String

    /// Makes one of a choice.
    public init(_ choice: IOMethodChoice) {
        self.choice = choice
        seed = nil
        description = choice.name
    }

    /// Makes a simulated one.
    ///
    /// - Parameter name: what it is called, besides its seed.
    public init(seed: UInt64, faults: SimulatedFaults, name: String = "simulated") {
        choice = SimulatedMethod.choice(seed: seed, faults: faults)
        self.seed = seed
        description = "\(name)(seed: \(seed))"
    }

    /// Whether IO completes after its start, on another thread or when waited for.
    public var isAsynchronous: Bool { choice.name != "sync" }

    /// Settings of a system that executes IO this way.
    public func configuration(sessions: Int = 8) -> IOConfiguration {
        var configuration = IOConfiguration()
        configuration.method = choice
        configuration.maximumSessions = sessions
        return configuration
    }

    /// Starts a system that executes IO this way.
    public func makeSystem(sessions: Int = 8) throws(StorageError) -> IOSystem {
        try IOSystem(configuration: configuration(sessions: sessions))
    }
}

/// The ways to execute IO under which every test runs that reads, writes or waits:
/// `@Test(arguments: IOMethodMatrix.all)`.
public enum IOMethodMatrix {
    /// The seed of this process's simulated methods: that of the environment's `STRATA_SEED`, else
    /// a new one. It stands in the test's arguments, so a failure shows it.
    public static let seed: UInt64 = {
        if let text = unsafe getenv("STRATA_SEED"),
            let seed = unsafe UInt64(String(cString: text))
        {
            return seed
        }
        return UInt64.random(in: 0..<1_000_000_000)
    }()

    /// The methods that users can choose, io_uring only where the kernel allows it.
    public static let real: [TestedMethod] = {
        let methods = [TestedMethod(.synchronous), TestedMethod(.worker)]
        if let reason = IOMethodChoice.uringUnavailability() {
            print("Tests do not run under io_uring: \(reason)")
            return methods
        }
        return methods + [TestedMethod(.uring)]
    }()

    /// A simulated method with ``SimulatedFaults/harmless`` faults.
    public static let simulated = TestedMethod(seed: seed, faults: .harmless)

    /// A simulated method that also cuts transfers short after whole blocks.
    public static let partial = TestedMethod(
        seed: seed, faults: .partialTransfers, name: "partialTransfers")

    /// The methods that users can choose, and the simulated one.
    public static let all: [TestedMethod] = real + [simulated]

    /// As ``all``, and one that cuts transfers short: for layers which must get over that.
    public static let allWithPartialTransfers: [TestedMethod] = all + [partial]
}
