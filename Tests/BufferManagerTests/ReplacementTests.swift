import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Synchronization
import Testing

@Suite struct ReplacementTests {
    private func change(
        _ stack: Stack, _ relation: OpenRelation, _ block: UInt32, _ session: Session
    )
        throws
    {
        let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
        page.withExclusiveLock { Stack.restamp(&$0, version: block + 100) }
        #expect((page.isDirty) as Bool)
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func dirtyPagesAreWrittenOutForOthers(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.buffers = 16
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 64)
        let session = try stack.session()
        for block: UInt32 in 0..<64 { try change(stack, relation, block, session) }
        for block: UInt32 in 0..<64 {
            let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
            #expect(page.stamp == Stack.Stamp(block: block, version: block + 100))
        }
        #expect(stack.buffers.statistics.evictions >= 64)
        #expect(stack.faults.writtenPages.load(ordering: .relaxed) >= 64)
        // Neighbours are written together.
        #expect(stack.faults.writes.load(ordering: .relaxed) <= 32)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func withoutUnpinnedBuffersIsAnErrorAndNoMore(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.buffers = 16
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 32)
        let session = try stack.session()
        let holder = try ReadOperation(stack.buffers, relation: relation, session: session)
        let other = try ReadOperation(stack.buffers, relation: relation, session: session)
        _ = try stack.read(holder, 0, 8)
        holder.giveBack()
        var (pinned, more) = (8, 8)
        if try stack.buffers.startRead(holder, block: 8, count: &pinned) {
            try stack.buffers.waitRead(holder)
        }
        if try stack.buffers.startRead(other, block: 16, count: &more) {
            try stack.buffers.waitRead(other)
        }
        #expect(pinned + more == 16)
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.page(30, of: relation, session: session)
        }
        #expect(error?.code == .resourcesExhausted)
        #expect(error?.message.contains("no unpinned buffers available") == true)
        #expect(error?.remedy != nil)
        #expect(throws: StorageError.self) {
            _ = try stack.buffers.extend(relation, session: session)
        }
        other.giveBack()
        _ = try stack.buffers.page(30, of: relation, session: session)
        holder.giveBack()
        stack.buffers.checkInvariants()
    }

    @Test func aReadTakesFewerBlocksRatherThanFail() throws {
        var options = Stack.Options()
        options.buffers = 16
        options.combine = 16
        let stack = try Stack(TestedMethod(.synchronous), options)
        let relation = try stack.makeRelation(blocks: 32)
        let session = try stack.session()
        let holder = try ReadOperation(stack.buffers, relation: relation, session: session)
        var count = 12
        _ = try stack.buffers.startRead(holder, block: 0, count: &count)
        let other = try ReadOperation(stack.buffers, relation: relation, session: session)
        #expect(try stack.read(other, 16, 10) == stamps(16..<20))
    }

    @Test(arguments: [AccessStrategy.Kind.bulkRead, .bulkWrite, .vacuum])
    func ringsLeaveOtherPagesWhereTheyAre(_ kind: AccessStrategy.Kind) throws {
        var options = Stack.Options()
        options.buffers = 128
        let stack = try Stack(TestedMethod(.synchronous), options)
        let hot = try stack.makeRelation(1, blocks: 100)
        let cold = try stack.makeRelation(2, blocks: 200)
        let session = try stack.session()
        for block: UInt32 in 0..<100 {
            _ = try stack.buffers.page(BlockNumber(block), of: hot, session: session)
        }
        let strategy = AccessStrategy(kind, for: stack.buffers)
        #expect(strategy.ringSize == 16)
        for block: UInt32 in 0..<200 {
            let page = try stack.buffers.page(
                BlockNumber(block), of: cold, strategy: strategy, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: 7) }
        }
        for block: UInt32 in 0..<100 {
            #expect(stack.buffers.isResident(BlockNumber(block), of: hot))
        }
        #expect(stack.buffers.statistics.ringReuses >= 180)
        try stack.buffers.flushAll(session: session)
        for block: UInt32 in [0, 77, 199] {
            #expect(try stack.stampOnDisk(cold, block) == Stack.Stamp(block: block, version: 7))
        }
    }

    @Test func ringSizesFollowThePool() throws {
        var options = Stack.Options()
        options.buffers = 16384
        let stack = try Stack(TestedMethod(.synchronous), options)
        #expect(AccessStrategy(.bulkRead, for: stack.buffers).ringSize == 32)
        #expect(AccessStrategy(.bulkRead, for: stack.buffers, readAhead: 64).ringSize == 96)
        #expect(AccessStrategy(.bulkWrite, for: stack.buffers).ringSize == 2048)
        #expect(AccessStrategy(.vacuum, for: stack.buffers).ringSize == 256)
        #expect(AccessStrategy(.normal, for: stack.buffers).ringSize == 0)
        #expect(AccessStrategy(.vacuum, for: stack.buffers).pinLimit == 128)
    }

    @Test func pagesStayDirtyWhenTheirWriteFails() throws {
        var options = Stack.Options()
        options.buffers = 16
        let stack = try Stack(TestedMethod(.synchronous), options)
        let relation = try stack.makeRelation(blocks: 32)
        let session = try stack.session()
        for block: UInt32 in 0..<16 { try change(stack, relation, block, session) }
        stack.faults.failsWrites.store(true, ordering: .relaxed)
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.page(20, of: relation, session: session)
        }
        #expect(error?.errorNumber == 28)
        #expect(throws: StorageError.self) { try stack.buffers.flushAll(session: session) }
        #expect(throws: StorageError.self) {
            _ = try stack.buffers.evict(relation, session: session)
        }
        stack.buffers.checkInvariants()
        #expect(try stack.stampOnDisk(relation, 3) == Stack.Stamp(block: 3, version: 0))
        stack.faults.failsWrites.store(false, ordering: .relaxed)
        #expect(try stack.buffers.flush(relation, session: session) == 16)
        for block: UInt32 in 0..<16 {
            #expect(
                try stack.stampOnDisk(relation, block)
                    == Stack.Stamp(block: block, version: block + 100))
        }
        #expect(try stack.buffers.flush(relation, session: session) == 0)
    }

    @Test func evictingTellsWhatItDid() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 8)
        let other = try stack.makeRelation(5, blocks: 2)
        let session = try stack.session()
        for block: UInt32 in 0..<8 {
            _ = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
        }
        _ = try stack.buffers.page(0, of: other, session: session)
        try change(stack, relation, 2, session)
        let pinned = try stack.buffers.page(5, of: relation, session: session)
        let one = try stack.buffers.evict(2, of: relation, session: session)
        #expect((one.evicted, one.written, one.skipped) == (1, 1, 0))
        let none = try stack.buffers.evict(5, of: relation, session: session)
        #expect((none.evicted, none.skipped) == (0, 1))
        let rest = try stack.buffers.evict(relation, session: session)
        #expect((rest.evicted, rest.written, rest.skipped) == (6, 0, 1))
        #expect(stack.buffers.isResident(0, of: other))
        pinned.release()
        #expect(try stack.buffers.evictAll(session: session).evicted == 2)
        #expect(try stack.stampOnDisk(relation, 2) == Stack.Stamp(block: 2, version: 102))
    }

    @Test func onePageIsFlushedWithItsNeighbours() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 16)
        let session = try stack.session()
        for block: UInt32 in 4..<16 { try change(stack, relation, block, session) }
        let page = try stack.buffers.page(6, of: relation, session: session)
        try stack.buffers.flush(page, session: session)
        #expect((!page.isDirty) as Bool)
        #expect(stack.faults.writes.load(ordering: .relaxed) == 1)
        #expect(stack.faults.writtenPages.load(ordering: .relaxed) == 8)
        #expect(try stack.buffers.flushAll(session: session) == 4)
        #expect(stack.buffers.statistics.writes == 12)
    }
}
