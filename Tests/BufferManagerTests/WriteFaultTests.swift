import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Testing
import Threads

/// Writes that fail at random, by a seed, while pages are changed, evicted, and written ahead of
/// need and by checkpoints. No change is ever lost, and every page reported as written was written.
@Suite struct WriteFaultTests {
    /// Makes a third of all writes fail while told to.
    private final class Weather: Sendable {
        private let state: Lock<(random: SplitMix64, isBad: Bool)>

        init(_ seed: UInt64) {
            state = Lock((SplitMix64(seed: seed, stream: 7), true), rank: .observer)
        }

        func clear() { state.withLock { $0.isBad = false } }

        func fault(for io: StagedIO) -> SimulatedFault? {
            guard io.operation == .write else { return nil }
            return state.withLock { state in
                guard state.isBad, state.random.below(3) == 0 else { return nil }
                return .error([EIO, ENOSPC, EDQUOT][state.random.below(3)])
            }
        }
    }

    private func expectWriteError(_ body: () throws -> Void) throws {
        do { try body() } catch let error as StorageError {
            #expect(error.code == .writeFailed, "\(error)")
            #expect([EIO, ENOSPC, EDQUOT].contains(error.errorNumber))
        }
    }

    @Test(arguments: 0..<8)
    func nothingIsLost(_ number: Int) throws {
        let seed = IOMethodMatrix.seed &+ UInt64(number)
        let weather = Weather(seed)
        var faults = SimulatedFaults.partialTransfers
        faults.completion = .waiters
        faults.decide = { weather.fault(for: $0) }
        var options = Stack.Options()
        options.buffers = 32
        let stack = try Stack(TestedMethod(seed: seed, faults: faults), options)
        let blocks = 80
        let relation = try stack.makeRelation(blocks: blocks)
        let session = try stack.session()
        let background = try stack.session()
        let writer = BackgroundWriter(stack.buffers, session: background)
        var random = SplitMix64(seed: seed, stream: 8)
        var versions = Array(repeating: UInt32(0), count: blocks)
        for _ in 0..<400 {
            let block = random.below(blocks)
            switch random.below(12) {
            case 0: try expectWriteError { try writer.step() }
            case 1: try checkpoint(stack, relation, versions, &random, session)
            case 2:
                try expectWriteError {
                    _ = try stack.buffers.evict(
                        BlockNumber(UInt32(block)), of: relation, session: session)
                }
            default:
                try expectWriteError {
                    let page = try stack.buffers.page(
                        BlockNumber(UInt32(block)), of: relation, session: session)
                    #expect(page.stamp?.version == versions[block], "seed \(seed)")
                    page.withExclusiveLock {
                        Stack.restamp(&$0, version: versions[block] + 1)
                    }
                    versions[block] += 1
                }
            }
        }
        weather.clear()
        try checkpoint(stack, relation, versions, &random, session)
        for block in 0..<blocks {
            #expect(
                try stack.stampOnDisk(relation, UInt32(block))?.version == versions[block],
                "seed \(seed)")
        }
        #expect(stack.buffers.writeFailure == nil)
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
    }

    /// Only a checkpoint that ends without an error has written everything.
    private func checkpoint(
        _ stack: Stack, _ relation: OpenRelation, _ versions: [UInt32],
        _ random: inout SplitMix64, _ session: Session
    ) throws {
        let checkpoint = try CheckpointWriter(stack.buffers, session: session)
        while checkpoint.step(pages: 1 + random.below(20)) {}
        try expectWriteError {
            try checkpoint.finish()
            for (block, version) in versions.enumerated() {
                #expect(try stack.stampOnDisk(relation, UInt32(block))?.version == version)
            }
        }
    }
}
