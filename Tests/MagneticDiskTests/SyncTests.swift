import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing
import Threads

@Suite("What becomes durable when")
struct SyncTests {
    /// How many files and directories `body` syncs.
    private func syncs(_ disk: TestDisk, _ body: () throws -> Void) rethrows -> UInt64 {
        let before = disk.files.statistics.syncs
        try body()
        return disk.files.statistics.syncs - before
    }

    @Test(
        "Each written segment is synced once, and skipped ones are not",
        arguments: IOMethodMatrix.all)
    func registering(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.makeRelation(blocks: 12)
        try disk.registry.syncPending(session)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 0)

        let pages = PageMemory(6)
        pages.fillAll(from: 0)
        try storage.write(0, pages, sync: .skip)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 0)
        try storage.write(0, pages, sync: .register)
        try storage.write(2, pages, sync: .register)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 2)
        #expect(try storage.run(.write, 8, PageMemory(2), session).result.status == .ok)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 1)
        try storage.extend(.main, at: 12, with: pages[0], sync: .register)
        // The new segment and the directory that names it.
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 2)
        try storage.truncate(.main, to: 3, session: session)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 4)
    }

    @Test(
        "Syncing a whole fork includes the segments that no longer count",
        arguments: IOMethodMatrix.all)
    func inactiveSegments(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.makeRelation(blocks: 14)
        try storage.truncate(.main, to: 2, session: session)
        try disk.registry.syncPending(session)
        #expect(try syncs(disk) { try storage.immediateSync(.main) } == 4)
        try storage.registerSync(.main)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 4)
        let error = failure { try storage.immediateSync(.visibilityMap) }
        #expect(error?.code == .notFound)
    }

    @Test("A write in flight is left for the next sync", arguments: [false, true])
    func writeInFlight(fails: Bool) throws {
        let disk = try TestDisk(TestedMethod(seed: 1, faults: SimulatedFaults()))
        let method = try #require(SimulatedMethod.of(disk.system))
        let storage = try disk.makeRelation(blocks: 3)
        let session = try disk.system.makeSession()
        let other = try disk.system.makeSession()
        defer {
            session.close()
            other.close()
        }
        try disk.registry.syncPending(other)
        let hold = method.hold { $0.operation == .write }
        let report = IOReturn()
        let handle = try session.acquireHandle(reporting: report)
        let reference = handle.waitReference
        let pages = PageMemory(1)
        try storage.startWrite(
            handle, .main, block: 1, from: pages.addresses.span, sync: .register)
        try hold.waitUntilHolding(1)
        #expect(try syncs(disk) { try disk.registry.syncPending(other) } == 0)
        hold.release(with: fails ? .transfersAtMost(100) : nil)
        try session.wait(for: reference)
        #expect(report.result.status == (fails ? .error : .ok))
        #expect(try syncs(disk) { try disk.registry.syncPending(other) } == 1)
        #expect(try syncs(disk) { try disk.registry.syncPending(other) } == 0)
    }

    @Test("A relation of one session is not synced", arguments: IOMethodMatrix.all)
    func localRelation(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.open(7, localTo: session.index).storage
        try storage.create(.main, ifMissing: false)
        try storage.zeroExtend(.main, from: 0, count: 2, sync: .register)
        try disk.registry.syncPending(session)
        _ = try storage.run(.write, 0, PageMemory(2), session)
        try storage.write(0, PageMemory(2))
        #expect(disk.size("base/1/t\(session.index + 1)_7") == 2 * blockSize)
        #expect(try syncs(disk) { try disk.registry.syncPending(session) } == 0)
    }

    @Test("A failed sync names its file and is final", arguments: IOMethodMatrix.all)
    func failedSync(method: TestedMethod) throws {
        let fileSystem = LimitedFileSystem()
        var options = TestDisk.Options()
        options.files.fileSystem = fileSystem
        let disk = try TestDisk(method, options)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.makeRelation(blocks: 6)
        try disk.registry.syncPending(session)
        fileSystem.failSyncs(EIO)
        let error = failure { try storage.immediateSync(.main) }
        #expect(error?.code == .syncFailed)
        #expect(error?.message == "could not make file \"base/1/16384.1\" durable")
        #expect(error?.errorNumber == EIO)
        #expect(error?.location.relation == "base/1/16384")
        fileSystem.failSyncs(0)
        #expect(
            failure { try storage.immediateSync(.main) }?.code
                == .syncFailed)
        try storage.write(4, PageMemory(1))
        let pending = failure {
            try disk.registry.syncPending(session)
        }
        #expect(pending?.code == .syncFailed)
        #expect(pending?.location.path == "base/1/16384.1")
    }

    /// The core's callbacks refer to the files, so the files must not refer to the callbacks: a
    /// process may open and close any number of stores.
    @Test(arguments: IOMethodMatrix.all) func nothingOutlivesItsUse(method: TestedMethod) throws {
        weak var core: IOSystem?
        weak var files: FileAccess?
        func use() throws {
            let disk = try TestDisk(method)
            _ = try disk.makeRelation(blocks: 2)
            (core, files) = (disk.system, disk.files)
            #expect(core != nil && files != nil)
        }
        try use()
        #expect(core == nil)
        #expect(files == nil)
    }
}
