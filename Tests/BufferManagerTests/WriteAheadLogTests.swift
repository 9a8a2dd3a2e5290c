import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

/// No page is written before its log, and the log is not flushed more often than necessary. The
/// storage checks the order for every page it is given.
@Suite struct WriteAheadLogTests {
    private let log = RecordedLog()

    private func stack(_ method: TestedMethod) throws -> Stack {
        var options = Stack.Options()
        options.log = log
        return try Stack(method, options)
    }

    /// Changes pages, with log records that end at the positions.
    private func change(
        _ stack: Stack, _ relation: OpenRelation, _ positions: [UInt64], from first: UInt32 = 0,
        version: UInt32 = 1, _ session: Session
    ) throws {
        for (offset, position) in positions.enumerated() {
            let page = try stack.buffers.page(
                BlockNumber(first + UInt32(offset)), of: relation, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: version) }
            page.withEditor { $0.lsn = LSN(position) }
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func pagesFlushedTogetherFlushTheLogOnce(_ method: TestedMethod) throws {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 16)
        let session = try stack.session()
        try change(stack, relation, [30, 10, 70, 20, 0, 5, 60, 40], session)
        try change(stack, relation, [50, 65, 70, 1, 2, 3, 4, 5], from: 8, session)
        #expect(try stack.buffers.flush(relation, session: session) == 16)
        // The first flush has made durable all that the second eight pages need.
        #expect(log.flushes == [LSN(70)])
        for block: UInt32 in 0..<16 {
            #expect(
                try stack.stampOnDisk(relation, block) == Stack.Stamp(block: block, version: 1))
        }
        try change(stack, relation, [71], from: 3, version: 2, session)
        let page = try stack.buffers.page(3, of: relation, session: session)
        try stack.buffers.flush(page, session: session)
        #expect(log.flushes == [LSN(70), LSN(71)])
    }

    @Test(arguments: IOMethodMatrix.all)
    func pagesWithoutAPositionNeedNoLog(_ method: TestedMethod) throws {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 4)
        let session = try stack.session()
        let local = try stack.makeRelation(7, blocks: 4, localTo: session.index)
        try change(stack, relation, [0, 0, 0, 0], session)
        #expect(try stack.buffers.flushAll(session: session) == 4)
        log.fail(with: StorageError(.writeFailed, "must not be asked"))
        try change(stack, local, [0, 0], session)
        #expect(try stack.buffers.flush(local, session: session) == 2)
        #expect(log.flushes == [])
        try stack.buffers.dropLocal(session: session)
    }

    @Test(arguments: IOMethodMatrix.all)
    func victimsAndExtensionsFlushTheLog(_ method: TestedMethod) throws {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 192)
        let session = try stack.session()
        // Three times the pool's size: most pages are written to make room.
        for block: UInt32 in 0..<192 {
            try change(stack, relation, [UInt64(block) + 1], from: block, session)
        }
        #expect(log.flushes.count > 4)
        let before = log.flushes.count
        for block: UInt32 in 0..<64 {
            try change(stack, relation, [1000 + UInt64(block)], from: block, session)
        }
        do {
            let pages = try stack.buffers.extend(relation, by: 16, session: session)
            #expect(pages.count > 0)
        }
        #expect(log.flushes.count > before)
        _ = try stack.buffers.evictAll(session: session)
        #expect(log.flushes.max() == LSN(1063))
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func whatTheLogRefusesStaysDirty(_ method: TestedMethod) throws {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 8)
        let session = try stack.session()
        try change(stack, relation, [1, 2, 3, 4, 5, 6, 7, 8], session)
        let refusal = StorageError(.writeFailed, "the log's disk is full", errorNumber: 28)
        log.fail(with: refusal)
        let flushing = #expect(throws: StorageError.self) {
            try stack.buffers.flushAll(session: session)
        }
        let evicting = #expect(throws: StorageError.self) {
            _ = try stack.buffers.evict(relation, session: session)
        }
        #expect(flushing?.message == refusal.message && evicting?.message == refusal.message)
        #expect(stack.faults.writes.load(ordering: .relaxed) == 0)
        log.fail(with: nil)
        #expect(try stack.buffers.flushAll(session: session) == 8)
        for block: UInt32 in 0..<8 {
            #expect(try stack.stampOnDisk(relation, block)?.version == 1)
        }
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
    }
}
