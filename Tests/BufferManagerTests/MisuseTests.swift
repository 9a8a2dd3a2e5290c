import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Testing
import Threads

/// Mistakes that a page's locks, and blocks that are not there, bring about.
@Suite struct MisuseTests {
    /// A page that came with its lock, and a second way to its lock in the same thread: once these
    /// waited for ever.
    @Test(.timeLimit(.minutes(2)), arguments: 0..<5)
    func aThreadDoesNotWaitForItself(way: Int) async throws {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) { [way] in
            let stack = try Stack(TestedMethod(.synchronous))
            let relation = try stack.makeRelation(blocks: 2)
            let session = try stack.session()
            let locked = try stack.buffers.page(
                1, of: relation, mode: .zeroAndLock, session: session)
            let page = try stack.buffers.page(1, of: relation, session: session)
            switch way {
            case 0: page.withView { _ in }
            case 1: page.withSharedLock { _ in }
            case 2: page.withEditor { _ in }
            case 3: page.withExclusiveLock { _ in }
            default:
                _ = try stack.buffers.page(1, of: relation, mode: .zeroAndLock, session: session)
            }
            locked.release()
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("a page's content lock that it holds already"), "\(text)")
    }

    @Test(.timeLimit(.minutes(2)), arguments: IOMethodMatrix.all)
    func aPageIsNotWrittenByTheThreadThatAskedForItsLock(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 2)
        let session = try stack.session()
        var page = try stack.buffers.page(1, of: relation, mode: .zeroAndLock, session: session)
        page.withEditor { editor in
            editor.initialize()
            Stack.stamp(&editor, 1, 4)
        }
        let error = #expect(throws: StorageError.self) {
            try stack.buffers.flush(relation, session: session)
        }
        #expect(error?.code == .misuse && error?.location.block == 1)
        page.unlock()
        page.release()
        try stack.buffers.flush(relation, session: session)
        #expect(try stack.stampOnDisk(relation, 1) == Stack.Stamp(block: 1, version: 4))
        stack.buffers.checkInvariants()
    }

    /// The lock belongs to the page's value: what counts is that it was released, not where.
    @Test func aLockThatAnotherThreadReleasedIsFree() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let session = try stack.session()
        let kept = PageBox(
            try stack.buffers.page(0, of: relation, mode: .zeroAndLock, session: session))
        try TestThreads.run(1) { _ in kept.drop() }
        let page = try stack.buffers.page(0, of: relation, session: session)
        page.withEditor { $0.initialize() }
        // Others wait for a page's lock as before.
        let locked = try stack.buffers.page(0, of: relation, mode: .zeroAndLock, session: session)
        let reader = TestThreads.beside {
            let page = try stack.buffers.page(0, of: relation, session: stack.session())
            return page.withView { !$0.isNew }
        }
        try TestThreads.waitOrFail("the reader sleeps") { page.hasLockWaiters }
        locked.release()
        #expect(try reader.join())
    }

    @Test(arguments: IOMethodMatrix.all)
    func aBlockBehindTheEndDoesNotExist(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.segmentBlocks = 32
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 45)
        let session = try stack.session()
        // In the last segment, and in one that is not there.
        for block: BlockNumber in [45, 63, 5000] {
            for mode: ReadMode? in [nil, .normal, .zeroOnError, .zeroAndLock] {
                let error = #expect(throws: StorageError.self) {
                    _ = try stack.buffers.page(block, of: relation, mode: mode, session: session)
                }
                #expect(error?.code == .notFound)
                #expect(
                    error?.message == "block \(block) of relation \"base/1/16384\" does not exist:"
                        + " the fork has 45 blocks")
                #expect(error?.location.block == block.rawValue)
            }
        }
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        let error = #expect(throws: StorageError.self) {
            _ = try stack.read(operation, 44, 8)
            _ = try stack.read(operation, 45, 8)
        }
        #expect(error?.code == .notFound && error?.location.block == 45)
        try stack.buffers.flush(relation, session: session)
        #expect(try relation.storage.blockCount(.main) == 45)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func aForkGrowsWhereThatIsAskedFor(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 3)
        let session = try stack.session()
        for block: BlockNumber in [2, 9] {
            var page = try stack.buffers.page(
                block, of: relation, mode: .extendAndLock, session: session)
            #expect((page.isLocked) as Bool)
            page.withEditor { editor in
                editor.initialize()
                Stack.stamp(&editor, block.rawValue, 8)
            }
            page.unlock()
        }
        #expect(try relation.storage.blockCount(.main) == 10)
        try stack.buffers.flush(relation, session: session)
        _ = try stack.buffers.evictAll(session: session)
        let between = try stack.buffers.page(5, of: relation, session: session)
        #expect((between.withView { $0.isNew }) as Bool)
        let last = try stack.buffers.page(9, of: relation, session: session)
        #expect(last.stamp == Stack.Stamp(block: 9, version: 8))
    }

    private final class PageBox: @unchecked Sendable {
        private var page: PinnedPage?
        init(_ page: consuming PinnedPage) { self.page = consume page }
        func drop() { page = nil }
    }
}
