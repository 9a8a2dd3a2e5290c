import AsyncIO
import StorageTesting
import Strata
import Synchronization
import Testing

/// Whole runs of many tasks on one thread, which a seed repeats.
@Suite struct AsyncSimulationTests {
    private static var seeds: [UInt64] { (0..<8).map { IOMethodMatrix.seed &+ $0 } }

    /// What happened in a run, in order.
    private func trace(_ seed: UInt64) throws -> [String] {
        var faults = SimulatedFaults.harmless
        faults.completion = .waiters
        let directory = TestStore(TestedMethod(seed: seed, faults: faults))
        let engine = try directory.open()
        let blocking = try engine.makeSession()
        let relation = try engine.load("r", 120, mark: 7, blocking)
        _ = try engine.buffers.evictAll(session: blocking)
        let session = try engine.makeAsyncSession(.polling)
        let executor = SteppedExecutor(seed: seed)
        let events = Record<String>()
        let left = Tally(8)
        for index in 0..<8 {
            Task(executorPreference: executor) {
                var random = SplitMix64(seed: seed &+ UInt64(index))
                do {
                    for _ in 0..<20 {
                        let block = UInt32(random.below(120))
                        let page = try await relation.page(BlockNumber(block), session: session)
                        let mark = try await page.mark()
                        events.append("\(index) has \(block): \(mark)")
                    }
                } catch {
                    events.append("\(index) failed: \(error)")
                }
                left.add(-1)
            }
        }
        try executor.run(
            until: { left.count == 0 }, between: { try session.process() })
        let closed = Tally()
        Task(executorPreference: executor) {
            await session.close()
            closed.add()
        }
        try executor.run(
            until: { closed.count > 0 }, between: { try session.process() })
        #expect(try engine.buffers.evictAll(session: blocking).skipped == 0)
        blocking.close()
        try engine.close()
        return events.all
    }

    @Test(arguments: seeds)
    func aSeedRepeatsARun(_ seed: UInt64) throws {
        let (first, second) = try TestThreads.run { (try trace(seed), try trace(seed)) }
        #expect(first.count == 160)
        #expect(first.allSatisfy { $0.hasSuffix(": 7") })
        #expect(first == second)
    }
}
