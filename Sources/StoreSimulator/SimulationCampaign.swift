internal import AsyncIO
internal import Synchronization
internal import Threads

/// Many seeds on several threads; each seed runs on one thread.
public struct SimulationCampaign: Sendable {
    /// The first seed.
    public var firstSeed: UInt64 = 0
    /// How many consecutive seeds to run; nil for as many as time allows.
    public var seedCount: Int? = 1000
    /// After how many seconds no more seeds start; nil for no limit.
    public var seconds: Double?
    /// How many threads, at least 1.
    public var jobs = 1
    /// The options for each seed.
    public var options = SimulationOptions()
    /// After how many violations no more seeds start.
    public var violationLimit = 10

    /// Makes a campaign with the default settings.
    public init() {}

    /// Runs it, blocking the calling thread.
    ///
    /// - Parameter progress: called after each seed with the totals so far, on the thread that ran
    ///   the seed; calls never overlap.
    /// - Returns: the totals; violations are sorted by seed.
    public func run(
        progress: @escaping @Sendable (SimulationReport) -> Void = { _ in }
    ) -> SimulationReport {
        let state = CampaignState(self)
        let threads = (0..<max(1, jobs) - 1).compactMap { _ in
            OSThread.start { state.work(progress) }
        }
        // Uses as many threads as the system has room for, besides this one.
        if let last = OSThread.start({ state.work(progress) }) {
            last.join()
        } else {
            state.work(progress)
        }
        for thread in threads { thread.join() }
        return state.result
    }
}

/// The state that a campaign's threads share.
private final class CampaignState: Sendable {
    private let campaign: SimulationCampaign
    private let begun = Atomic<Int>(0)
    private let total = Lock(SimulationReport(), rank: .client)
    private let end: ContinuousClock.Instant?

    init(_ campaign: SimulationCampaign) {
        self.campaign = campaign
        end = campaign.seconds.map { ContinuousClock.now + .seconds($0) }
    }

    var result: SimulationReport {
        var report = total.withLock { $0 }
        report.violations.sort { $0.seed < $1.seed }
        return report
    }

    func work(_ progress: @Sendable (SimulationReport) -> Void) {
        while true {
            if let end, ContinuousClock.now >= end { return }
            if total.withLock({ $0.violations.count }) >= campaign.violationLimit { return }
            let number = begun.add(1, ordering: .relaxed).oldValue
            if let count = campaign.seedCount, number >= count { return }
            let report = Simulation.run(
                seed: campaign.firstSeed &+ UInt64(number), options: campaign.options)
            total.withLock { total in
                total.add(report)
                progress(total)
            }
        }
    }
}
