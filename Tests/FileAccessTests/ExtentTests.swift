import AsyncIO
import FileAccess
import StorageTesting
import Testing
import Threads

@Suite struct ExtentTests {
    static let ways: [ZeroExtension] = [.fallocate, .writeZeroes]

    func bytes(_ file: VirtualFile, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let done = try file.read(into: &raw, at: 0)
        return Array(bytes[..<done])
    }

    @Test(arguments: ways)
    func extendsByZeroes(way: ZeroExtension) throws {
        let fixture = try Fixture(zeroExtension: way)
        let file = try fixture.files.open("f", .create)
        try file.writeText("abc")
        try file.zeroExtend(from: 3, count: 5)
        #expect(try bytes(file, 100) == [97, 98, 99, 0, 0, 0, 0, 0])
        // More than the buffer of zeroes, and beyond the end with a gap.
        try file.zeroExtend(from: 10, count: 3 << 20)
        #expect(try file.size() == 10 + 3 << 20)
        #expect(try bytes(file, 4 << 20)[3...].allSatisfy { $0 == 0 })
        try file.zeroExtend(from: 1 << 30, count: 0)
        #expect(try file.size() == 10 + 3 << 20)
    }

    @Test(arguments: ways)
    func overwritesWhatACrashLeft(way: ZeroExtension) throws {
        let fixture = try Fixture(zeroExtension: way)
        let file = try fixture.files.open("f", .create)
        try file.writeText("page torn")
        try file.zeroExtend(from: 4, count: 8)
        #expect(try bytes(file, 100) == Array("page".utf8) + [UInt8](repeating: 0, count: 8))
        try file.zeroExtend(from: 0, count: 2)
        #expect(try bytes(file, 4) == [0, 0, 103, 101])
        #expect(try file.size() == 12)
    }

    @Test(arguments: ways)
    func fullDiskLeavesTheOldSize(way: ZeroExtension) throws {
        let fixture = try Fixture(zeroExtension: way)
        let file = try fixture.files.open("f", .create)
        try file.writeText("12345678")
        fixture.faults.with { $0.sizeLimit = 2_500_000 }
        let error = try #require(
            failure { () throws(StorageError) in try file.zeroExtend(from: 8, count: 4 << 20) })
        #expect(error.code == .fileExtendFailed)
        #expect(error.errorNumber == ENOSPC)
        #expect(
            error.message == "could not extend file \"f\" from 8 to \(8 + 4 << 20) bytes")
        #expect(error.remedy?.contains("Free space") == true)
        #expect(try file.size() == 8)
        fixture.faults.with { $0.sizeLimit = .max }
        try file.zeroExtend(from: 8, count: 4 << 20)
        #expect(try file.size() == 8 + 4 << 20)
    }

    @Test(arguments: ways)
    func fileThatCannotBeShortenedAgainIsReported(way: ZeroExtension) throws {
        let fixture = try Fixture(zeroExtension: way)
        let file = try fixture.files.open("f", .create)
        fixture.faults.with {
            $0.sizeLimit = 2_500_000
            $0.faults[.truncate] = [EIO]
        }
        let error = try #require(
            failure { () throws(StorageError) in try file.zeroExtend(from: 0, count: 4 << 20) })
        #expect(error.code == .fileExtendFailed)
        #expect(error.message.contains("nor shorten it"))
        #expect(try file.size() == 2_500_000)
    }

    @Test func fileSystemWithoutReservationGetsZeroesWritten() throws {
        let fixture = try Fixture()
        fixture.faults.with { $0.faults[.allocate] = [EOPNOTSUPP] }
        let file = try fixture.files.open("f", .create)
        try file.zeroExtend(from: 0, count: 100_000)
        try file.zeroExtend(from: 100_000, count: 100_000)
        #expect(try bytes(file, 300_000) == [UInt8](repeating: 0, count: 200_000))
        // The kernel is asked once.
        #expect(fixture.faults.log == ["allocate"])
    }

    @Test func truncatesPrefetchesAndWritesBack() throws {
        let fixture = try Fixture()
        let file = try fixture.files.open("f", .create)
        try file.writeText("0123456789")
        try file.prefetch(at: 0, count: 10)
        try file.writeback(at: 0, count: 10)
        try file.truncate(to: 4)
        #expect(try file.readText(10) == "0123")
        try file.truncate(to: 6)
        #expect(try bytes(file, 10) == Array("0123".utf8) + [0, 0])
        fixture.faults.with { $0.faults[.truncate] = [EIO] }
        let error = failure { () throws(StorageError) in try file.truncate(to: 0) }
        #expect(error?.code == .fileTruncateFailed)
        fixture.faults.with { $0.faults[.status] = [EIO] }
        let size = failure { () throws(StorageError) in _ = try file.size() }
        #expect(size?.code == .fileStatusFailed)
    }
}

@Suite struct SyncTests {
    @Test func failedSyncIsFinal() throws {
        let fixture = try Fixture()
        let session = try IOSystem().makeSession()
        let file = try fixture.files.open("f", .create)
        try file.sync()
        try file.sync(dataOnly: true)
        #expect(fixture.files.statistics.syncs == 2)
        fixture.faults.with { $0.faults[.sync] = [EIO] }
        let first = try #require(failure { () throws(StorageError) in try file.sync() })
        #expect(first.code == .fileSyncFailed)
        #expect(first.errorNumber == EIO)
        #expect(first.location.path == "f")
        // The kernel would report success now.
        let second = failure { () throws(StorageError) in try file.sync() }
        #expect(second?.code == .fileSyncFailed)
        #expect(second?.errorNumber == EIO)
        let another = try fixture.files.open("f")
        #expect(
            failure { () throws(StorageError) in try another.sync() }?.code == .fileSyncFailed)
        #expect(
            failure { () throws(StorageError) in try fixture.files.rename("f", to: "g") }?.code
                == .fileSyncFailed)
        let start = failure { () throws(StorageError) in
            try file.startSync(try session.acquireHandle())
        }
        #expect(start?.code == .fileSyncFailed)
        try session.acquireHandle().release()
        // Other files are not affected, and a new file of that name starts clean.
        try fixture.files.open("g", .create).sync()
        file.close(session)
        another.close(session)
        try fixture.files.remove("f")
        try fixture.files.open("f", .create).sync()
    }

    @Test func failureOfAStartedSyncIsRemembered() throws {
        let fixture = try Fixture()
        let file = try fixture.files.open("f", .create)
        file.syncDidFail(errorNumber: ENOSPC)
        let error = failure { () throws(StorageError) in try file.sync() }
        #expect(error?.code == .fileSyncFailed)
        #expect(error?.errorNumber == ENOSPC)
    }

    @Test func ofManySyncsAtATimeNoneMissesAFailure() throws {
        let fixture = try Fixture(limit: 4)
        let file = try fixture.files.open("f", .create)
        for _ in 0..<50 {
            fixture.faults.with { $0.faults[.sync] = [nil, nil, EIO] }
            // Every sync after the failure fails, and one of the threads must come after the third
            // sync.
            try TestThreads.run(4) { _ in
                for _ in 0..<2 { try? file.sync() }
            }
            #expect(
                failure { () throws(StorageError) in try file.sync() }?.code == .fileSyncFailed)
            try fixture.files.remove("f")
            _ = try fixture.files.open("f", .create)
        }
    }
}
