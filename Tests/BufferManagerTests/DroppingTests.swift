import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

@Suite struct DroppingTests {
    @Test(arguments: IOMethodMatrix.all)
    func droppedPagesAreForgottenUnwritten(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 8)
        let other = try stack.makeRelation(5, blocks: 2)
        let session = try stack.session()
        for block: UInt32 in 0..<8 {
            let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: 1) }
        }
        _ = try stack.buffers.page(1, of: other, session: session)
        try stack.buffers.dropBlocks(of: relation, from: 5, session: session)
        #expect(stack.buffers.isResident(4, of: relation))
        for block: BlockNumber in [5, 6, 7] {
            #expect(!stack.buffers.isResident(block, of: relation))
        }
        try stack.buffers.drop(relation, session: session)
        #expect(!stack.buffers.isResident(0, of: relation))
        #expect(stack.buffers.isResident(1, of: other))
        #expect(stack.faults.writtenPages.load(ordering: .relaxed) == 0)
        stack.buffers.checkInvariants()
    }

    @Test func droppingWaitsForIOInFlight() throws {
        let stack = try Stack(TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless))
        let method = try #require(SimulatedMethod.of(stack.system))
        let relation = try stack.makeRelation(blocks: 8)
        let hold = method.hold()
        do {
            let session = try stack.session()
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            var count = 4
            _ = try stack.buffers.startRead(operation, block: 0, count: &count)
            operation.giveBack()
            let dropper = TestThreads.beside {
                try stack.buffers.drop(relation, session: try stack.session())
            }
            try hold.waitUntilHolding(1)
            try stack.waitUntilSomebodySleeps()
            #expect(!dropper.isDone)
            hold.release()
            try dropper.join()
        }
        #expect(!stack.buffers.isResident(0, of: relation))
        stack.buffers.checkInvariants()
    }

    @Test func pinnedPagesAreRefusedAndNothingIsLost() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 4)
        let session = try stack.session()
        for block: UInt32 in 0..<4 {
            let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: 1) }
        }
        let pinned = try stack.buffers.page(3, of: relation, session: session)
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.drop(relation, session: session)
        }
        #expect(error?.code == .pageInUse)
        #expect(error?.message == "block 3 of relation \"base/1/16384\" is pinned")
        for block: BlockNumber in [0, 1, 2, 3] {
            #expect(stack.buffers.isResident(block, of: relation))
        }
        try stack.buffers.dropBlocks(of: relation, fork: .freeSpaceMap, from: 0, session: session)
        #expect(throws: StorageError.self) { try stack.buffers.close(relation, session: session) }
        pinned.release()
        try stack.buffers.close(relation, session: session)
        #expect(try stack.stampOnDisk(relation, 2) == Stack.Stamp(block: 2, version: 1))
        stack.buffers.checkInvariants()
    }

    @Test func aRelationMadeAnewStartsFresh() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let session = try stack.session()
        for version: UInt32 in 1...3 {
            let relation = try stack.makeRelation(blocks: 4, version: version)
            try Stack.damage(relation, 1)
            let page = try stack.buffers.page(2, of: relation, session: session)
            #expect(page.stamp == Stack.Stamp(block: 2, version: version))
            page.release()
            #expect(throws: StorageError.self) {
                _ = try stack.buffers.page(1, of: relation, session: session)
            }
            #expect(stack.buffers.checksumFailures(of: relation) == 1)
            try stack.buffers.drop(relation, session: session)
            #expect(stack.buffers.checksumFailures(of: relation) == 0)
            try stack.registry.unlink(relation, session: session)
        }
        #expect(stack.buffers.checksumFailures == 3)
    }

    @Test(arguments: IOMethodMatrix.all)
    func aLocalRelationIsItsSessionsAlone(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let (session, other) = (try stack.session(), try stack.session())
        let local = try stack.makeRelation(16384, blocks: 4, localTo: session.index)
        for _ in 0..<2 {
            let error = #expect(throws: StorageError.self) {
                _ = try stack.buffers.page(1, of: local, session: other)
            }
            #expect(error?.code == .misuse)
            if stack.buffers.pinIfResident(1, of: local, session: other) != nil {
                Issue.record("another session pinned a local page")
            }
            _ = try stack.buffers.page(1, of: local, session: session)
        }
        try stack.buffers.dropLocal(session: session)
    }

    @Test(arguments: IOMethodMatrix.all)
    func localRelationsHaveBuffersOfTheirOwn(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let session = try stack.session()
        let local = try stack.makeRelation(16384, blocks: 40, version: 3, localTo: session.index)
        let shared = try stack.makeRelation(16384, blocks: 4, version: 4)
        let operation = try ReadOperation(stack.buffers, relation: local, session: session)
        var block: UInt32 = 0
        while block < 40 {
            let read = try stack.read(operation, block, 40)
            #expect(read == stamps(block..<block + UInt32(read.count), version: 3))
            block += UInt32(read.count)
        }
        operation.giveBack()
        let page = try stack.buffers.page(1, of: shared, session: session)
        #expect(page.stamp == Stack.Stamp(block: 1, version: 4))
        for block: UInt32 in 0..<40 {
            let page = try stack.buffers.page(BlockNumber(block), of: local, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: 8) }
        }
        #expect(try stack.buffers.extend(local, by: 2, session: session).first == 40)
        try stack.buffers.flush(local, session: session)
        #expect(try stack.stampOnDisk(local, 39) == Stack.Stamp(block: 39, version: 8))
        try Stack.damage(local, 3)
        _ = try stack.buffers.evict(local, session: session)
        #expect(throws: StorageError.self) {
            _ = try stack.buffers.page(3, of: local, session: session)
        }
        try stack.buffers.dropLocal(session: session)
        #expect(!stack.buffers.isResident(20, of: local))
        #expect(stack.buffers.isResident(1, of: shared))
        page.release()
        stack.buffers.checkInvariants()
    }

    @Test func whatWasNotWrittenOutIsToldAtTheEnd() throws {
        let log: RecordingLog
        do {
            let stack = try Stack(TestedMethod(.synchronous))
            log = stack.log
            let relation = try stack.makeRelation(blocks: 1)
            let page = try stack.buffers.page(0, of: relation, session: stack.session())
            page.withExclusiveLock { Stack.restamp(&$0, version: 1) }
        }
        #expect(log.contains("1 changed pages were not written out before their pool ended"))
    }
}
