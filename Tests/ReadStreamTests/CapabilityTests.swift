import AsyncIO
import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing

/// A storage manager's capabilities decide how streams read.
@Suite struct CapabilityTests {
    @Test(arguments: IOMethodMatrix.all, [false, true])
    func blocksThatAreKeptTogetherAreReadTogether(method: TestedMethod, isFull: Bool) throws {
        var options = TestStore.Options()
        options.blocks = 95
        options.combineLimit = 16
        options.traits = Traits(group: 8)
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions(isFull ? [.full] : []), source: BlockRange(3..<95))
            #expect(try take(&stream) == Array(3..<95))
        }
        let ranges = store.log.reads
        // Each group is read at once: a read ends within a group only where the blocks end.
        #expect(ranges.allSatisfy { $0.upperBound % 8 == 0 || $0.upperBound == 95 }, "\(ranges)")
        #expect(ranges.map(\.lowerBound).min() == 3)
        #expect(ranges.reduce(0) { $0 + $1.count } == 92)
        #expect(ranges.first == (isFull ? 3..<16 : 3..<8))
    }

    @Test(arguments: IOMethodMatrix.all)
    func singleBlocksOfGroupsAreReadAlone(method: TestedMethod) throws {
        var options = TestStore.Options()
        options.traits = Traits(group: 8)
        let store = try TestStore(method, options)
        try store.withSession { session throws in
            let blocks = [70, 3, 41, 9] as [UInt32]
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                source: BlockSequence(blocks.map { BlockNumber($0) }))
            #expect(try take(&stream) == blocks)
        }
        #expect(store.log.reads == [70..<71, 3..<4, 41..<42, 9..<10])
    }

    @Test(arguments: [true, false])
    func adviceIsGivenWhereTheKernelDoesNotReadAhead(hasKernelReadAhead: Bool) throws {
        var options = TestStore.Options()
        options.traits = Traits(
            capabilities: StorageManagerCapabilities(
                hasKernelReadAhead: hasKernelReadAhead, supportsPrefetch: true))
        let store = try TestStore(TestedMethod(.synchronous), options)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions([.sequential, .full]), source: BlockRange(0..<96))
            #expect(try take(&stream).count == 96)
        }
        #expect(store.log.prefetched.isEmpty == hasKernelReadAhead)
    }

    @Test func completionsThatAreWorkAreSaidToBe() throws {
        for transforms in [true, false] {
            var options = TestStore.Options()
            options.traits = Traits(
                capabilities: StorageManagerCapabilities(
                    canReopen: true, transformsPages: transforms))
            let store = try TestStore(TestedMethod(.synchronous), options)
            try store.withSession { session throws in
                _ = try store.manager.page(BlockNumber(5), of: store.relation, session: session)
            }
            #expect(store.log.flags.allSatisfy { $0.contains(.heavyCompletion) == transforms })
            #expect(!store.log.flags.isEmpty)
        }
    }

    /// A stream looks ahead under `sync` if code outside the method executes its manager's IO.
    @Test(arguments: [true, false])
    func readsThatOverlapTheirSubmitterAreStartedEarly(overlaps: Bool) throws {
        var options = TestStore.Options()
        options.combineLimit = 4
        options.traits = Traits(
            capabilities: StorageManagerCapabilities(
                canReopen: true, overlapsSubmitter: overlaps))
        let store = try TestStore(TestedMethod(.synchronous), options)
        try store.withSession { session throws in
            var stream = ReadStream(
                store.manager, over: store.relation, session: session,
                options: ReadStreamOptions([.full]), source: BlockRange(0..<64))
            let isThere = try stream.next() != nil
            #expect(isThere)
            #expect((store.log.reads.count > 1) == overlaps, "\(store.log.reads)")
        }
        #expect(store.log.flags.allSatisfy { $0.contains(.synchronous) != overlaps })
    }
}
