import Logging
import StorageTesting
import StoreSimulator
import Testing

/// Seeds of the simulator, as many as there is time for in a test run.
@Suite struct SeedTests {
    /// Each test run has its own seeds.
    @Test func nothingThatWasAcknowledgedIsLost() throws {
        var campaign = SimulationCampaign()
        campaign.firstSeed = IOMethodMatrix.seed
        campaign.seedCount = 200
        campaign.jobs = 2
        campaign.options.limits.steps = 24
        let report = try TestThreads.run(seconds: 1800) { [campaign] in campaign.run() }
        #expect(report.violations.map(\.description) == [])
        #expect(report.seeds == 200 && report.crashes > 200 && report.openings > 400)
        #expect(report.faults.told > 20 && report.pagesChecked > 500)
        #expect(report.countsChecked > 50)
    }

    @Test func aSeedRepeatsExactly() throws {
        try TestThreads.run {
            for seed in UInt64(0)..<4 {
                let (first, second) = (Simulation.run(seed: seed), Simulation.run(seed: seed))
                #expect(first.digest == second.digest && first.steps == second.steps)
            }
            #expect(Simulation.run(seed: 1).digest != Simulation.run(seed: 2).digest)
        }
    }

    @Test(arguments: PlantedMistake.allCases)
    func mistakesAreFound(_ mistake: PlantedMistake) throws {
        var campaign = SimulationCampaign()
        campaign.seedCount = 2000
        campaign.jobs = 2
        campaign.violationLimit = 1
        campaign.options.planted = mistake
        let report = try TestThreads.run(seconds: 1800) { [campaign] in campaign.run() }
        #expect(!report.violations.isEmpty, "not found by \(report.seeds) seeds")
    }

    @Test func aTraceTellsStepsAndCalls() throws {
        let lines = RecordingLog()
        let logger = lines.logger()
        var options = SimulationOptions()
        options.trace = { logger.info("\($0)") }
        let report = try TestThreads.run { [options] in Simulation.run(seed: 3, options: options) }
        #expect(report.violations.isEmpty)
        #expect(lines.contains("opened") && lines.contains("session 0"))
        #expect(lines.contains("write strata.catalog.new"))
    }
}
