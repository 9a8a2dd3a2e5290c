import AsyncIO
import MemoryDisk
import StorageManager
import StorageTesting
import Testing

@Suite("Relations in memory")
struct MemoryDiskTests {
    @Test("conform to the protocol of storage managers", arguments: IOMethodMatrix.all)
    func conforms(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            try MemoryDisk(system: surroundings.system)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }

    @Test("take no more memory than allowed, and lose nothing at the limit")
    func limit() throws {
        let system = try TestedMethod(.synchronous).makeSystem()
        var configuration = MemoryDiskConfiguration()
        configuration.maximumBytes = 256 * blockSize
        let disk = try MemoryDisk(system: system, configuration: configuration)
        let registry = try StorageManagerRegistry(system: system)
        let id = StorageManagerID(rawValue: 1)
        try registry.register(disk, id: id)
        let session = try system.makeSession()
        defer { session.close() }
        func open(_ number: UInt32) throws -> OpenRelation {
            try registry.open(RelationLocator(database: 1, number: number), managedBy: id)
        }
        let first = try open(1)
        try first.storage.create(.main, ifMissing: false)
        try first.storage.zeroExtend(.main, from: 0, count: 130, sync: .register)
        let pages = PageMemory(130)
        pages.fillAll(from: 5)
        try first.storage.write(
            .main, block: 0, from: pages.addresses.span, sync: .register)
        let second = try open(2)
        try second.storage.create(.main, ifMissing: false)
        try second.storage.zeroExtend(.main, from: 0, count: 64, sync: .register)
        #expect(disk.usedBytes == 256 * blockSize)

        do throws(StorageError) {
            try second.storage.zeroExtend(.main, from: 64, count: 1, sync: .register)
            Issue.record("the limit was passed")
        } catch {
            #expect(error.code == .extendFailed)
            #expect(error.message.contains("memory relations take"))
            #expect(error.remedy?.contains("maximumBytes") == true)
            #expect(error.location.relation == "base/1/2")
        }
        #expect(try second.storage.blockCount(.main) == 64)
        let back = PageMemory(130)
        try first.storage.read(.main, block: 0, into: back.addresses.span)
        #expect(back.holdsAll(from: 5))

        // Truncating and removing free memory at once.
        try first.storage.truncate(.main, to: 64, session: session)
        #expect(disk.usedBytes == 128 * blockSize)
        try second.storage.zeroExtend(.main, from: 64, count: 128, sync: .register)
        try registry.unlink(second, session: session)
        #expect(disk.usedBytes == 64 * blockSize)
        registry.shutdown(session: session)
        #expect(disk.usedBytes == 0)
    }

    @Test("cannot have a negative memory limit")
    func negative() throws {
        let system = try TestedMethod(.synchronous).makeSystem()
        var configuration = MemoryDiskConfiguration()
        configuration.maximumBytes = -1
        do throws(StorageError) {
            _ = try MemoryDisk(system: system, configuration: configuration)
            Issue.record("made")
        } catch {
            #expect(error.code == .invalidConfiguration)
        }
    }
}
