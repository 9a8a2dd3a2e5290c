import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

/// Writing pages, several writes at a time.
@Suite struct WriteBackTests {
    private func expectOnDisk(
        _ stack: Stack, _ relation: OpenRelation, _ blocks: some Sequence<UInt32>, version: UInt32
    ) throws {
        for block in blocks {
            #expect(
                try stack.stampOnDisk(relation, block)
                    == Stack.Stamp(block: block, version: version))
        }
    }

    /// A stack whose IO waits until the test releases it.
    private func held(
        blocks: Int, _ options: Stack.Options = Stack.Options()
    ) throws -> (Stack, OpenRelation, SimulatedMethod) {
        let stack = try Stack(
            TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless), options)
        let method = try #require(SimulatedMethod.of(stack.system))
        return (stack, try stack.makeRelation(blocks: blocks), method)
    }

    private func isQuiet(_ stack: Stack) -> Bool {
        stack.system.snapshot().isEmpty
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func dirtyPagesOfAllRelationsReachTheDisk(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.buffers = 256
        options.segmentBlocks = 20
        let stack = try Stack(method, options)
        let first = try stack.makeRelation(1, blocks: 100)
        let second = try stack.makeRelation(2, blocks: 100)
        let session = try stack.session()
        try change(stack, second, 0..<100, version: 9, session)
        try change(stack, first, stride(from: 0, to: 100, by: 2), version: 5, session)
        #expect(try stack.buffers.flushAll(session: session) == 150)
        try expectOnDisk(stack, first, stride(from: 0, to: 100, by: 2), version: 5)
        try expectOnDisk(stack, first, stride(from: 1, to: 100, by: 2), version: 0)
        try expectOnDisk(stack, second, 0..<100, version: 9)
        let statistics = stack.buffers.statistics
        #expect(statistics.writes == 150)
        if method.description.hasPrefix("partial") {
            #expect(statistics.writeOperations >= 50 + 15)
        } else {
            // Segments of twenty blocks are written by 8, 8 and 4.
            #expect(statistics.writeOperations == 50 + 15)
        }
        #expect(stack.faults.hinted.load(ordering: .relaxed) == 150)
        #expect(try stack.buffers.flushAll(session: session) == 0)
        #expect(isQuiet(stack))
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func localRelationsAreFlushed(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let session = try stack.session()
        let relation = try stack.makeRelation(7, blocks: 12, localTo: session.index)
        try change(stack, relation, 0..<12, version: 3, session)
        #expect(try stack.buffers.flush(relation, session: session) == 12)
        #expect(try stack.buffers.flush(relation, session: session) == 0)
        try expectOnDisk(stack, relation, 0..<12, version: 3)
        #expect(stack.faults.hinted.load(ordering: .relaxed) == 0)
        try stack.buffers.dropLocal(session: session)
        stack.buffers.checkInvariants()
    }

    @Test func aPageInFlightIsReadAndChanged() throws {
        var options = Stack.Options()
        options.buffers = 128
        let (stack, relation, method) = try held(blocks: 32, options)
        let session = try stack.session()
        try change(stack, relation, 0..<32, version: 1, session)
        let hold = method.hold { $0.operation == .write }
        let flush = TestThreads.beside {
            try stack.buffers.flush(relation, session: stack.session())
        }
        try hold.waitUntilHolding(4)
        // Neither waits for the disk.
        let page = try stack.buffers.page(3, of: relation, session: session)
        #expect(page.stamp?.version == 1)
        page.withExclusiveLock { Stack.restamp(&$0, version: 2) }
        #expect(!flush.isDone)
        hold.release()
        #expect(try flush.join() == 32)
        #expect((page.isDirty) as Bool)
        try expectOnDisk(stack, relation, 0..<32, version: 1)
        page.release()
        #expect(try stack.buffers.flush(relation, session: session) == 1)
        try expectOnDisk(stack, relation, 3...3, version: 2)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: [1, 2, 5])
    func noMoreAreInFlightThanTheSessionHasHandles(handles: Int) throws {
        var options = Stack.Options()
        options.combine = 2
        options.concurrency = .fixed(handles)
        let (stack, relation, method) = try held(blocks: 40, options)
        let session = try stack.session()
        try change(stack, relation, 0..<40, version: 1, session)
        let hold = method.hold()
        let flush = TestThreads.beside {
            try stack.buffers.flush(relation, session: stack.session())
        }
        var left = 20
        while left > 0 {
            // In so small a pool, copies are kept for four writes.
            let expected = min(handles, 4, left)
            try hold.waitUntilHolding(expected)
            #expect(hold.count == expected)
            left -= expected
            hold.releaseHeld()
        }
        #expect(try flush.join() == 40)
        try expectOnDisk(stack, relation, 0..<40, version: 1)
        stack.buffers.checkInvariants()
    }

    /// Pages being written cannot make room for others, so most of the pool must not be written at
    /// once.
    @Test func othersFindVictimsMeanwhile() throws {
        let (stack, relation, method) = try held(blocks: 96)
        let session = try stack.session()
        try change(stack, relation, 0..<64, version: 1, session)
        let hold = method.hold { $0.operation == .write }
        let flush = TestThreads.beside {
            try stack.buffers.flush(relation, session: stack.session())
        }
        try hold.waitUntilHolding(2)
        for block: UInt32 in 64..<96 {
            let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
            #expect(page.stamp?.block == block)
        }
        #expect(hold.count == 2)
        hold.release()
        #expect(try flush.join() == 64)
        try expectOnDisk(stack, relation, 0..<64, version: 1)
        stack.buffers.checkInvariants()
    }

    @Test func theFirstErrorComesAfterAllWereTried() throws {
        let (stack, relation, method) = try held(blocks: 40)
        let session = try stack.session()
        try change(stack, relation, 0..<40, version: 1, session)
        for (occurrence, errorNumber) in [(2, EIO), (4, ENOSPC)] {
            method.inject(
                ScheduledFault(.error(errorNumber), on: .write, occurrence: occurrence))
        }
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.flushAll(session: session)
        }
        #expect(error?.code == .writeFailed)
        #expect(error?.errorNumber == EIO)
        #expect(error?.location.block == 8)
        #expect(error?.location.relation == relation.locator.description)
        #expect(error?.location.fork == "main")
        #expect(error?.location.path?.hasSuffix("16384") == true)
        for written: Range<UInt32> in [0..<8, 16..<24, 32..<40] {
            try expectOnDisk(stack, relation, written, version: 1)
        }
        for left: Range<UInt32> in [8..<16, 24..<32] {
            try expectOnDisk(stack, relation, left, version: 0)
        }
        #expect(isQuiet(stack))
        stack.buffers.checkInvariants()
        #expect(try stack.buffers.flushAll(session: session) == 16)
        try expectOnDisk(stack, relation, 0..<40, version: 1)
    }

    @Test(arguments: IOMethodMatrix.all)
    func whatTheStorageRefusesStaysDirty(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 40)
        let session = try stack.session()
        try change(stack, relation, 0..<40, version: 1, session)
        stack.faults.failsWrites.store(true, ordering: .relaxed)
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.flushAll(session: session)
        }
        #expect(error?.errorNumber == ENOSPC)
        stack.buffers.checkInvariants()
        stack.faults.failsWrites.store(false, ordering: .relaxed)
        #expect(try stack.buffers.flushAll(session: session) == 40)
        try expectOnDisk(stack, relation, 0..<40, version: 1)
    }

    @Test func shortWritesAreFinished() throws {
        let (stack, relation, method) = try held(blocks: 16)
        let session = try stack.session()
        try change(stack, relation, 0..<16, version: 1, session)
        method.inject(ScheduledFault(.transfersAtMost(3 * 8192 + 100), on: .write))
        #expect(try stack.buffers.flush(relation, session: session) == 16)
        #expect(stack.buffers.statistics.writes == 16)
        #expect(stack.buffers.statistics.writeOperations == 3)
        try expectOnDisk(stack, relation, 0..<16, version: 1)
        #expect(try stack.buffers.flush(relation, session: session) == 0)
    }

    @Test func aWriteOfLessThanAPageIsAnError() throws {
        let (stack, relation, method) = try held(blocks: 8)
        let session = try stack.session()
        try change(stack, relation, 0..<8, version: 1, session)
        method.inject(ScheduledFault(.transfersAtMost(100), on: .write))
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.flush(relation, session: session)
        }
        #expect(error?.message.contains("wrote only 100 of 65536 bytes") == true)
        #expect(try stack.buffers.flush(relation, session: session) == 8)
        try expectOnDisk(stack, relation, 0..<8, version: 1)
    }

    /// Calls on a page in flight that must wait for it.
    enum Wish: CaseIterable { case flush, flushPage, evict, drop, close }

    @Test(arguments: Wish.allCases)
    func othersWaitForWritesInFlight(_ wish: Wish) throws {
        let (stack, relation, method) = try held(blocks: 8)
        let session = try stack.session()
        try change(stack, relation, 0..<8, version: 1, session)
        let hold = method.hold { $0.operation == .write }
        let flush = TestThreads.beside {
            let session = try stack.session()
            defer { session.close() }
            return try stack.buffers.flush(relation, session: session)
        }
        try hold.waitUntilHolding(1)
        let waitsBefore = stack.system.statistics.blockedWaits
        let other = TestThreads.beside {
            let session = try stack.session()
            switch wish {
            case .flush: try stack.buffers.flush(relation, session: session)
            case .flushPage:
                let page = try stack.buffers.page(5, of: relation, session: session)
                try stack.buffers.flush(page, session: session)
            case .evict:
                // Eviction waits for nothing; pages in use stay.
                let count = try stack.buffers.evict(relation, session: session)
                #expect(count.skipped == 8)
            case .drop: try stack.buffers.drop(relation, session: session)
            case .close: try stack.buffers.close(relation, session: session)
            }
        }
        if wish == .evict {
            try other.join()
        } else {
            try TestThreads.waitOrFail("the other sleeps, too") {
                stack.system.statistics.blockedWaits >= waitsBefore + 1
            }
            #expect(!other.isDone)
        }
        hold.release()
        #expect(try flush.join() == 8)
        try other.join()
        try expectOnDisk(stack, relation, 0..<8, version: 1)
        #expect(
            stack.buffers.isResident(0, of: relation) == ![.drop, .close].contains(wish))
        #expect(stack.buffers.statistics.writes == 8)
        stack.buffers.checkInvariants()
    }

    @Test func othersRetryWhatFailed() throws {
        let (stack, relation, method) = try held(blocks: 8)
        let session = try stack.session()
        try change(stack, relation, 0..<8, version: 1, session)
        let hold = method.hold { $0.operation == .write }
        let flush = TestThreads.beside {
            try stack.buffers.flush(relation, session: stack.session())
        }
        try hold.waitUntilHolding(1)
        let other = TestThreads.beside {
            try stack.buffers.flush(relation, session: stack.session())
        }
        try stack.waitUntilSomebodySleeps()
        hold.release(with: .error(EIO))
        // One of them may miss the error, and write what the other could not.
        let error = #expect(throws: StorageError.self) { try flush.join() }
        #expect(error?.errorNumber == EIO)
        #expect(try other.join() == 8)
        try expectOnDisk(stack, relation, 0..<8, version: 1)
        stack.buffers.checkInvariants()
    }

    /// A staged read of a page that the holder of the lock wants, for which the flush waits.
    @Test(arguments: IOMethodMatrix.all)
    func nothingIsStagedWhileALockIsWaitedFor(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 16)
        let isLocked = Atomic<Bool>(false)
        let isStaged = Atomic<Bool>(false)
        try change(stack, relation, 0..<4, version: 1, stack.session())
        let holder = TestThreads.beside {
            let session = try stack.session()
            let page = try stack.buffers.page(2, of: relation, session: session)
            try page.withExclusiveLock { _ in
                isLocked.store(true, ordering: .releasing)
                try TestThreads.waitOrFail("a read is staged") {
                    isStaged.load(ordering: .acquiring)
                }
                let other = try stack.buffers.page(12, of: relation, session: session)
                #expect(other.stamp?.block == 12)
            }
        }
        try TestThreads.waitOrFail("the lock is held") { isLocked.load(ordering: .acquiring) }
        try TestThreads.run {
            let session = try stack.session()
            try session.enterBatch()
            let read = try ReadOperation(stack.buffers, relation: relation, session: session)
            var count = 2
            _ = try stack.buffers.startRead(read, block: 12, count: &count)
            isStaged.store(true, ordering: .releasing)
            #expect(try stack.buffers.flush(relation, session: session) == 4)
            try session.exitBatch()
            try stack.buffers.waitRead(read)
        }
        try holder.join()
        try expectOnDisk(stack, relation, 0..<2, version: 1)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func whoChangesAPageDoesNotWaitForItself(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 24)
        let session = try stack.session()
        try change(stack, relation, 0..<24, version: 1, session)
        let page = try stack.buffers.page(10, of: relation, session: session)
        page.withExclusiveLock { _ in
            let error = #expect(throws: StorageError.self) {
                try stack.buffers.flush(relation, session: session)
            }
            #expect(error?.code == .misuse)
            #expect(error?.location.block == 10)
        }
        page.release()
        // The others were written; this page is written once it can be.
        #expect(try stack.buffers.flush(relation, session: session) == 1)
        try expectOnDisk(stack, relation, 0..<24, version: 1)
        stack.buffers.checkInvariants()
    }

    /// Pages are changed as fast as they are flushed. What is on disk is whole at any time.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func changingBesideFlushing(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let blocks: UInt32 = 24
        let relation = try stack.makeRelation(blocks: Int(blocks))
        let isDone = Atomic<Bool>(false)
        try TestThreads.run(3) { thread in
            let session = try stack.session()
            if thread == 0 {
                for version: UInt32 in 1...60 {
                    try change(stack, relation, 0..<blocks, version: version, session)
                }
                isDone.store(true, ordering: .releasing)
            } else {
                while !isDone.load(ordering: .acquiring) {
                    try stack.buffers.flush(relation, session: session)
                }
            }
        }
        let session = try stack.session()
        try stack.buffers.flushAll(session: session)
        try expectOnDisk(stack, relation, 0..<blocks, version: 60)
        #expect(isQuiet(stack))
        stack.buffers.checkInvariants()
    }
}
