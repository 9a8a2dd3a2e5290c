import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

@Suite struct ContentLockTests {
    @Test func writersExcludeEachOtherAndReaders() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let counter = Atomic<Int>(0)
        try TestThreads.run(4) { thread in
            let session = try stack.session()
            for round in 0..<2000 {
                let page = try stack.buffers.page(0, of: relation, session: session)
                if thread < 2 {
                    page.withExclusiveLock { span in
                        // Not atomic: only exclusion keeps the sum right.
                        let now = unsafe span.bytes.unsafeLoad(
                            fromByteOffset: 4096, as: UInt64.self)
                        if round.isMultiple(of: 64) { sched_yield() }
                        span.storeBytes(of: now + 1, toByteOffset: 4096, as: UInt64.self)
                        span.storeBytes(of: now + 1, toByteOffset: 4104, as: UInt64.self)
                    }
                } else {
                    page.withSharedLock { span in
                        let left = unsafe span.unsafeLoad(fromByteOffset: 4096, as: UInt64.self)
                        let right = unsafe span.unsafeLoad(fromByteOffset: 4104, as: UInt64.self)
                        if left != right { counter.add(1, ordering: .relaxed) }
                    }
                }
            }
        }
        #expect(counter.load(ordering: .relaxed) == 0)
        let page = try stack.buffers.page(0, of: relation, session: stack.session())
        let sum = page.withSharedLock {
            unsafe $0.unsafeLoad(fromByteOffset: 4096, as: UInt64.self)
        }
        #expect(sum == 4000)
        page.release()
        stack.buffers.checkInvariants()
    }

    @Test func readersShareAndAWriterSleepsUntilTheyHaveGone() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let page = try stack.buffers.page(0, of: relation, session: stack.session())
        let readers = Atomic<Int>(0)
        let goes = Atomic<Bool>(false)
        let running = (0..<2).map { _ in
            TestThreads.beside {
                let page = try stack.buffers.page(0, of: relation, session: stack.session())
                page.withSharedLock { _ in
                    readers.add(1, ordering: .relaxed)
                    while !goes.load(ordering: .relaxed) { usleep(100) }
                    readers.subtract(1, ordering: .relaxed)
                }
            }
        }
        try TestThreads.waitOrFail("both read at once") { readers.load(ordering: .relaxed) == 2 }
        let writer = TestThreads.beside {
            let page = try stack.buffers.page(0, of: relation, session: stack.session())
            return page.withExclusiveLock { _ in readers.load(ordering: .relaxed) }
        }
        let watched = try stack.buffers.page(0, of: relation, session: stack.session())
        try TestThreads.waitOrFail("the writer sleeps") { watched.hasLockWaiters }
        #expect(!writer.isDone)
        watched.release()
        goes.store(true, ordering: .relaxed)
        #expect(try writer.join() == 0)
        for reader in running { try reader.join() }
        #expect((page.isDirty) as Bool)
    }

    @Test func changesDuringAWriteStayDirty() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let session = try stack.session()
        try TestThreads.run(2) { thread in
            let session = try stack.session()
            for version in 1...500 {
                let page = try stack.buffers.page(0, of: relation, session: session)
                if thread == 0 {
                    page.withExclusiveLock { Stack.restamp(&$0, version: UInt32(version)) }
                } else {
                    try stack.buffers.flush(page, session: session)
                }
            }
        }
        try stack.buffers.flushAll(session: session)
        #expect(try stack.stampOnDisk(relation, 0) == Stack.Stamp(block: 0, version: 500))
    }

    @Test func anErrorGivesTheLockBack() throws {
        struct Stop: Error {}
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let page = try stack.buffers.page(0, of: relation, session: stack.session())
        #expect(throws: Stop.self) {
            try page.withExclusiveLock { (_: inout MutableRawSpan) throws(Stop) in throw Stop() }
        }
        #expect(throws: Stop.self) {
            try page.withSharedLock { (_: RawSpan) throws(Stop) in throw Stop() }
        }
        page.withExclusiveLock(dirtying: false) { _ in }
        let again = try page.pinAgain()
        page.release()
        #expect(again.stamp == Stack.Stamp(block: 0, version: 0))
        again.release()
        stack.buffers.checkInvariants()
    }

    @Test func aPinMayGoOnAnotherThread() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let page = try stack.buffers.page(0, of: relation, session: stack.session())
        let box = Mutex<PinnedPage?>(page)
        try TestThreads.run {
            let page = box.withLock { $0.take() }
            #expect(page?.stamp?.block == 0)
        }
        stack.buffers.checkInvariants()
    }
}
