import Testing
import Threads

@Suite struct LockOrderTests {
    @Test func downwardsIsAllowed() {
        let outer = Lock(1, rank: .engineState)
        let inner = Lock(2, rank: .observer)
        let sum = outer.withLock { first in first + inner.withLock { $0 } }
        #expect(sum == 3)
        // What was given back no longer counts.
        #expect(inner.withLock { $0 } + outer.withLock { $0 } == 3)
    }

    @Test func locksThatAreGivenBackCrosswiseAreForgotten() {
        let outer = ParkingLock(rank: .engineState)
        let inner = ParkingLock(rank: .observer)
        outer.lock()
        inner.lock()
        outer.unlock()
        inner.unlock()
        outer.lock()
        outer.unlock()
    }

    @Test func someRanksNest() {
        let first = Lock(1, rank: .forkSync)
        let second = Lock(2, rank: .forkSync)
        #expect(first.withLock { first in first + second.withLock { $0 } } == 3)
    }

    @Test func tryingIsAllowedInAnyOrder() {
        let outer = Lock(1, rank: .engineState)
        let inner = Lock(2, rank: .observer)
        let found = inner.withLock { _ in outer.withLockIfAvailable { $0 } }
        #expect(found == 1)
    }

    static let skipped: Comment = "a release build does not check the order of locks"

    @Test(.enabled(if: LockOrder.isChecked, skipped))
    func upwardsStopsTheProcessWithBothNames() async throws {
        let result = try #require(
            await #expect(
                processExitsWith: .failure, observing: [\.standardErrorContent]
            ) {
                let outer = Lock(1, rank: .engineState)
                let inner = Lock(2, rank: .descriptorTable)
                inner.withLock { _ in outer.withLock { _ in } }
            })
        let said = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(
            said.contains("\"engineState\" is taken while the thread holds \"descriptorTable\""))
    }

    @Test(.enabled(if: LockOrder.isChecked, skipped))
    func twoOfOneRankStopTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let first = Lock(1, rank: .engineState)
            let second = Lock(2, rank: .engineState)
            first.withLock { _ in second.withLock { _ in } }
        }
    }

    @Test(.enabled(if: LockOrder.isChecked, skipped))
    func whatIsTriedCountsAsHeld() async {
        await #expect(processExitsWith: .failure) {
            let outer = Lock(1, rank: .engineState)
            let inner = Lock(2, rank: .descriptorTable)
            _ = inner.withLockIfAvailable { _ in outer.withLock { _ in } }
        }
    }
}
