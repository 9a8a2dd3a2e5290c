import AsyncIO
import StorageTesting
import Testing
import Threads

/// Faults that tests ask a simulated method for.
@Suite struct SimulatedFaultTests {
    @Test(arguments: completions)
    func errorsArriveAndNothingIsLeftThatReadsAsSuccess(completion: SimulatedCompletion) throws {
        var faults = SimulatedFaults().completed(by: completion)
        faults.schedule = [ScheduledFault(.error(EIO), on: .read, occurrence: 2)]
        let bench = try Bench(faults)
        let reads = try (0..<3).map { try bench.start(block: $0) }
        let results = try reads.map { try bench.finish($0) }
        #expect(results.map(\.status) == [.ok, .error, .ok])
        #expect(results[1].errorData == UInt32(EIO))
        #expect(reads.map(\.contents) == [[1], [0xA5], [3]])
        #expect(bench.method.statistics.errors == 1)
    }

    @Test func aFailedWriteChangesNothing() throws {
        let bench = try Bench()
        bench.method.inject(ScheduledFault(.error(ENOSPC), on: .write))
        let write = try bench.start(.write, block: 1, fill: 0x77)
        #expect(try bench.finish(write).errorData == UInt32(ENOSPC))
        let read = try bench.start(block: 1)
        _ = try bench.finish(read)
        #expect(read.contents == [2])
        // The fault was for one IO only.
        #expect(try bench.finish(try bench.start(.write, block: 1, fill: 0x78)).status == .ok)
    }

    @Test func aFailedSync() throws {
        let bench = try Bench()
        bench.method.inject(ScheduledFault(.error(EIO), on: .sync))
        #expect(try bench.finish(try bench.start(.sync)).status == .error)
        #expect(try bench.finish(try bench.start(.sync)).status == .ok)
    }

    @Test(arguments: [8192, 16384, 5000, 20000, 1, 0])
    func shortTransfersMoveWhatTheySay(bytes: Int) throws {
        let bench = try Bench()
        bench.method.inject(ScheduledFault(.transfersAtMost(bytes), on: .write))
        let write = try bench.start(.write, block: 8, blocks: 4, fill: 0x77)
        #expect(try bench.finish(write).value == Int32(bytes))
        let whole = try bench.start(block: 8, blocks: 4)
        #expect(try bench.finish(whole).value == 4 * 8192)
        for block in 0..<4 {
            let written = block * 8192 < bytes
            #expect(whole.contents[block] == (written ? 0x77 : TestFile.byte(8 + block)))
        }

        bench.method.inject(ScheduledFault(.transfersAtMost(bytes), on: .read))
        let read = try bench.start(block: 8, blocks: 4)
        #expect(try bench.finish(read).value == Int32(bytes))
        unsafe #expect(read.memory[bytes] == 0xA5)
        if bytes > 0 { unsafe #expect(read.memory[bytes - 1] == whole.memory[bytes - 1]) }
        #expect(bench.method.statistics.shortTransfers == 2)
    }

    @Test func interruptionsAreNotSeenAbove() throws {
        let bench = try Bench()
        bench.method.inject(ScheduledFault(.interrupted(times: 5), on: .read))
        let read = try bench.start(block: 1)
        #expect(try bench.finish(read).status == .ok)
        #expect(read.contents == [2])
        #expect(bench.method.statistics.interruptions == 5)
    }

    @Test func theHookDecides() throws {
        var faults = SimulatedFaults()
        faults.decide = { $0.offset == 2 * 8192 ? .error(EIO) : nil }
        let bench = try Bench(faults)
        let reads = try (0..<4).map { try bench.start(block: $0) }
        let results = try reads.map { try bench.finish($0).status }
        #expect(results == [.ok, .ok, .error, .ok])
    }

    @Test func drawnFaultsStayWithinWhatWasAskedFor() throws {
        var faults = SimulatedFaults()
        faults.partialTransferProbability = 1
        let bench = try Bench(faults)
        for _ in 0..<30 {
            let value = try bench.finish(try bench.start(blocks: 5)).value
            #expect(value % 8192 == 0 && value > 0 && value < 5 * 8192, "\(bench.method)")
        }
        // One block cannot be transferred partially.
        #expect(try bench.finish(try bench.start(blocks: 1)).value == 8192)

        faults.partialTransferProbability = 0
        faults.tornTransferProbability = 1
        let torn = try Bench(faults)
        let values = try (0..<30).map { _ in try torn.finish(try torn.start(blocks: 1)).value }
        #expect(values.allSatisfy { $0 > 0 && $0 < 8192 })
    }

    @Test(arguments: completions)
    func heldIOStaysInFlight(completion: SimulatedCompletion) throws {
        let bench = try Bench(SimulatedFaults().completed(by: completion))
        let hold = bench.method.hold { $0.offset == 8192 }
        let reads = try (0..<3).map { try bench.start(block: $0) }
        try hold.waitUntilHolding(1)
        #expect(try bench.finish(reads[0]).status == .ok)
        #expect(try bench.finish(reads[2]).status == .ok)
        #expect(!bench.session.isDone(reads[1].reference))
        #expect(hold.count == 1 && bench.method.pendingCount == 1)

        let (system, reference) = (bench.system, reads[1].reference)
        let waiter = TestThreads.beside { try system.wait(for: reference) }
        #expect(!waiter.isDone)
        hold.release()
        try waiter.join()
        #expect(reads[1].contents == [2])
        // Nothing is held any more.
        #expect(try bench.finish(try bench.start(block: 1)).status == .ok)
    }

    @Test func heldIOCanBeMadeToFail() throws {
        let bench = try Bench(SimulatedFaults.harmless)
        let hold = bench.method.hold()
        let first = try bench.start()
        hold.releaseHeld(with: .error(EIO))
        #expect(try bench.finish(first).errorData == UInt32(EIO))
        let second = try bench.start()
        #expect(hold.count == 1)
        hold.release()
        #expect(try bench.finish(second).status == .ok)
    }

    @Test func aWatchdogNamesWhatIsMissing() throws {
        let bench = try Bench()
        let hold = bench.method.hold()
        #expect(throws: WatchdogError.self) { try hold.waitUntilHolding(1, seconds: 0.01) }
        _ = hold
    }
}
