import AsyncIO
import BufferManager
import Checkpointing
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

/// Writing dirty pages before their buffers are needed.
@Suite struct BackgroundWriterTests {
    /// Rewrites a relation four times the pool's size, with occasional rounds or without.
    private func rewrite(_ method: TestedMethod, withWriter: Bool) throws -> BufferStatistics {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 256)
        let session = try stack.session()
        do {
            let own = try stack.session()
            let writer = BackgroundWriter(stack.buffers, session: own)
            for version: UInt32 in 1...2 {
                for block: UInt32 in 0..<256 {
                    try change(stack, relation, [block], version: version, session)
                    if withWriter && block % 8 == 7 { try writer.step() }
                }
            }
        }
        try stack.buffers.flushAll(session: session)
        for block: UInt32 in 0..<256 {
            #expect(
                try stack.stampOnDisk(relation, block) == Stack.Stamp(block: block, version: 2))
        }
        stack.buffers.checkInvariants()
        return stack.buffers.statistics
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func evictionsFindCleanPages(_ method: TestedMethod) throws {
        let without = try rewrite(method, withWriter: false)
        #expect(without.backgroundWrites == 0)
        #expect(without.evictionWrites > 400)
        let with = try rewrite(method, withWriter: true)
        #expect(with.backgroundWrites > 350)
        #expect(with.evictionWrites < without.evictionWrites / 4)
        #expect(with.allocations >= 512)
    }

    @Test(arguments: IOMethodMatrix.all)
    func aRoundWritesNoMoreThanItMay(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 64)
        let session = try stack.session()
        try change(stack, relation, 0..<64, version: 1, session)
        // Uses up the usage counts that keep the pages in the pool: the hand goes round and then
        // finds victims.
        for block: UInt32 in stride(from: 0, to: 64, by: 8) {
            _ = try stack.buffers.evict(BlockNumber(block), of: relation, session: session)
        }
        try change(stack, relation, 0..<64, version: 2, session)
        var options = BackgroundWriterOptions()
        options.maximumPages = 4
        options.multiplier = 1000
        let writer = BackgroundWriter(stack.buffers, session: session, options: options)
        var before = stack.buffers.statistics.backgroundWrites
        for _ in 0..<50 {
            try writer.step()
            let now = stack.buffers.statistics.backgroundWrites
            // Neighbours are written too, up to the combine limit.
            #expect(now - before <= 3 + 8)
            before = now
        }
        stack.buffers.checkInvariants()
    }

    @Test func whereNothingHappensThereIsNothingToDo() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 8)
        let session = try stack.session()
        var options = BackgroundWriterOptions()
        // Makes one round look at the whole pool.
        options.delay = .seconds(200)
        let writer = BackgroundWriter(stack.buffers, session: session, options: options)
        try writer.step()
        #expect(try writer.step() == .idle)
        // Returns although no buffer is given out.
        writer.sleepWhileIdle(atMost: .seconds(1000)) { true }
        _ = try stack.buffers.page(0, of: relation, session: session)
        #expect(try writer.step() == .done)
        writer.sleepWhileIdle(atMost: .milliseconds(1)) { false }
    }

    @Test(arguments: IOMethodMatrix.all)
    func whatCannotBeWrittenIsTriedAgain(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 64)
        let session = try stack.session()
        try change(stack, relation, 0..<32, version: 1, session)
        var options = BackgroundWriterOptions()
        options.delay = .seconds(200)
        let writer = BackgroundWriter(stack.buffers, session: session, options: options)
        stack.faults.failsWrites.store(true, ordering: .relaxed)
        // Readers use the clean half, and the hand lowers the usage counts of the others.
        var lastError: StorageError?
        for round in 0..<12 {
            for block: UInt32 in 32..<64 {
                _ = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
                if round % 2 == 0, block % 3 == 0 {
                    _ = try stack.buffers.evict(
                        BlockNumber(block), of: relation, session: session)
                }
            }
            do { try writer.step() } catch { lastError = error }
        }
        #expect(stack.faults.writes.load(ordering: .relaxed) == 0)
        stack.faults.failsWrites.store(false, ordering: .relaxed)
        for _ in 0..<12 { try writer.step() }
        try stack.buffers.flushAll(session: session)
        for block: UInt32 in 0..<32 {
            #expect(try stack.stampOnDisk(relation, block)?.version == 1)
        }
        if let lastError { #expect(lastError.errorNumber == 28) }
        stack.buffers.checkInvariants()
    }

    @Test func settingsThatCannotBe() {
        for change: (inout BackgroundWriterOptions) -> Void in [
            { $0.delay = .zero }, { $0.maximumPages = 0 }, { $0.multiplier = -1 },
            { $0.multiplier = .nan },
        ] {
            var options = BackgroundWriterOptions()
            change(&options)
            let error = #expect(throws: StorageError.self) { try options.validate() }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    /// If everything is pinned or being written, a session that needs a buffer waits for the
    /// writes.
    @Test func aFullPoolWaitsForWritesInFlight() throws {
        var options = Stack.Options()
        options.buffers = 16
        let stack = try Stack(TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless), options)
        let method = try #require(SimulatedMethod.of(stack.system))
        let relation = try stack.makeRelation(blocks: 32)
        let session = try stack.session()
        try change(stack, relation, 0..<8, version: 1, session)
        let pinned = try ReadOperation(stack.buffers, relation: relation, session: session)
        try stack.read(pinned, 8, 8)
        let hold = method.hold { $0.operation == .write }
        let flush = TestThreads.beside {
            try stack.buffers.flush(relation, session: stack.session())
        }
        try hold.waitUntilHolding(1)
        let others = try (8..<16).map { block in
            PageHolder(
                try stack.buffers.page(BlockNumber(block), of: relation, session: session))
        }
        let reader = TestThreads.beside {
            let page = try stack.buffers.page(20, of: relation, session: stack.session())
            #expect(page.stamp?.block == 20)
        }
        try stack.waitUntilSomebodySleeps()
        hold.release()
        #expect(try flush.join() == 8)
        try reader.join()
        _ = others
    }
}

/// Keeps a page pinned.
private final class PageHolder {
    private let page: PinnedPage
    init(_ page: consuming PinnedPage) { self.page = page }
}
