import AsyncIO
import StorageTesting
import Testing
import Threads

@Suite struct LockTests {
    @Test func oneThreadAtATime() throws {
        final class Shared: Sendable { let numbers = Lock([Int]()) }
        let shared = Shared()
        try Threads.run(4) { thread in
            for step in 0..<5000 { shared.numbers.withLock { $0.append(thread * 5000 + step) } }
        }
        #expect(shared.numbers.withLock { $0.sorted() } == Array(0..<20000))
    }

    @Test func tryingDoesNotWait() {
        let lock = Lock(1)
        let inner: Int? = lock.withLock { _ in lock.withLockIfAvailable { $0 } }
        #expect(inner == nil)
        #expect(lock.withLockIfAvailable { $0 } == 1)
    }

    @Test func errorsGiveTheLockBack() {
        let lock = Lock(1)
        #expect(throws: StorageError.self) {
            try lock.withLock { (value) throws(StorageError) in
                value = 2
                throw StorageError(.misuse, "a test's error")
            }
        }
        #expect(lock.withLock { $0 } == 2)
    }
}
