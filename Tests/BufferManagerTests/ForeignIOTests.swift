import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Testing
import Threads

/// Two sessions that want the same pages; the simulated method holds the first one's IO.
@Suite struct ForeignIOTests {
    private func stack() throws -> (Stack, OpenRelation, SimulatedMethod) {
        let stack = try Stack(TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless))
        let method = try #require(SimulatedMethod.of(stack.system))
        return (stack, try stack.makeRelation(blocks: 16), method)
    }

    private func start(
        _ stack: Stack, _ relation: OpenRelation, _ session: Session, _ block: UInt32
    )
        throws -> (ReadOperation, Int)
    {
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        var count = 4
        _ = try stack.buffers.startRead(operation, block: BlockNumber(block), count: &count)
        return (operation, count)
    }

    @Test func aReadStopsAtForeignIO() throws {
        let (stack, relation, method) = try stack()
        let (first, second) = (try stack.session(), try stack.session())
        let hold = method.hold()
        let (own, ownCount) = try start(stack, relation, first, 4)
        #expect(ownCount == 4)
        let (before, beforeCount) = try start(stack, relation, second, 2)
        #expect(beforeCount == 2)
        #expect(hold.count == 2)
        // The first block itself is foreign: nothing is started, and the operation covers one page.
        let (behind, behindCount) = try start(stack, relation, second, 5)
        #expect(behindCount == 1)
        #expect(hold.count == 2)
        hold.release()
        for operation in [behind, before, own] { try stack.buffers.waitRead(operation) }
        #expect(behind.takePage()?.stamp?.block == 5)
        #expect(before.takePage()?.stamp?.block == 2)
        #expect(own.takePage()?.stamp?.block == 4)
        #expect(stack.buffers.statistics.reads == 6)
    }

    @Test func aWaiterSleepsUntilForeignIOEnds() throws {
        let (stack, relation, method) = try stack()
        let session = try stack.session()
        let hold = method.hold()
        let (own, _) = try start(stack, relation, session, 0)
        let waiter = TestThreads.beside {
            let session = try stack.session()
            let page = try stack.buffers.page(1, of: relation, session: session)
            return page.stamp
        }
        try hold.waitUntilHolding(1)
        try stack.waitUntilSomebodySleeps()
        #expect(!waiter.isDone)
        // The issuer goes idle: others must manage without it.
        hold.release()
        #expect(try waiter.join() == Stack.Stamp(block: 1, version: 0))
        #expect(stack.buffers.statistics.reads == 4)
        own.giveBack()
    }

    @Test func foreignFailureIsRetriedAndNotInherited() throws {
        let (stack, relation, method) = try stack()
        let session = try stack.session()
        let hold = method.hold()
        let (own, _) = try start(stack, relation, session, 0)
        let waiter = TestThreads.beside {
            let session = try stack.session()
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            return try stack.read(operation, 2, 2)
        }
        try hold.waitUntilHolding(1)
        try stack.waitUntilSomebodySleeps()
        hold.release(with: .error(EIO))
        #expect(try waiter.join() == stamps(2..<3))
        let error = #expect(throws: StorageError.self) { try stack.buffers.waitRead(own) }
        #expect(error?.errorNumber == EIO)
        #expect((own.takePage() == nil) as Bool)
        stack.buffers.checkInvariants()
    }

    @Test func aSessionsOwnOtherReadIsWaitedForToo() throws {
        let (stack, relation, _) = try stack()
        let session = try stack.session()
        try session.enterBatch()
        let (first, _) = try start(stack, relation, session, 0)
        let (second, count) = try start(stack, relation, session, 0)
        #expect(count == 1)
        #expect(session.hasStaged)
        try stack.buffers.waitRead(second)
        try session.exitBatch()
        #expect(second.takePage()?.stamp?.block == 0)
        try stack.buffers.waitRead(first)
        #expect(first.takePage()?.stamp?.block == 0)
    }

    /// An IO abandoned by a reused operation must not affect the result of the next one.
    @Test(arguments: [false, true])
    func anAbandonedReadDoesNotReportIntoTheNext(turnsIdleList: Bool) throws {
        var options = Stack.Options()
        options.concurrency = .fixed(2)
        let stack = try Stack(
            TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless), options)
        let method = try #require(SimulatedMethod.of(stack.system))
        let relation = try stack.makeRelation(blocks: 16)
        let session = try stack.session()
        // Handles are reclaimed in order. Which of the two IOs gets the first depends on the order
        // in which handles went idle.
        let (one, _) = try start(stack, relation, session, 0)
        let (other, _) = try start(stack, relation, session, 4)
        for read in turnsIdleList ? [other, one] : [one, other] {
            try stack.buffers.waitRead(read)
            read.giveBack()
        }
        #expect(try stack.buffers.evictAll(session: session).evicted == 8)

        let hold = method.hold()
        method.inject(ScheduledFault(.error(EIO), on: .read) { $0.offset == 8 * 8192 })
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        var count = 4
        _ = try stack.buffers.startRead(operation, block: 0, count: &count)
        count = 4
        _ = try stack.buffers.startRead(operation, block: 8, count: &count)
        hold.release()
        try TestThreads.waitOrFail("both end") {
            stack.system.snapshot().allSatisfy { $0.state == .completedShared }
        }
        // With no handle idle, this reclaims both.
        try session.acquireHandle().release()
        let error = #expect(throws: StorageError.self) { try stack.buffers.waitRead(operation) }
        #expect(error?.errorNumber == EIO)
        stack.buffers.checkInvariants()
    }

    @Test func partialReadsAreReissuedForTheRest() throws {
        let (stack, relation, method) = try stack()
        let session = try stack.session()
        method.inject(ScheduledFault(.transfersAtMost(3 * 8192), on: .read))
        method.inject(ScheduledFault(.transfersAtMost(8192), on: .read, occurrence: 2))
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        #expect(try stack.read(operation, 0, 8) == stamps(0..<8))
        #expect(stack.buffers.statistics.readOperations == 3)
        #expect(stack.buffers.statistics.reads == 8 + 5 + 4)
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func anIdleIssuerBlocksNobody(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 16)
        let issuer = try stack.session()
        let (own, count) = try start(stack, relation, issuer, 0)
        let read = try TestThreads.run {
            let session = try stack.session()
            return try (0..<4).map { block in
                try stack.buffers.page(BlockNumber(block), of: relation, session: session).stamp
            }
        }
        #expect(read == stamps(0..<4))
        try stack.buffers.waitRead(own)
        #expect(count == 4)
        #expect(own.done == 4)
        own.giveBack()
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func manySessionsReadTheSamePages(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 32)
        try TestThreads.run(4) { thread in
            let session = try stack.session()
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            for round in 0..<20 {
                var block: UInt32 = 0
                while block < 32 {
                    let read = try stack.read(operation, block, Int(32 - block))
                    #expect(read == stamps(block..<block + UInt32(read.count)))
                    block += UInt32(read.count)
                }
                operation.giveBack()
                if thread == 0 && round.isMultiple(of: 4) {
                    _ = try stack.buffers.evict(relation, session: session)
                }
            }
        }
        stack.buffers.checkInvariants()
    }
}
