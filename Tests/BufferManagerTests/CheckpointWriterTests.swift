import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

/// Pages that are dirty when a checkpoint begins are written in balanced order. Also the
/// consequences of a failed sync.
@Suite struct CheckpointWriterTests {
    private func version(_ stack: Stack, _ relation: OpenRelation, _ block: UInt32) throws -> UInt32
    {
        try #require(try stack.stampOnDisk(relation, block)).version
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func onlyWhatWasDirtyIsWritten(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let first = try stack.makeRelation(1, blocks: 24)
        let second = try stack.makeRelation(2, blocks: 24)
        let session = try stack.session()
        try change(stack, first, 0..<16, version: 1, session)
        try change(stack, first, 20..<24, version: 1, session)
        let checkpoint = try CheckpointWriter(stack.buffers, session: session)
        #expect(checkpoint.pageCount == 20)
        try change(stack, second, 0..<24, version: 1, session)
        // Written by another session meanwhile, and changed again: left to the next checkpoint.
        let page = try stack.buffers.page(20, of: first, session: session)
        try stack.buffers.flush(page, session: session)
        page.release()
        try change(stack, first, 20..<24, version: 2, session)
        #expect(checkpoint.step(pages: 10))
        #expect(checkpoint.passedCount == 10)
        while checkpoint.step(pages: 7) {}
        try checkpoint.finish()
        for block: UInt32 in 0..<24 {
            #expect(try version(stack, first, block) == ((16..<20).contains(block) ? 0 : 1))
            #expect(try version(stack, second, block) == 0)
        }
        #expect(stack.buffers.statistics.checkpointWrites == 16)
        let next = try CheckpointWriter(stack.buffers, session: session)
        #expect(next.pageCount == 28)
        while next.step(pages: 100) {}
        try next.finish()
        #expect(try version(stack, first, 22) == 2)
        #expect(try CheckpointWriter(stack.buffers, session: session).pageCount == 0)
        stack.buffers.checkInvariants()
    }

    /// The log is flushed for each write whose position is above all before: for all of them if
    /// they come in the expected order.
    @Test(arguments: IOMethodMatrix.all)
    func filesComeForwardAlike(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.buffers = 1024
        let log = RecordedLog()
        options.log = log
        let stack = try Stack(method, options)
        let first = try stack.makeRelation(1, blocks: 600)
        let second = try stack.makeRelation(2, blocks: 300)
        let session = try stack.session()
        var position: UInt64 = 0
        for (relation, blocks) in [
            (first, 0..<256), (second, 0..<256), (first, 256..<512), (first, 512..<600),
            (second, 256..<300),
        ] {
            for block in blocks {
                position += 1
                let page = try stack.buffers.page(
                    BlockNumber(UInt32(block)), of: relation, session: session)
                page.withEditor { $0.lsn = LSN(position) }
            }
        }
        let checkpoint = try CheckpointWriter(stack.buffers, session: session)
        while checkpoint.step(pages: 100) {}
        try checkpoint.finish()
        #expect(log.flushes.count == 75 + 38)
        #expect(log.flushes == log.flushes.sorted())
        #expect(log.flushes.last == LSN(900))
    }

    @Test(arguments: IOMethodMatrix.all)
    func errorsComeAtTheEnd(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 24)
        let session = try stack.session()
        try change(stack, relation, 0..<24, version: 1, session)
        stack.faults.failsWrites.store(true, ordering: .relaxed)
        let checkpoint = try CheckpointWriter(stack.buffers, session: session)
        #expect(checkpoint.step(pages: 8))
        checkpoint.settle()
        stack.faults.failsWrites.store(false, ordering: .relaxed)
        while checkpoint.step(pages: 8) {}
        let error = #expect(throws: StorageError.self) { try checkpoint.finish() }
        #expect(error?.errorNumber == 28)
        // The next one retries what could not be written.
        let next = try CheckpointWriter(stack.buffers, session: session)
        #expect(next.pageCount == 8)
        while next.step(pages: 8) {}
        try next.finish()
        for block: UInt32 in 0..<24 { #expect(try version(stack, relation, block) == 1) }
    }

    @Test(arguments: IOMethodMatrix.all)
    func afterAFailedSyncNothingIsWritten(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 128)
        let session = try stack.session()
        try change(stack, relation, 0..<16, version: 1, session)
        let failure = StorageError(
            .syncFailed, "could not sync", at: StorageError.Location(path: "base/1/1"),
            errorNumber: 5)
        #expect(stack.buffers.refuseWrites(because: failure))
        #expect(!stack.buffers.refuseWrites(because: failure))
        #expect(stack.buffers.writeFailure?.errorNumber == 5)
        let before = stack.faults.writes.load(ordering: .relaxed)
        let page = try stack.buffers.page(3, of: relation, session: session)
        let checkpoint = try CheckpointWriter(stack.buffers, session: session)
        while checkpoint.step(pages: 8) {}
        let writer = BackgroundWriter(stack.buffers, session: session)
        let attempts: [() throws -> Void] = [
            { try stack.buffers.flushAll(session: session) },
            { try stack.buffers.flush(relation, session: session) },
            { _ = try stack.buffers.evictAll(session: session) },
            { try checkpoint.finish() }, { try writer.step() },
        ]
        for attempt in attempts {
            let error = #expect(throws: StorageError.self) { try attempt() }
            #expect(error?.code == .storeFailed)
            #expect(error?.location.path == "base/1/1")
            #expect(error?.underlying?.code == .syncFailed)
        }
        #expect(throws: StorageError.self) { try stack.buffers.flush(page, session: session) }
        // Clean pages make room for all reads, and dirty ones stay as they are.
        for block: UInt32 in 0..<128 {
            let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
            #expect(page.stamp == Stack.Stamp(block: block, version: block < 16 ? 1 : 0))
        }
        #expect(stack.faults.writes.load(ordering: .relaxed) == before)
        #expect(try version(stack, relation, 3) == 0)
        page.release()
        stack.buffers.checkInvariants()
    }

    /// If everything is dirty, no buffer can be taken.
    @Test func aPoolOfChangesThatNobodyWritesTakesNoMore() throws {
        var options = Stack.Options()
        options.buffers = 16
        let stack = try Stack(TestedMethod(.synchronous), options)
        let relation = try stack.makeRelation(blocks: 32)
        let session = try stack.session()
        try change(stack, relation, 0..<16, version: 1, session)
        stack.buffers.refuseWrites(because: StorageError(.syncFailed, "could not sync"))
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.page(20, of: relation, session: session)
        }
        #expect(error?.code == .storeFailed)
        #expect(try stack.buffers.page(3, of: relation, session: session).stamp?.version == 1)
    }

    /// After a failed sync of the log, what is on disk is unknown.
    @Test func aFailedSyncOfTheLogIsFinal() throws {
        let log = RecordedLog()
        var options = Stack.Options()
        options.log = log
        let stack = try Stack(TestedMethod(.synchronous), options)
        let relation = try stack.makeRelation(blocks: 4)
        let session = try stack.session()
        let page = try stack.buffers.page(0, of: relation, session: session)
        page.withEditor { $0.lsn = LSN(7) }
        log.fail(with: StorageError(.syncFailed, "could not sync the log"))
        let first = #expect(throws: StorageError.self) {
            try stack.buffers.flush(page, session: session)
        }
        #expect(first?.code == .syncFailed)
        log.fail(with: nil)
        let second = #expect(throws: StorageError.self) {
            try stack.buffers.flush(page, session: session)
        }
        #expect(second?.code == .storeFailed)
        #expect(page.isDirty as Bool)
    }
}
