import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

/// Content locks that tasks wait for.
@Suite struct AwaitedLockTests {
    /// A page whose content lock a thread holds until told to release it.
    private final class LockedPage: Sendable {
        let stack: Stack
        private let goesOn = Atomic<Bool>(false)
        private let isHeld = Atomic<Bool>(false)
        private let holder = Lock<RunningThread<Void>?>(nil, rank: .observer)
        let relation: OpenRelation
        let session: SessionBox

        final class SessionBox: @unchecked Sendable {
            let session: Session
            init(_ session: Session) { self.session = session }
        }

        init(exclusive: Bool) throws {
            let stack = try Stack(TestedMethod(.synchronous))
            self.stack = stack
            let relation = try stack.makeRelation(blocks: 2)
            self.relation = relation
            session = SessionBox(try stack.session())
            let thread = TestThreads.beside { [self] in
                let session = try stack.session()
                do {
                    let page = try stack.buffers.page(
                        BlockNumber(0), of: relation, session: session)
                    if exclusive {
                        page.withExclusiveLock { _ in hold() }
                    } else {
                        page.withSharedLock { _ in hold() }
                    }
                }
                session.close()
            }
            holder.withLock { $0 = thread }
            try TestThreads.waitOrFail("the lock is held") { isHeld.load(ordering: .acquiring) }
        }

        private func hold() {
            isHeld.store(true, ordering: .releasing)
            // The tasks share a pool with those of all other tests.
            try? TestThreads.waitOrFail("it may be given back", seconds: 1800) {
                goesOn.load(ordering: .acquiring)
            }
        }

        func page() throws -> PinnedPage {
            try stack.buffers.page(BlockNumber(0), of: relation, session: session.session)
        }

        func giveBack() { goesOn.store(true, ordering: .releasing) }

        func end() throws {
            giveBack()
            try holder.withLock { $0 }?.join()
            session.session.close()
        }
    }

    @Test(arguments: [true, false])
    func tasksWaitForTheHolder(_ exclusive: Bool) async throws {
        let locked = try LockedPage(exclusive: exclusive)
        let (begun, done) = (Tally(), Tally())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<16 {
                let page = try locked.page()
                let box = PageBox(page)
                group.addTask {
                    begun.add()
                    if index % 2 == 0 || !exclusive {
                        try await box.page.withExclusiveLock { _ in }
                    } else {
                        try await box.page.withSharedLock { _ in }
                    }
                    done.add()
                }
            }
            while begun.count < 16 { await Task.yield() }
            for _ in 0..<100 { await Task.yield() }
            #expect(done.count == 0)
            locked.giveBack()
            try await group.waitForAll()
        }
        #expect(done.count == 16)
        try locked.end()
    }

    @Test func aCancelledTaskLeavesAtOnce() async throws {
        let locked = try LockedPage(exclusive: true)
        let box = PageBox(try locked.page())
        let task = Task { try await box.page.withView { _ in } }
        for _ in 0..<100 { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        // The others find the lock unchanged.
        let other = Task { try await box.page.withView { _ in } }
        locked.giveBack()
        try await other.value
        try locked.end()
    }

    @Test func changesByTasksDoNotMeet() async throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let session = try stack.session()
        do {
            let box = PageBox(
                try stack.buffers.page(BlockNumber(0), of: relation, session: session))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<200 {
                            try? await box.page.withExclusiveLock { bytes in
                                let old = unsafe bytes.bytes.unsafeLoad(
                                    fromByteOffset: 4096, as: UInt32.self)
                                bytes.storeBytes(
                                    of: old + 1, toByteOffset: 4096, as: UInt32.self)
                            }
                            await Task.yield()
                        }
                    }
                }
            }
            let sum = try await box.page.withSharedLock { bytes in
                unsafe bytes.unsafeLoad(fromByteOffset: 4096, as: UInt32.self)
            }
            #expect(sum == 1600)
        }
        session.close()
    }

    @Test func aLockIsNotHeldAcrossAnAwait() async throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let session = try stack.session()
        do {
            var page = try stack.buffers.page(
                BlockNumber(0), of: relation, mode: .zeroAndLock, session: session)
            do {
                try await page.withEditor { _ in }
                Issue.record("the lock that the page came with was held across an await")
            } catch let error as StorageError {
                #expect(error.code == .misuse)
            }
            page.unlock()
            try await page.withEditor { editor in editor.initialize() }
        }
        session.close()
    }

    /// A number that tasks share.
    private final class Tally: Sendable {
        private let value = Atomic<Int>(0)
        var count: Int { value.load(ordering: .acquiring) }
        func add() { value.add(1, ordering: .releasing) }
    }

    private final class PageBox: Sendable {
        let page: PinnedPage
        init(_ page: consuming PinnedPage) { self.page = page }
    }
}
