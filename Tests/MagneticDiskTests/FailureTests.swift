import AsyncIO
import FileAccess
import MagneticDisk
import StorageManager
import StorageTesting
import Testing
import Threads

@Suite("Errors name the blocks, the file and the cause")
struct FailureTests {
    @Test("Reading past the end, blocking", arguments: IOMethodMatrix.all)
    func blockingPastEnd(method: TestedMethod) throws {
        let disk = try TestDisk(method, TestDisk.Options(segmentBlocks: 8))
        let storage = try disk.makeRelation(blocks: 4)
        let pages = PageMemory(3)
        let error = failure { try storage.read(3, pages) }
        #expect(error?.code == .readFailed)
        #expect(
            error?.message == "could not read blocks 3..5 in file \"base/1/16384\": "
                + "read only 8192 of 24576 bytes")
        #expect(
            error?.location
                == StorageError.Location(
                    relation: "base/1/16384", fork: "main", block: 3, path: "base/1/16384"))
        let one = failure { try storage.read(7, PageMemory(1)) }
        #expect(
            one?.message == "could not read block 7 in file \"base/1/16384\": "
                + "read only 0 of 8192 bytes")
    }

    @Test("Reading past the end, started", arguments: IOMethodMatrix.all)
    func startedPastEnd(method: TestedMethod) throws {
        let disk = try TestDisk(method, TestDisk.Options(segmentBlocks: 8))
        let storage = try disk.makeRelation(blocks: 4)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let pages = PageMemory(3)
        let partial = try storage.run(.read, 3, pages, session)
        #expect(partial.result.status == .partial)
        #expect(partial.result.value == 1)
        #expect(pages.holds(0, 3))
        let report = try storage.run(.read, 4, pages, session)
        #expect(report.result.status == .error)
        let error = failure { try disk.system.check(report) }
        #expect(
            error?.message == "could not read blocks 4..6 in file \"base/1/16384\": "
                + "read only 0 of 24576 bytes")
        disk.setSize("base/1/16384", 4 * blockSize + 100)
        let torn = try storage.run(.read, 4, pages, session)
        let tornError = failure { try disk.system.check(torn) }
        #expect(
            tornError?.message == "could not read blocks 4..6 in file \"base/1/16384\": "
                + "read only 100 of 24576 bytes")
    }

    @Test("Every outcome of a started IO, in blocks and in words", arguments: [false, true])
    func distilling(writes: Bool) throws {
        let disk = try TestDisk(TestedMethod(seed: 1, faults: SimulatedFaults()))
        let storage = try disk.makeRelation(blocks: 12)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let method = try #require(SimulatedMethod.of(disk.system))
        let operation: IOOperation = writes ? .write : .read
        let (verb, done) = writes ? ("write", "wrote") : ("read", "read")
        let subject = "could not \(verb) blocks 5..7 in file \"base/1/16384.1\""
        func outcome(_ fault: SimulatedFault) throws -> IOReturn {
            method.inject(ScheduledFault(fault, on: operation))
            return try storage.run(operation, 5, PageMemory(3), session)
        }
        for (bytes, blocks) in [(8192, 1), (10000, 1), (16384, 2), (24575, 2)] as [(Int, Int32)] {
            let report = try outcome(.transfersAtMost(bytes))
            #expect(report.result.status == .partial)
            #expect(report.result.value == blocks)
        }
        for bytes in [0, 1, 8191] {
            let report = try outcome(.transfersAtMost(bytes))
            #expect(report.result.status == .error)
            #expect(report.result.value == 0)
            let error = failure { try disk.system.check(report) }
            #expect(error?.message == "\(subject): \(done) only \(bytes) of 24576 bytes")
            #expect(error?.remedy != nil)
        }
        for number in [EIO, ENOSPC, EDQUOT] {
            let report = try outcome(.error(number))
            let error = failure { try disk.system.check(report) }
            #expect(error?.code == (writes ? .writeFailed : .readFailed))
            #expect(error?.message == subject)
            #expect(error?.errorNumber == number)
            #expect(error?.remedy != nil)
            #expect(error?.location.block == 5)
            #expect(error?.location.fork == "main")
        }
    }

    @Test("An IO that cannot be started gives its handle back", arguments: IOMethodMatrix.all)
    func refusedStarts(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 8)
        let session = try disk.system.makeSession()
        defer { session.close() }
        for operation in [IOOperation.read, .write] {
            let crossing = failure {
                _ = try storage.run(operation, 2, PageMemory(3), session)
            }
            #expect(crossing?.code == .misuse)
            #expect(crossing?.remedy?.contains("maximumCombine") == true)
            let empty = failure {
                _ = try storage.run(operation, 2, PageMemory(0), session)
            }
            #expect(empty?.code == .misuse)
            let missing = failure {
                _ = try storage.run(operation, 2, PageMemory(1), session, .freeSpaceMap)
            }
            #expect(missing?.code == .notFound)
            #expect(
                missing?.message
                    == "could not open file \"base/1/16384_fsm\" (target block 2)")
            let beyond = failure {
                _ = try storage.run(operation, .invalid, PageMemory(1), session)
            }
            #expect(beyond?.code == (operation == .read ? .readFailed : .writeFailed))
            try session.acquireHandle().release()
        }
        // A handle that was dropped instead of released would be logged.
        #expect(!disk.log.contains("leaked"))
        for block in [0, 1, 3, 4, 7] as [BlockNumber] {
            let most = storage.maximumCombine(.main, block: block)
            #expect(most == 4 - Int(block.rawValue % 4))
        }
    }

    @Test("A directory in a file's place", arguments: IOMethodMatrix.all)
    func directory(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 5)
        try disk.forgetFiles()
        disk.removeFile("base/1/16384.1")
        #expect(unsafe mkdir("\(disk.path)/base/1/16384.1", 0o700) == 0)
        let attempts: [() throws -> Void] = [
            { try storage.read(4, PageMemory(1)) },
            { _ = try storage.blockCount(.main) },
            {
                try storage.zeroExtend(.main, from: 4, count: 1, sync: .skip)
            },
        ]
        for attempt in attempts {
            let error = failure(attempt)
            #expect(error?.message == "could not open file \"base/1/16384.1\"")
            #expect(error?.errorNumber == EISDIR)
            #expect(error?.location.relation == "base/1/16384")
            #expect(error?.remedy != nil)
        }
    }

    @Test("A file that cannot be removed is named", arguments: IOMethodMatrix.all)
    func unremovable(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        _ = try disk.makeRelation(blocks: 2)
        #expect(unsafe mkdir("\(disk.path)/base/1/16384_vm.1", 0o700) == 0)
        let locator = RelationLocator(database: 1, number: 16384)
        let error = failure { try disk.disk.unlink(locator, fork: .visibilityMap) }
        #expect(error?.location.relation == "base/1/16384")
        #expect(error?.location.fork == "vm")
        #expect(error?.location.path == "base/1/16384_vm.1")
        #expect(error?.errorNumber == EISDIR)
    }

    @Test("Creating and removing", arguments: IOMethodMatrix.all)
    func lifeCycle(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let relation = try disk.open()
        let storage = relation.storage
        let missing = failure { _ = try storage.blockCount(.main) }
        #expect(missing?.code == .notFound)
        try storage.create(.main, ifMissing: false)
        let again = failure {
            try storage.create(.main, ifMissing: false)
        }
        #expect(again?.code == .alreadyExists)
        #expect(again?.message == "file \"base/1/16384\" exists already")
        try storage.zeroExtend(.main, from: 0, count: 9, sync: .register)
        try storage.create(.main, ifMissing: true)
        #expect(try storage.blockCount(.main) == 9)
        try storage.create(.freeSpaceMap, ifMissing: true)

        try disk.registry.unlink(relation, session: session)
        #expect(["", ".1", ".2", "_fsm"].allSatisfy { disk.size("base/1/16384\($0)") == nil })
        try disk.disk.unlink(relation.locator, fork: .main)
        // Nothing of it is left to sync.
        try disk.registry.syncPending(session)
        #expect(try !disk.open().storage.exists(.main))
    }

    @Test("A new relation does not inherit segments of an old one", arguments: IOMethodMatrix.all)
    func leftSegments(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 6)
        try disk.forgetFiles()
        disk.removeFile("base/1/16384")
        let error = failure {
            try storage.create(.main, ifMissing: false)
        }
        #expect(error?.location.path == "base/1/16384.1")
        #expect(try !storage.exists(.main))
        try disk.disk.unlink(RelationLocator(database: 1, number: 16384), fork: .main)
        try storage.create(.main, ifMissing: false)
        #expect(try storage.blockCount(.main) == 0)
    }

    @Test("Segment sizes out of range are refused")
    func configuration() throws {
        for blocks in [0, -1, 1 << 31] {
            let error = #expect(throws: StorageError.self) {
                try TestDisk(TestedMethod(.synchronous), .init(segmentBlocks: blocks))
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.remedy == "Choose a value from 1 to 1073741824.")
        }
        #expect(MagneticDiskConfiguration().segmentBlocks == 131_072)
    }
}
