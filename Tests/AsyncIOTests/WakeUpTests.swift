import AsyncIO
import StorageTesting
import Synchronization
import Testing

/// Wake-ups: fired exactly once, or cancelled.
@Suite struct WakeUpTests {
    /// Counts how often it fired.
    final class Counter: WakeUp, @unchecked Sendable {
        let count = Atomic<Int>(0)
        override func fire() { count.add(1, ordering: .releasing) }
    }

    @Test(arguments: IOMethodMatrix.all)
    func firesOnceForACompletion(_ method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let file = try TestFile(system)
        let memory = IOMemory(8192)
        try TestThreads.run {
            let session = try system.makeSession()
            let counter = Counter()
            // One object serves one wait after another.
            for _ in 0..<50 {
                let reference = try session.read(file, into: memory, at: 4096)
                let before = counter.count.load(ordering: .acquiring)
                let registers = system.register(counter, for: reference)
                try session.wait(for: reference)
                try TestThreads.waitOrFail("it has fired") { !counter.isRegistered }
                try TestThreads.waitOrFail("it is counted") {
                    counter.count.load(ordering: .acquiring) == before + (registers ? 1 : 0)
                }
                // There is nothing to wait for any more.
                #expect(!system.register(counter, for: reference))
            }
            session.close()
        }
    }

    @Test func anIOThatIsHeldFiresWhenItIsLetGo() throws {
        let system = try makeSystem(
            SimulatedMethod.choice(seed: IOMethodMatrix.seed, faults: .harmless))
        let hold = try #require(SimulatedMethod.of(system)).hold()
        let file = try TestFile(system)
        let memory = IOMemory(8192)
        try TestThreads.run {
            let session = try system.makeSession()
            let (kept, cancelled) = (Counter(), Counter())
            let reference = try session.read(file, into: memory, at: 0)
            #expect(system.register(kept, for: reference))
            #expect(system.register(cancelled, for: reference))
            #expect(cancelled.cancel())
            #expect(!cancelled.cancel())
            #expect(kept.count.load(ordering: .acquiring) == 0)
            hold.release()
            try session.wait(for: reference)
            try TestThreads.waitOrFail("it fires") { kept.count.load(ordering: .acquiring) == 1 }
            try TestThreads.waitOrFail("the list lets go") { !cancelled.isRegistered }
            #expect(cancelled.count.load(ordering: .acquiring) == 0)
            #expect(!kept.cancel())
            session.close()
        }
    }

    @Test func itFiresOrIsCancelledNeverBoth() throws {
        let system = try makeSystem(.worker)
        let file = try TestFile(system)
        let memory = IOMemory(8192)
        try TestThreads.run {
            let session = try system.makeSession()
            var (fired, cancelled) = (0, 0)
            for round in 0..<2000 {
                let counter = Counter()
                let reference = try session.read(file, into: memory, at: 0)
                guard system.register(counter, for: reference) else { continue }
                for _ in 0..<round % 64 { _ = session.isDone(reference) }
                let isCancelled = counter.cancel()
                try session.wait(for: reference)
                try TestThreads.waitOrFail("the list lets go") { !counter.isRegistered }
                if isCancelled {
                    cancelled += 1
                } else {
                    try TestThreads.waitOrFail("it fires") {
                        counter.count.load(ordering: .acquiring) == 1
                    }
                    fired += 1
                }
                #expect(counter.count.load(ordering: .acquiring) == (isCancelled ? 0 : 1))
            }
            #expect(fired + cancelled > 0)
            session.close()
        }
    }

    @Test func anInvalidReferenceIsOver() throws {
        let system = try makeSystem(.synchronous)
        #expect(!system.register(Counter(), for: WaitReference()))
    }
}
