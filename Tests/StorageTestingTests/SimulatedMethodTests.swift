import AsyncIO
import StorageTesting
import Testing
import Threads

/// How a simulated method treats IO without faults.
@Suite struct SimulatedMethodTests {
    @Test(arguments: completions)
    func everyIOIsExecutedAndReported(completion: SimulatedCompletion) throws {
        let bench = try Bench(SimulatedFaults.harmless.completed(by: completion))
        let reads = try (0..<40).map { try bench.start(block: $0) }
        for (block, read) in reads.enumerated() {
            let result = try bench.finish(read)
            #expect(result.status == .ok && result.value == 8192)
            #expect(read.contents == [TestFile.byte(block)], "\(bench.method)")
        }
        let statistics = bench.method.statistics
        #expect(statistics.submitted == 40 && statistics.completed == 40)
        #expect(statistics.outOfOrder > 0, "\(bench.method)")
        #expect(bench.method.pendingCount == 0)
        if completion == .thread { #expect(statistics.completedElsewhere == 40) }
        if completion == .waiters { #expect(statistics.completedElsewhere == 0) }
    }

    @Test(arguments: completions)
    func writesAndSyncsReachTheFile(completion: SimulatedCompletion) throws {
        let bench = try Bench(SimulatedFaults.harmless.completed(by: completion))
        let write = try bench.start(.write, block: 5, blocks: 2, fill: 0x77)
        #expect(try bench.finish(write).value == 2 * 8192)
        let sync = try bench.start(.sync)
        #expect(try bench.finish(sync).status == .ok)
        let read = try bench.start(block: 4, blocks: 4)
        _ = try bench.finish(read)
        #expect(read.contents == [5, 0x77, 0x77, 8])
    }

    @Test func nothingIsExecutedAtSubmission() throws {
        let bench = try Bench(SimulatedFaults().completed(by: .waiters))
        let read = try bench.start()
        #expect(bench.method.pendingCount == 1)
        #expect(read.contents == [0])
        _ = try bench.finish(read)
        #expect(read.contents == [1])
    }

    @Test func pollingFinishesToo() throws {
        let bench = try Bench(SimulatedFaults.harmless.completed(by: .waiters))
        let reads = try (0..<20).map { try bench.start(block: $0) }
        for read in reads {
            try TestThreads.waitOrFail("the read is done") { bench.session.isDone(read.reference) }
        }
        #expect(reads.map(\.contents) == (0..<20).map { [TestFile.byte($0)] })
        #expect(bench.system.statistics.blockedWaits == 0)
    }

    /// In one thread the seed determines everything.
    @Test func aSeedRepeatsExactly() throws {
        func run(_ seed: UInt64) throws -> (SimulatedStatistics, [IOResult]) {
            var faults = SimulatedFaults.partialTransfers.completed(by: .waiters)
            faults.errorProbability = 0.2
            faults.tornTransferProbability = 0.2
            let bench = try Bench(seed: seed, faults)
            let reads = try (0..<50).map { try bench.start(block: $0, blocks: 4) }
            let results = try reads.map { try bench.finish($0) }
            return (bench.method.statistics, results)
        }
        let (first, second) = (try run(7), try run(7))
        #expect(first.0 == second.0 && first.1 == second.1)
        #expect(try run(8).1 != first.1)
        #expect(first.0.errors > 0 && first.0.shortTransfers > 0)
    }

    @Test func othersCompleteTheIOOfASessionThatWentIdle() throws {
        let bench = try Bench(SimulatedFaults().completed(by: .waiters))
        let read = try bench.start(block: 3)
        let (system, reference) = (bench.system, read.reference)
        try TestThreads.run { try system.wait(for: reference) }
        #expect(read.contents == [TestFile.byte(3)])
        #expect(bench.method.statistics.completedElsewhere == 1)
        #expect(try bench.finish(read).status == .ok)
    }

    @Test func manySessionsAtOnce() throws {
        let directory = TemporaryDirectory()
        let file = TestFile(in: directory.path, blocks: 32)
        let system = try IOSystem(configuration: IOMethodMatrix.simulated.configuration())
        let target = try system.register(target: file)
        try TestThreads.run(4) { thread in
            let session = try system.makeSession()
            defer { session.close() }
            var random = SplitMix64(seed: IOMethodMatrix.seed, stream: UInt64(thread))
            for _ in 0..<50 {
                let blocks = (0..<4).map { _ in random.below(32) }
                let reads = try blocks.map { block in
                    let io = TestIO(blocks: 1)
                    try io.start(.read, file, target: target, block: block, session: session)
                    return io
                }
                for (block, read) in zip(blocks, reads) {
                    try session.wait(for: read.reference)
                    #expect(read.contents == [TestFile.byte(block)])
                }
            }
        }
        #expect(system.shutdown())
    }
}
