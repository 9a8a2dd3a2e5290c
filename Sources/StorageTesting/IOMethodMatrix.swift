public import AsyncIO
internal import Threads

/// A way to execute IO in a test. Prints as the method's name and seed.
public struct TestedMethod: Sendable, CustomStringConvertible {
    /// The choice for an `IOConfiguration`.
    public let choice: IOMethodChoice
    /// The seed that repeats the run, for simulated methods.
    public let seed: UInt64?
    /// Its printed form, such as `worker` or `simulated(seed: 7)`.
    public let description: String

    /// Makes a tested method from a choice.
    public init(_ choice: IOMethodChoice) {
        self.choice = choice
        seed = nil
        description = choice.name
    }

    /// Makes a simulated method.
    ///
    /// - Parameters:
    ///   - seed: the seed that repeats the run.
    ///   - faults: what goes wrong.
    ///   - name: its printed name, besides the seed.
    public init(seed: UInt64, faults: SimulatedFaults, name: String = "simulated") {
        choice = SimulatedMethod.choice(seed: seed, faults: faults)
        self.seed = seed
        description = "\(name)(seed: \(seed))"
    }

    /// Whether IO completes after its start, on another thread or when waited for.
    public var isAsynchronous: Bool { choice.name != "sync" }

    /// The settings of a system that executes IO this way.
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

/// The ways to execute IO under which every test that reads, writes or waits runs:
/// `@Test(arguments: IOMethodMatrix.all)`.
public enum IOMethodMatrix {
    /// The seed of this process's simulated methods: the environment's `STRATA_SEED`, else a new
    /// one. The test's arguments contain it, so a failure shows it.
    public static let seed: UInt64 = {
        if let text = unsafe getenv("STRATA_SEED"),
            let seed = unsafe UInt64(String(cString: text))
        {
            return seed
        }
        return UInt64.random(in: 0..<1_000_000_000)
    }()

    /// The methods that users can choose. Includes io_uring only where the kernel allows it.
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

    /// ``all``, and a method that cuts transfers short: for layers that must handle that.
    public static let allWithPartialTransfers: [TestedMethod] = all + [partial]
}
