import StorageTesting
import Testing
import Threads

@Suite struct LockTests {
    @Test func oneThreadAtATime() throws {
        final class Shared: Sendable { let numbers = Lock([Int](), rank: .observer) }
        let shared = Shared()
        try TestThreads.run(4) { thread in
            for step in 0..<5000 { shared.numbers.withLock { $0.append(thread * 5000 + step) } }
        }
        #expect(shared.numbers.withLock { $0.sorted() } == Array(0..<20000))
    }

    @Test func tryingDoesNotWait() {
        let lock = Lock(1, rank: .observer)
        let inner: Int? = lock.withLock { _ in lock.withLockIfAvailable { $0 } }
        #expect(inner == nil)
        #expect(lock.withLockIfAvailable { $0 } == 1)
    }

    @Test func errorsGiveTheLockBack() {
        let lock = Lock(1, rank: .observer)
        #expect(throws: CancellationError.self) {
            try lock.withLock { (value) throws(CancellationError) in
                value = 2
                throw CancellationError()
            }
        }
        #expect(lock.withLock { $0 } == 2)
    }
}
