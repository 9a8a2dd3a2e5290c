internal import ArgumentParser
internal import StorageTesting
internal import StoreSimulator
internal import Threads

/// `strata simulate`.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Put stores on a simulated disk through crashes and faults.",
        discussion: """
            Each seed is a store in memory with a workload, an interleaving of sessions, a disk \
            with its own faults, and crashes, all decided by the seed. After each crash, what was \
            acknowledged must be there, and nothing else may be wrong. A seed always repeats \
            exactly.

            The exit status is 1 if a seed found a violation. The output says which, and how to \
            replay it call by call.
            """)

    @Option(help: "How many seeds to run; by default 1000, or as many as --minutes allows.")
    var seeds: Int?

    @Option(help: "The first seed.")
    var from: UInt64 = 0

    @Option(help: "After how many minutes no more seeds start.")
    var minutes: Double?
    private static let mostMinutes = 366.0 * 24 * 60

    @Option(help: "How many seeds to run at a time; by default one per core.")
    var jobs: Int?

    @Option(help: "Approximate number of steps of a seed's sessions between two crashes.")
    var steps = SimulationLimits().steps

    @Flag(help: "Print what happens: the sessions' steps, and every call of the disk.")
    var trace = false

    @Option(help: .hidden)
    var plant: String?

    func validate() throws {
        if let plant, PlantedMistake(rawValue: plant) == nil {
            throw ValidationError("There is no such bug to plant.")
        }
        if let seeds, seeds < 1 { throw ValidationError("--seeds must be 1 or more.") }
        if let minutes, !(minutes > 0 && minutes <= Self.mostMinutes) {
            throw ValidationError("--minutes must be more than 0, and at most a year.")
        }
        if let jobs, !(1...1024).contains(jobs) {
            throw ValidationError("--jobs must be from 1 to 1024.")
        }
        if !(1...100_000).contains(steps) {
            throw ValidationError("--steps must be from 1 to 100000.")
        }
    }

    func run() throws {
        var campaign = SimulationCampaign()
        campaign.firstSeed = from
        campaign.seedCount = seeds ?? (minutes == nil ? 1000 : nil)
        campaign.seconds = minutes.map { $0 * 60 }
        campaign.jobs = trace ? 1 : jobs ?? Processor.coreCount
        campaign.options.limits.steps = steps
        campaign.options.planted = plant.flatMap(PlantedMistake.init)
        if trace {
            let output = ToolEnvironment.current.standardOutput
            campaign.options.trace = { output.write($0) }
        }
        let start = ContinuousClock.now
        let report = campaign.run()
        let taken = (ContinuousClock.now - start) / .seconds(1)
        Self.show(report, seconds: taken)
        if report.violations.isEmpty { return }
        for violation in report.violations {
            printLine("violation: \(violation)")
            let limits = steps == SimulationLimits().steps ? "" : " --steps \(steps)"
            printLine(
                "  replay: strata simulate --from \(violation.seed) --seeds 1 --trace\(limits)")
        }
        throw ExitCode(1)
    }

    private static func show(_ report: SimulationReport, seconds: Double) {
        let rate = Int(Double(report.seeds) / max(seconds, 1e-9) * 60)
        printLine("\(report.seeds) seeds, \(rate) a minute; digest \(hexadecimal(report.digest))")
        printLine(
            "\(report.steps) steps, \(report.acknowledgements) acknowledged commits, checkpoints,"
                + " drops and copies (\(report.fills) filled up last pages),"
                + " \(report.failures) failed calls")
        printLine(
            "\(report.openings) openings, \(report.powerCuts) power cuts, \(report.kills) deaths of"
                + " the process, \(report.crashesInRecovery) of them during recovery")
        printLine(
            "\(report.pagesChecked) pages and \(report.countsChecked) counts of rows compared,"
                + " \(report.damageReports) reports of damage")
        for fault in SimulatedDiskFault.allCases {
            printLine("  \(fault.name): \(report.faults[fault])")
        }
        printLine("\(report.violations.count) violations")
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
