import AsyncIO
import StorageManager
import StorageTesting
import Testing
import Threads

@testable import StoreFormat

/// Who leads, which changes share a step, and in which order they are made.
@Suite struct CatalogChangesTests {
    private typealias Changes = CatalogChanges<[Int]>

    /// Makes changes that came in this order while another one was being made.
    ///
    /// - Returns: the numbers of the changes, step by step.
    private static func steps(_ areShareable: [Bool]) throws -> [[Int]] {
        let changes = Changes()
        let isHeld = Lock(true, rank: .observer)
        let steps = Lock<[[Int]]>([], rank: .observer)
        let run: @Sendable (Int, Bool) throws -> Void = { number, isShareable in
            var made: [Int] = []
            let change = Changes.Change(isShareable: isShareable) { catalog in
                catalog.nextFileNumber += 1
            } whenDurable: {
            } publish: { state in
                state.append(number)
            }
            try changes.make(change) { take in
                if number == 0 {
                    while isHeld.withLock({ $0 }) { sched_yield() }
                }
                let step = take()
                var catalog = Catalog(identifier: 1)
                guard step.make(in: &catalog) else { return }
                step.putInPlace()
                step.show(in: &made)
                steps.withLock { [made] in $0.append(made) }
            }
        }
        var threads: [RunningThread<Void>] = []
        for (number, isShareable) in areShareable.enumerated() {
            threads.append(TestThreads.beside { try run(number, isShareable) })
            try TestThreads.waitOrFail("change \(number) waits") {
                changes.waitingCount == number + 1
            }
        }
        isHeld.withLock { $0 = false }
        for thread in threads { try thread.join() }
        return steps.withLock { $0 }
    }

    @Test func allThatWaitShareAStep() throws {
        let found = try Self.steps([true, true, true, true])
        #expect(found == [[0, 1, 2, 3]])
    }

    @Test func theOrderIsKept() throws {
        let found = try Self.steps([true, true, false, true, false, false, true, true])
        #expect(found == [[0, 1], [2], [3], [4], [5], [6, 7]])
    }

    @Test func eachLearnsItsOwnFailureOrThatOfTheStep() throws {
        let changes = Changes()
        let isHeld = Lock(true, rank: .observer)
        let run: @Sendable (Int) throws -> StorageError.Code? = { number in
            let change = Changes.Change(isShareable: true) { (_) throws(StorageError) in
                if number == 1 { throw StorageError(.notFound, "of its own") }
            } whenDurable: {
            } publish: { _ in
            }
            do throws(StorageError) {
                try changes.make(change) { take in
                    if number == 0 {
                        while isHeld.withLock({ $0 }) { sched_yield() }
                    }
                    let step = take()
                    var catalog = Catalog(identifier: 1)
                    if step.make(in: &catalog) { step.fail(StorageError(.noSpace, "of all")) }
                }
            } catch { return error.code }
            return nil
        }
        var threads: [RunningThread<StorageError.Code?>] = []
        for number in 0..<3 {
            threads.append(TestThreads.beside { try run(number) })
            try TestThreads.waitOrFail("change \(number) waits") {
                changes.waitingCount == number + 1
            }
        }
        isHeld.withLock { $0 = false }
        #expect(try threads.map { try $0.join() } == [.noSpace, .notFound, .noSpace])
    }
}
