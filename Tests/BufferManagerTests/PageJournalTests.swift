import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

/// No page is written in place before its copy is durable in the journal. The storage checks that
/// for every page it is given.
@Suite struct PageJournalTests {
    private let journal = RecordedJournal()

    private func stack(_ method: TestedMethod) throws -> Stack {
        var options = Stack.Options()
        options.journal = journal
        // Room for several batches.
        options.buffers = 512
        return try Stack(method, options)
    }

    private func change(
        _ stack: Stack, _ relation: OpenRelation, _ blocks: Range<UInt32>, version: UInt32,
        _ session: Session
    ) throws {
        for block in blocks {
            let page = try stack.buffers.page(
                BlockNumber(block), of: relation, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: version) }
        }
    }

    private func expectVersion(
        _ version: UInt32, of blocks: Range<UInt32>, _ stack: Stack, _ relation: OpenRelation
    ) throws {
        for block in blocks {
            #expect(try stack.stampOnDisk(relation, block)?.version == version)
        }
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func theNextBatchIsRecordedWhileOneBecomesDurable(_ method: TestedMethod) throws {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 160)
        let session = try stack.session()
        try change(stack, relation, 0..<160, version: 1, session)
        #expect(try stack.buffers.flushAll(session: session) == 160)
        try expectVersion(1, of: 0..<160, stack, relation)
        let events = journal.events
        let batches = events.count { if case .recorded = $0 { true } else { false } }
        #expect(batches > 2)
        for batch in 0..<UInt64(batches) {
            let recorded = try #require(events.firstIndex(of: .recorded(batch)))
            let durable = try #require(events.firstIndex(of: .durable(batch)))
            let finished = try #require(events.firstIndex(of: .finished(batch)))
            #expect(recorded < durable && durable < finished)
            #expect(events.count { $0 == .finished(batch) } == 1)
        }
        let second = try #require(events.firstIndex(of: .recorded(1)))
        #expect(second < events.firstIndex(of: .durable(0)) ?? 0)
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
    }

    @Test(
        arguments: IOMethodMatrix.all, [RecordedJournal.Step.record, .makeDurable])
    func whatTheJournalRefusesStaysDirty(_ method: TestedMethod, _ step: RecordedJournal.Step)
        throws
    {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 160)
        let session = try stack.session()
        try change(stack, relation, 0..<160, version: 1, session)
        let refusal = StorageError(.writeFailed, "the journal's disk is full", errorNumber: 28)
        journal.fail(step, with: refusal)
        for _ in 0..<2 {
            let error = #expect(throws: StorageError.self) {
                try stack.buffers.flushAll(session: session)
            }
            #expect(error?.message == refusal.message)
        }
        #expect(stack.faults.writes.load(ordering: .relaxed) == 0)
        // The journal may have older copies of them, which it must not drop.
        var recorded = 0
        for case .recorded(let batch) in journal.events {
            recorded += 1
            #expect(journal.events.count { $0 == .finished(batch) } == 1)
        }
        var unwritten = 0
        for case .unwritten(_, let count) in journal.events { unwritten += count }
        #expect(unwritten == (step == .record ? 0 : 2 * 160))
        #expect((recorded > 0) == (step != .record))
        journal.fail(step, with: nil)
        #expect(try stack.buffers.flushAll(session: session) == 160)
        try expectVersion(1, of: 0..<160, stack, relation)
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
    }

    /// Copies that became durable after the store had failed are not written in place.
    @Test(arguments: IOMethodMatrix.all)
    func whatIsRecordedWhenTheLogFailsStaysDirty(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.journal = journal
        options.buffers = 512
        let log = RecordedLog()
        options.log = log
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 160)
        let session = try stack.session()
        for block: UInt32 in 0..<160 {
            let page = try stack.buffers.page(
                BlockNumber(block), of: relation, session: session)
            page.withExclusiveLock { Stack.restamp(&$0, version: 1) }
            page.withEditor { $0.lsn = LSN(1 + UInt64(block)) }
        }
        // The first batch passes; the second fails to sync the log.
        log.fail(with: StorageError(.syncFailed, "no log"), afterFlushes: 1)
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.flushAll(session: session)
        }
        #expect(error?.code == .syncFailed)
        #expect(journal.events.contains(.recorded(0)))
        #expect(stack.faults.writes.load(ordering: .relaxed) == 0)
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
    }

    /// After a failed sync, nobody knows what is on disk. That holds for other callers' syncs too.
    @Test(
        arguments: IOMethodMatrix.all,
        [RecordedJournal.Step.record, .makeDurable, .makeRoom])
    func aFailedSyncStopsAllWriting(_ method: TestedMethod, _ step: RecordedJournal.Step) throws {
        let stack = try stack(method)
        let relation = try stack.makeRelation(blocks: 160)
        let session = try stack.session()
        try change(stack, relation, 0..<160, version: 1, session)
        if step == .makeRoom { journal.becomeFull() }
        let failure = StorageError(.syncFailed, "the journal cannot be synced", errorNumber: 5)
        journal.fail(step, with: failure)
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.flushAll(session: session)
        }
        #expect(error?.message == failure.message)
        let written = stack.faults.writes.load(ordering: .relaxed)
        journal.fail(step, with: nil)
        let later = #expect(throws: StorageError.self) {
            try stack.buffers.flushAll(session: session)
        }
        #expect(later?.code == .storeFailed)
        #expect(stack.faults.writes.load(ordering: .relaxed) == written)
        #expect(stack.system.snapshot().isEmpty)
        stack.buffers.checkInvariants()
    }
}
