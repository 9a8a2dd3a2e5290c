import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

@Suite struct ReadingTests {
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func aMissIsReadAndThenHit(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 3)
        let session = try stack.session()
        #expect(!stack.buffers.isResident(1, of: relation))
        for _ in 0..<2 {
            let page = try stack.buffers.page(1, of: relation, session: session)
            #expect(page.stamp == Stack.Stamp(block: 1, version: 0))
            #expect(page.block == 1)
            #expect(page.fork == .main)
            #expect(page.relation === relation)
            #expect((!page.isDirty) as Bool)
        }
        #expect(stack.buffers.isResident(1, of: relation))
        #expect(stack.buffers.statistics.reads == 1)
        #expect(stack.buffers.statistics.hits == 1)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func neighboursAreJoinedUpToTheCombineLimit(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 20)
        let session = try stack.session()
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        #expect(try stack.read(operation, 0, 20) == stamps(0..<8))
        #expect(try stack.read(operation, 8, 3) == stamps(8..<11))
        let statistics = stack.buffers.statistics
        #expect(statistics.hits == 0)
        if method.description.hasPrefix("partial") {
            #expect(statistics.reads >= 11)
        } else {
            #expect(statistics.reads == 11)
            #expect(statistics.readOperations == 2)
        }
        operation.giveBack()
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func hitsComeAloneAndEndReads(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 12)
        let session = try stack.session()
        for block: BlockNumber in [0, 4] {
            _ = try stack.buffers.page(block, of: relation, session: session)
        }
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        var count = 8
        #expect(try !stack.buffers.startRead(operation, block: 0, count: &count))
        #expect(count == 1)
        #expect(try stack.read(operation, 1, 8) == stamps(1..<4))
        #expect(try stack.read(operation, 4, 8) == stamps(4..<5))
        #expect(try stack.read(operation, 5, 3) == stamps(5..<8))
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func readsEndAtSegments(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.segmentBlocks = 5
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 12)
        let session = try stack.session()
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        #expect(try stack.read(operation, 2, 8) == stamps(2..<5))
        #expect(try stack.read(operation, 5, 8) == stamps(5..<10))
        #expect(try stack.read(operation, 10, 2) == stamps(10..<12))
    }

    @Test(arguments: IOMethodMatrix.all)
    func readingBehindTheEndFailsAndLeavesNothing(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 2)
        let session = try stack.session()
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.page(7, of: relation, session: session)
        }
        #expect(error?.code == .notFound)
        #expect(!stack.buffers.isResident(7, of: relation))
        stack.buffers.checkInvariants()
        // The blocks are created; the failure is forgotten.
        for block in 2..<8 { try Stack.writePage(relation, block, 5, extends: true) }
        let page = try stack.buffers.page(7, of: relation, session: session)
        #expect(page.stamp == Stack.Stamp(block: 7, version: 5))
    }

    @Test(arguments: IOMethodMatrix.all)
    func blocksThatCannotBeAreErrors(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 2)
        let session = try stack.session()
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        for block in [UInt32.max - 1, UInt32.max] {
            let error = #expect(throws: StorageError.self) {
                try stack.read(operation, block, 8)
            }
            #expect(error?.code == .notFound)
            #expect(operation.count == 0)
        }
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func readsInABatchAreAllBrought(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 32)
        let session = try stack.session()
        var operations: [ReadOperation] = []
        try session.enterBatch()
        for start in stride(from: UInt32(0), to: 32, by: 4) {
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            var count = 4
            _ = try stack.buffers.startRead(operation, block: BlockNumber(start), count: &count)
            #expect(count == 4)
            operations.append(operation)
        }
        try session.exitBatch()
        var seen: [Stack.Stamp?] = []
        for operation in operations.reversed() {
            try stack.buffers.waitRead(operation)
            while let page = operation.takePage() { seen.append(page.stamp) }
        }
        #expect(Set(seen.compactMap { $0?.block }) == Set(0..<32))
        #expect(seen.count == 32)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func anOperationDroppedInFlightLeavesItsPages(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 4)
        do {
            let session = try stack.session()
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            var count = 4
            _ = try stack.buffers.startRead(operation, block: 0, count: &count)
        }
        let session = try stack.session()
        for block: BlockNumber in [0, 1, 2, 3] {
            let page = try stack.buffers.page(block, of: relation, session: session)
            #expect(page.stamp?.block == block.rawValue)
        }
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func zeroedPagesAreNotReadAndComeLocked(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 2)
        let session = try stack.session()
        var page = try stack.buffers.page(
            1, of: relation, mode: .zeroAndLock, session: session)
        #expect((page.isLocked) as Bool)
        #expect((page.withView { $0.isAllZero }) as Bool)
        page.withEditor { editor in
            editor.initialize()
            Stack.stamp(&editor, 1, 9)
        }
        #expect((page.isDirty) as Bool)
        page.unlock()
        page.release()
        #expect(stack.buffers.statistics.reads == 0)
        try stack.buffers.flush(relation, session: session)
        _ = try stack.buffers.evictAll(session: session)
        let again = try stack.buffers.page(1, of: relation, session: session)
        #expect(again.stamp == Stack.Stamp(block: 1, version: 9))
    }

    @Test func adviceIsGivenForWhatIsNotResident() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 8)
        let session = try stack.session()
        _ = try stack.buffers.page(0, of: relation, session: session)
        #expect(try stack.buffers.prefetch(0, of: relation))
        #expect(stack.faults.prefetched.load(ordering: .relaxed) == 0)
        #expect(try !stack.buffers.prefetch(1, of: relation, count: 3))
        #expect(stack.faults.prefetched.load(ordering: .relaxed) == 3)
        // Under the synchronous method a deferred read advises instead.
        let operation = try ReadOperation(
            stack.buffers, relation: relation, session: session, options: .issuesAdvice)
        #expect(try stack.read(operation, 4, 4) == stamps(4..<8))
        #expect(stack.faults.prefetched.load(ordering: .relaxed) == 7)
    }

    @Test func settingsOutOfRangeAreRefused() throws {
        let system = try TestedMethod(.synchronous).makeSystem()
        var configuration = BufferConfiguration()
        configuration.bufferCount = 3
        #expect(throws: StorageError.self) {
            _ = try BufferManager(configuration: configuration, system: system)
        }
        configuration.bufferCount = 64
        configuration.combineLimit = 33
        let error = #expect(throws: StorageError.self) {
            _ = try BufferManager(configuration: configuration, system: system)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.remedy?.contains("maximumVectors") == true)
    }
}
