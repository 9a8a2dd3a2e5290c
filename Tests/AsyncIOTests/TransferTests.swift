import AsyncIO
import StorageTesting
import Testing
import Threads

/// Reading, writing, syncing and failing, the same under every method.
@Suite struct TransferTests {
    @Test(arguments: IOMethodMatrix.all) func readsWhatIsThere(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(8192)
        let report = IOReturn()
        let reference = try session.read(file, into: memory, at: 4096, reporting: report)
        try session.wait(for: reference)
        #expect(report.result == IOResult(.ok, value: 8192))
        #expect(report.targetData.word0 == 4096)
        #expect(memory.holds(from: 4096, count: 8192))
        #expect(session.isDone(reference), "a reference stays good after its IO")
        #expect(try session.wait(for: reference) == false)
        try system.check(report)
    }

    @Test(arguments: IOMethodMatrix.all) func writesAndSyncs(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system, bytes: 0)
        let memory = IOMemory(8192)
        memory.bytes[8191] = 7
        let report = IOReturn()
        let write = try session.acquireHandle(reporting: report)
        let written = write.waitReference
        try write.setTarget(file.target, data: IOTargetData())
        try write.appendVector(memory.bytes)
        write.startWrite(to: IODescriptor(file.descriptor), at: 8192)
        try session.wait(for: written)
        #expect(report.result == IOResult(.ok, value: 8192))
        for dataOnly in [false, true] {
            let sync = try session.acquireHandle(reporting: report)
            let synced = sync.waitReference
            try sync.setTarget(file.target, data: IOTargetData())
            sync.startSync(of: IODescriptor(file.descriptor), dataOnly: dataOnly)
            try session.wait(for: synced)
            #expect(report.result == IOResult(.ok))
        }
        #expect(lseek(file.descriptor, 0, SEEK_END) == 16384)
        var last: UInt8 = 0
        #expect(pread(file.descriptor, &last, 1, 16383) == 1 && last == 7)
    }

    @Test(arguments: IOMethodMatrix.all) func endOfFileGivesLess(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system, bytes: 10000)
        let report = IOReturn()
        for (offset, expected) in [(8192, 1808), (16384, 0)] {
            let memory = IOMemory(8192)
            try session.wait(for: session.read(file, into: memory, at: offset, reporting: report))
            #expect(report.result == IOResult(.ok, value: Int32(expected)))
        }
    }

    @Test(arguments: IOMethodMatrix.all) func errorsArriveAsErrors(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let report = IOReturn()
        let memory = IOMemory(4096)
        let handle = try session.acquireHandle(reporting: report)
        let reference = handle.waitReference
        try handle.setTarget(file.target, data: IOTargetData())
        try handle.appendVector(memory.bytes)
        handle.startRead(from: IODescriptor(1_000_000), at: 0)
        try session.wait(for: reference)
        #expect(report.result.status == .error)
        #expect(report.result.errorData == UInt32(EBADF))
        let error = #expect(throws: StorageError.self) { try system.check(report) }
        #expect(error?.errorNumber == EBADF)
    }

    @Test(arguments: IOMethodMatrix.all) func acquireWaitsForTheOldest(method: TestedMethod) throws
    {
        let system = try makeSystem(method.choice) { $0.concurrency = .fixed(3) }
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memories = (0..<50).map { _ in IOMemory(1024) }
        let references = try memories.indices.map { index in
            try session.read(file, into: memories[index], at: index * 1024)
        }
        for reference in references { try session.wait(for: reference) }
        for index in memories.indices {
            #expect(memories[index].holds(from: index * 1024, count: 1024))
        }
    }

    @Test(arguments: IOMethodMatrix.all) func batchesGoTogether(method: TestedMethod) throws {
        let system = try makeSystem(method.choice) { $0.concurrency = .fixed(64) }
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memories = (0..<40).map { _ in IOMemory(1024) }
        try session.enterBatch()
        expectError(.misuse) { try session.enterBatch() }
        var references: [WaitReference] = []
        for index in memories.indices {
            references.append(try session.read(file, into: memories[index], at: index * 1024))
        }
        if method.choice.name != "sync" { #expect(session.hasStaged) }
        try session.exitBatch()
        #expect(!session.hasStaged)
        expectError(.misuse) { try session.exitBatch() }
        for reference in references { try session.wait(for: reference) }
        for index in memories.indices {
            #expect(memories[index].holds(from: index * 1024, count: 1024))
        }
        #expect(system.statistics.staged == 40 && system.statistics.completed == 40)
        if method.choice.name != "sync" {
            #expect(system.statistics.batches == 2, "at most 32 are staged")
            #expect(system.statistics.submitted == 40)
        } else {
            #expect(system.statistics.synchronousExecutions == 40)
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func batchOfAClosureIsSubmittedThoughItThrows(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        var reference = WaitReference()
        let failure = StorageError(.inputOutput, "stop")
        let caught = #expect(throws: StorageError.self) {
            try session.withBatch { () throws(StorageError) in
                do { reference = try session.read(file, into: memory, at: 0) } catch {}
                throw failure
            }
        }
        #expect(caught?.message == "stop")
        #expect(!session.isInBatch && !session.hasStaged)
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
    }

    @Test(arguments: IOMethodMatrix.all)
    func synchronousFlagIsDoneAtOnce(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        let report = IOReturn()
        _ = try session.read(file, into: memory, at: 0, reporting: report, flags: .synchronous)
        #expect(report.result == IOResult(.ok, value: 4096))
        #expect(system.statistics.synchronousExecutions == 1)
    }

    @Test(arguments: IOMethodMatrix.all)
    func waitingSubmitsTheOpenBatch(method: TestedMethod) throws {
        let system = try makeSystem(method.choice)
        let session = try system.makeSession()
        let file = try TestFile(system)
        let memory = IOMemory(4096)
        try session.enterBatch()
        let reference = try session.read(file, into: memory, at: 0)
        try session.wait(for: reference)
        #expect(memory.holds(from: 0, count: 4096))
        try session.exitBatch()
    }
}
