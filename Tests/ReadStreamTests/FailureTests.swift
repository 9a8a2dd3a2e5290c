import AsyncIO
import BufferManager
import PageFormat
import ReadStream
import StorageManager
import StorageTesting
import Testing
import Threads

/// Errors come with their block. All other blocks come with their pages.
@Suite struct FailureTests {
    static let flags: [ReadStreamFlags] = [[], .full, [.batching, .full]]

    func names(_ blocks: Range<UInt32>, failing: [UInt32: StorageError.Code]) -> [String] {
        blocks.map { failing[$0]?.rawValue ?? "\($0)" }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func damagedPages(method: TestedMethod) throws {
        let store = try TestStore(method)
        for block in [0, 21, 22, 25, 70] { store.damage(UInt32(block)) }
        try store.withSession { session throws in
            for flags in Self.flags {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags), source: BlockRange(0..<100))
                let expected = names(
                    0..<100,
                    failing: [
                        0: .invalidPage, 21: .invalidPage, 22: .invalidPage, 25: .invalidPage,
                        70: .invalidPage,
                    ])
                #expect(takeWithErrors(&stream, count: 101) == expected)
                stream.end()
                try store.expectIdle(session)
            }
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func blocksBeyondTheEnd(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.blocks = 10
        options.segmentBlocks = 4
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            for flags in Self.flags {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags), source: BlockRange(5..<15))
                let results = takeWithErrors(&stream, count: 11)
                #expect(results.count == 10)
                #expect(Array(results.prefix(5)) == ["5", "6", "7", "8", "9"])
                for result in results.dropFirst(5) { #expect(UInt32(result) == nil) }
                stream.end()
                try store.expectIdle(session)
            }
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func damagedPagesCanBeZeroed(method: TestedMethod) throws {
        let store = try TestStore(method)
        store.damage(5)
        try store.withSession { session throws in
            var options = ReadStreamOptions(.full)
            options.readOptions = .zeroesDamagedPages
            var stream = ReadStream(
                store.manager, over: store.relation, session: session, options: options,
                source: BlockRange(0..<10))
            var zeroed: [UInt32] = []
            while let page = try stream.next() {
                if page.withView({ $0.isNew }) { zeroed.append(page.block.rawValue) }
            }
            #expect(zeroed == [5] && stream.statistics.pages == 10)
        }
    }

    /// A failing device: the error comes once, and the next read of the same blocks may succeed.
    @Test(arguments: [0, 1])
    func aReadThatFailsOnce(occurrence: Int) throws {
        let store = try TestStore(.tame)
        let method = try #require(SimulatedMethod.of(store.system))
        method.inject(ScheduledFault(.error(EIO), on: .read, occurrence: occurrence + 1))
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.full), source: BlockRange(0..<64))
            var expected = names(0..<64, failing: [:])
            expected[occurrence * 16] = "readFailed"
            #expect(takeWithErrors(&stream, count: 65) == expected)
            stream.end()
            try store.expectIdle(session)
        }
    }

    @Test func everyReadFails() throws {
        var faults = SimulatedFaults()
        faults.decide = { $0.operation == .read ? .error(EIO) : nil }
        let store = try TestStore(TestedMethod(seed: IOMethodMatrix.seed, faults: faults))
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(.full), source: BlockRange(0..<40))
            #expect(takeWithErrors(&stream, count: 41) == Array(repeating: "readFailed", count: 40))
            stream.end()
            try store.expectIdle(session)
        }
    }

    /// Random faults of all kinds: every block gives its page or an error, and errors have causes.
    @Test(arguments: 0..<6)
    func randomFaults(run: Int) throws {
        var faults = SimulatedFaults.partialTransfers
        faults.errorProbability = 0.1
        faults.tornTransferProbability = 0.1
        let seed = IOMethodMatrix.seed &+ UInt64(run)
        let store = try TestStore(TestedMethod(seed: seed, faults: faults))
        let method = try #require(SimulatedMethod.of(store.system))
        try store.withSession { session throws in
            for flags in Self.flags {
                var stream = ReadStream(
                    store.manager, over: store.relation, session: session,
                    options: ReadStreamOptions(flags), source: BlockRange(0..<100))
                let results = takeWithErrors(&stream, count: 101)
                try #require(results.count == 100, "\(method)")
                var failed: UInt64 = 0
                for (block, result) in results.enumerated() where result != "\(block)" {
                    #expect(result == "readFailed", "\(method)")
                    failed += 1
                }
                #expect(
                    failed <= UInt64(method.statistics.errors + method.statistics.shortTransfers))
                #expect(stream.statistics.pages == 100 - failed)
                stream.end()
                try store.expectIdle(session)
            }
        }
    }
}
