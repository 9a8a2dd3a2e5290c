import AsyncIO
import StorageTesting
import Synchronization
import Testing
import Threads

/// Waiting for the IO of other sessions: idle, closed, or still holding it back.
@Suite struct ForeignWaitTests {
    @Test(arguments: IOMethodMatrix.all) func idleIssuerBlocksNobody(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let issuer = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        let report = IOReturn()
        let reference = try issuer.read(file, into: memory, at: 4096, reporting: report)
        try TestThreads.run(4) { index in
            if index % 2 == 0 {
                try system.wait(for: reference)
            } else if let session = try? system.makeSession() {
                _ = try? session.wait(for: reference)
            }
            #expect(system.isDone(reference))
            #expect(memory.holds(from: 4096, count: 4096))
        }
        try issuer.wait(for: reference)
        #expect(report.result == IOResult(.ok, value: 4096))
    }

    @Test(arguments: IOMethodMatrix.all) func closedIssuerBlocksNobody(method: TestedMethod)
        throws
    {
        let system = try makeSystem(method.choice)
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        let issuer = try system.makeSession()
        let reference = try issuer.read(file, into: memory, at: 0)
        issuer.close()
        #expect(try !system.wait(for: reference), "closing waited for it")
        #expect(memory.holds(from: 0, count: 4096))
    }

    @Test(arguments: IOMethodMatrix.all)
    func closedSessionLeavesItsSuccessorAlone(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        let closed = try system.makeSession()
        closed.close()
        let successor = try system.makeSession()
        #expect(successor.index == closed.index)
        let report = IOReturn()
        try successor.enterBatch()
        let reference = try successor.read(file, into: memory, at: 0, reporting: report)
        successor.submitStaged()
        try system.wait(for: reference)
        let wasReported = report.result.status != .unknown
        try closed.wait(for: reference)
        #expect(closed.isDone(reference))
        #expect((report.result.status != .unknown) == wasReported, "only its session reclaims")
        try successor.exitBatch()
        try successor.wait(for: reference)
        #expect(report.result == IOResult(.ok, value: 4096))
    }

    @Test(arguments: IOMethodMatrix.all)
    func referenceToAnIdleHandleIsOver(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let handle = try session.acquireHandle()
        let words = handle.waitReference.words
        handle.release()
        let next = WaitReference(words: (words.index, words.generation + 1))
        #expect(system.isDone(next))
        #expect(try !system.wait(for: next))
        #expect(try !session.wait(for: next))
    }

    @Test(arguments: IOMethodMatrix.all)
    func issuingThreadMayEnd(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let file = try TestFile(system)
        let memories = (0..<8).map { _ in IOMemory(4096) }
        let kept = Lock<[WaitReference]>([], rank: .observer)
        let session = Kept(try system.makeSession())
        try TestThreads.run(1) { _ in
            let references = memories.indices.compactMap { index in
                try? session.value.read(file, into: memories[index], at: index * 4096)
            }
            kept.withLock { $0 = references }
        }
        let references = kept.withLock { $0 }
        #expect(references.count == 8)
        for (index, reference) in references.enumerated() {
            try system.wait(for: reference)
            #expect(memories[index].holds(from: index * 4096, count: 4096))
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func waitersOfStagedIOGoOnWhenItIsSubmitted(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let issuer = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        try issuer.enterBatch()
        let reference = try issuer.read(file, into: memory, at: 0)
        let woken = Atomic<Int>(0)
        let threads = StartedThreads(3) { _ in
            _ = try? system.wait(for: reference)
            #expect(memory.holds(from: 0, count: 4096))
            woken.add(1, ordering: .relaxed)
        }
        if method.choice.name != "sync" {
            try TestThreads.waitOrFail("all sleep") { system.statistics.blockedWaits == 3 }
            #expect(woken.load(ordering: .relaxed) == 0, "nothing was submitted")
        }
        try issuer.exitBatch()
        try threads.join()
        #expect(woken.load(ordering: .relaxed) == 3)
    }

    @Test func invalidReferences() throws {
        let system = try makeSystem(.synchronous)
        var reference = WaitReference()
        #expect(!reference.isValid)
        #expect(system.isDone(reference))
        #expect(try !system.wait(for: reference))
        let session = try system.makeSession()
        let handle = try session.acquireHandle()
        reference = handle.waitReference
        #expect(reference.isValid && reference.id == handle.id)
        #expect(WaitReference(words: reference.words) == reference)
        handle.release()
        reference.clear()
        #expect(!reference.isValid)
    }

    /// Sessions that read, wait for one another's IO and poll, all at once.
    @Test(arguments: IOMethodMatrix.all) func manySessionsAtOnce(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let file = try TestFile(system)
        let published = Lock<[WaitReference]>([], rank: .observer)
        let failures = Atomic<Int>(0)
        try TestThreads.run(6) { index in
            let session = try system.makeSession()
            var random = SplitMix64(seed: UInt64(index))
            for round in 0..<100 {
                let memories = (0..<4).map { _ in IOMemory(1024) }
                let batched = round % 3 == 0
                if batched { try? session.enterBatch() }
                var mine: [(WaitReference, Int)] = []
                for memory in memories {
                    let offset = Int(random.next() % 60) * 1024
                    if let reference = try? session.read(file, into: memory, at: offset) {
                        mine.append((reference, offset))
                    }
                }
                if batched { try? session.exitBatch() }
                let foreign = published.withLock { list in
                    list = mine.map(\.0) + list.prefix(8)
                    return list.randomElement(using: &random)
                }
                if let foreign {
                    _ =
                        round % 2 == 0
                        ? (try? session.wait(for: foreign)) ?? false : session.isDone(foreign)
                }
                for (position, (reference, offset)) in mine.enumerated() {
                    _ = try? session.wait(for: reference)
                    if !memories[position].holds(from: offset, count: 1024) {
                        failures.add(1, ordering: .relaxed)
                    }
                }
                if mine.count != 4 { failures.add(1, ordering: .relaxed) }
                _ = system.snapshot()
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(system.snapshot().isEmpty)
        #expect(system.shutdown())
    }
}

/// Hands a session to another thread, which alone uses it meanwhile.
final class Kept: @unchecked Sendable {
    let value: Session
    init(_ value: Session) { self.value = value }
}
