import AsyncIO
import FileAccess
import MagneticDisk
import StorageManager
import StorageTesting
import Testing

@Suite("Direct IO")
struct DirectIOTests {
    /// A disk under direct IO; nil if the file system of temporary files does not support it.
    static func makeDisk(_ method: TestedMethod) throws -> TestDisk? {
        var options = TestDisk.Options()
        options.files.usesDirectIO = true
        let disk = try TestDisk(method, options)
        do throws(StorageError) {
            _ = try disk.files.open("probe", .create)
        } catch {
            if error.code == .directIOUnsupported { return nil }
            throw error
        }
        return disk
    }

    static let isSupported = (try? makeDisk(TestedMethod(.synchronous))) != nil

    @Test(
        "Blocks come back, and the end of a file is still found",
        .enabled(if: isSupported, "the file system of temporary files has no direct IO"),
        arguments: IOMethodMatrix.all)
    func roundTrip(method: TestedMethod) throws {
        let disk = try #require(try Self.makeDisk(method))
        #expect(disk.disk.capabilities.usesDirectIO)
        #expect(!disk.disk.capabilities.hasKernelReadAhead)
        #expect(!disk.disk.capabilities.supportsPrefetch)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.makeRelation(blocks: 6)
        let pages = PageMemory(6, apart: true)
        try storage.read(0, pages)
        #expect(pages.holdsAll(from: 0))
        #expect(try storage.prefetch(.main, block: 0, count: 6))
        try storage.writeback(.main, block: 0, count: 6)

        disk.setSize("base/1/16384.1", 2 * blockSize + 100)
        let error = failure { try storage.read(4, PageMemory(4)) }
        #expect(
            error?.message == "could not read blocks 4..7 in file \"base/1/16384.1\": "
                + "read only 16484 of 32768 bytes")
        let report = try storage.run(.read, 4, PageMemory(4), session)
        #expect(report.result.status == .partial)
        #expect(report.result.value == 2)
    }

    @Test(
        "Unaligned memory is refused with an error",
        .enabled(if: isSupported, "the file system of temporary files has no direct IO"),
        arguments: IOMethodMatrix.all)
    func misaligned(method: TestedMethod) throws {
        let disk = try #require(try Self.makeDisk(method))
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.makeRelation(blocks: 3)
        let memory = PageMemory(2)
        let page = unsafe PageAddress(memory[0].pointer + 512)
        let pages = InlineArray<1, PageAddress>(repeating: page)
        let error = failure { try storage.read(.main, block: 1, into: pages.span) }
        #expect(error?.code == .readFailed)
        #expect(error?.underlying?.code == .misalignedIO)
        #expect(
            error?.description.hasPrefix("could not read block 1 in file \"base/1/16384\": address")
                == true)
        let started = failure {
            let handle = try session.acquireHandle()
            try storage.startRead(handle, .main, block: 1, into: pages.span)
        }
        #expect(started?.underlying?.code == .misalignedIO)
        try session.acquireHandle().release()
    }

    @Test("Cached IO says that the kernel reads ahead", arguments: IOMethodMatrix.all)
    func cached(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let capabilities = disk.disk.capabilities
        #expect(capabilities.hasKernelReadAhead && capabilities.supportsPrefetch)
        #expect(capabilities.canReopen && !capabilities.usesDirectIO)
        let storage = try disk.makeRelation(blocks: 9)
        #expect(try storage.prefetch(.main, block: 0, count: 9))
        try storage.writeback(.main, block: 0, count: 9)
        try disk.forgetFiles()
        // Nothing is open, so there is nothing to write back early.
        try storage.writeback(.main, block: 0, count: 9)
    }
}
