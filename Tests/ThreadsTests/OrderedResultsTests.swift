import StorageTesting
import Testing
import Threads

@Suite struct OrderedResultsTests {
    @Test(arguments: [1, 2, 5], [1, 3, 100])
    func comeInOrderFromSeveralThreads(_ threads: Int, _ pieces: Int) {
        let count = 200
        let results = OrderedResults<[Int]>(count: count, window: 4)
        let taken = Lock(0, rank: .client)
        let workers = (0..<threads).compactMap { _ in
            OSThread.start {
                while true {
                    let number = taken.withLock { number in
                        defer { number += 1 }
                        return number
                    }
                    guard number < count, results.begin(number) else { return }
                    for piece in 1..<pieces where !results.give(number, [number, piece]) { return }
                    results.finish(number, with: [number, pieces])
                }
            }
        }
        #expect(workers.count == threads)
        var found: [[Int]] = []
        while let result = results.next() { found.append(result) }
        for worker in workers { worker.join() }
        #expect(found == (0..<count).flatMap { number in (1...pieces).map { [number, $0] } })
        #expect(results.next() == nil)
    }

    @Test func noneAreTakenAheadOfTheWindow() {
        let results = OrderedResults<Int>(count: 10, window: 2)
        #expect(results.begin(0) && results.begin(1))
        let thread = OSThread.start {
            #expect(results.begin(2))
            results.finish(2, with: 2)
        }
        results.finish(1, with: 1)
        results.finish(0, with: 0)
        #expect((0..<3).map { _ in results.next() } == [0, 1, 2])
        thread?.join()
    }

    @Test func stoppingWakesThoseThatWait() {
        let results = OrderedResults<Int>(count: 10, window: 1)
        let threads = [
            OSThread.start { #expect(!results.begin(5)) },
            OSThread.start { #expect(!results.give(3, 0)) },
        ]
        results.stop()
        for thread in threads { thread?.join() }
        #expect(!results.begin(0))
    }

    @Test func waitingLeavesTimeForOtherThings() {
        let results = OrderedResults<Int>(count: 1, window: 1)
        var looks = 0
        let thread = Lock<OSThread?>(nil, rank: .client)
        let result = results.next(every: .milliseconds(1)) {
            looks += 1
            if looks == 3 {
                thread.withLock { $0 = OSThread.start { results.finish(0, with: 7) } }
            }
        }
        #expect(result == 7)
        #expect(looks >= 3)
        thread.withLock { $0?.join() }
        #expect(results.next(every: .milliseconds(1)) == nil)
    }
}
