import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing
import Threads

@Suite("A full disk")
struct FullDiskTests {
    static func makeDisk(_ method: TestedMethod, _ extension: ZeroExtension) throws
        -> (TestDisk, LimitedFileSystem)
    {
        let fileSystem = LimitedFileSystem()
        var options = TestDisk.Options()
        options.files.fileSystem = fileSystem
        options.files.zeroExtension = `extension`
        return (try TestDisk(method, options), fileSystem)
    }

    @Test(
        "Extending by a page leaves no part of it", arguments: IOMethodMatrix.all, [0, 100, 8191])
    func extending(method: TestedMethod, space: Int) throws {
        let (disk, fileSystem) = try Self.makeDisk(method, .fallocate)
        let storage = try disk.makeRelation(blocks: 5)
        let page = PageMemory(1)
        page.fill(0, 5)
        for _ in 0..<2 {
            fileSystem.leave(space)
            let error = failure {
                try storage.extend(.main, at: 5, with: page[0], sync: .register)
            }
            #expect(error?.code == .extendFailed)
            #expect(error?.message == "could not extend file \"base/1/16384.1\" by block 5")
            #expect(error?.errorNumber == ENOSPC)
            #expect(error?.remedy?.contains("Free space") == true)
            #expect(disk.size("base/1/16384.1") == blockSize)
            #expect(try storage.blockCount(.main) == 5)
        }
        fileSystem.leave(nil)
        try storage.extend(.main, at: 5, with: page[0], sync: .register)
        let pages = PageMemory(6)
        try storage.read(0, pages)
        #expect(pages.holdsAll(from: 0))
    }

    @Test("Rewriting a block by extending never cuts the file", arguments: [100, 8191])
    func rewriting(space: Int) throws {
        let (disk, fileSystem) = try Self.makeDisk(TestedMethod(.synchronous), .fallocate)
        let storage = try disk.makeRelation(blocks: 3)
        fileSystem.leave(space)
        let page = PageMemory(1)
        #expect(
            failure {
                try storage.extend(.main, at: 1, with: page[0], sync: .skip)
            } != nil)
        #expect(disk.size("base/1/16384") == 3 * blockSize)
    }

    @Test(
        "Extending by zeroes undoes a failed segment", arguments: IOMethodMatrix.all,
        [ZeroExtension.fallocate, .writeZeroes])
    func zeroExtending(method: TestedMethod, way: ZeroExtension) throws {
        let (disk, fileSystem) = try Self.makeDisk(method, way)
        let storage = try disk.makeRelation(blocks: 2)
        fileSystem.leave(3 * blockSize + 100)
        let error = failure {
            try storage.zeroExtend(.main, from: 2, count: 6, sync: .register)
        }
        #expect(error?.code == .extendFailed)
        #expect(error?.message == "could not extend file \"base/1/16384.1\" by blocks 4..7")
        #expect(error?.errorNumber == ENOSPC)
        #expect(disk.size("base/1/16384.1") == 0)
        #expect(try storage.blockCount(.main) == 4)
        fileSystem.leave(nil)
        try storage.zeroExtend(.main, from: 4, count: 4, sync: .register)
        #expect(try storage.blockCount(.main) == 8)
    }

    @Test(
        "Writing reports a full disk, and may succeed later", arguments: IOMethodMatrix.all,
        [0, 100, 9000])
    func writing(method: TestedMethod, space: Int) throws {
        let (disk, fileSystem) = try Self.makeDisk(method, .fallocate)
        let storage = try disk.makeRelation(blocks: 3)
        fileSystem.leave(space)
        let pages = PageMemory(3, apart: true)
        pages.fillAll(from: 50)
        let error = failure { try storage.write(0, pages) }
        #expect(error?.code == .writeFailed)
        #expect(error?.message == "could not write blocks 0..2 in file \"base/1/16384\"")
        #expect(error?.errorNumber == ENOSPC)
        fileSystem.leave(nil)
        try storage.write(0, pages)
        let back = PageMemory(3)
        try storage.read(0, back)
        #expect(back.holdsAll(from: 50))
    }

    @Test(
        "A write interrupted by a full disk continues where it stopped",
        arguments: IOMethodMatrix.all, [false, true])
    func recovering(method: TestedMethod, apart: Bool) throws {
        let (disk, fileSystem) = try Self.makeDisk(method, .fallocate)
        let storage = try disk.makeRelation(blocks: 4)
        let pages = PageMemory(4, apart: apart)
        pages.fillAll(from: 70)
        fileSystem.leave(9000, recovers: true)
        try storage.write(0, pages)
        let back = PageMemory(4)
        try storage.read(0, back)
        #expect(back.holdsAll(from: 70))
        #expect(disk.size("base/1/16384") == 4 * blockSize)
    }

    #if os(Linux)
        @Test(
            "A real file system runs full and is emptied again",
            .enabled(
                if: SmallFileSystem.canBeMade, "a small file system cannot be mounted here"),
            arguments: IOMethodMatrix.all)
        func realFullDisk(method: TestedMethod) throws {
            let small = try #require(SmallFileSystem(bytes: 40 * blockSize))
            try withExtendedLifetime(small) {
                var options = TestDisk.Options()
                options.path = small.path
                let disk = try TestDisk(method, options)
                let session = try disk.system.makeSession()
                defer { session.close() }
                let storage = try disk.makeRelation()
                let page = PageMemory(1)
                var block: UInt32 = 0
                var error: StorageError?
                while error == nil, block < 100 {
                    page.fill(0, block)
                    do throws(StorageError) {
                        try storage.extend(
                            .main, at: BlockNumber(block), with: page[0], sync: .register)
                        block += 1
                    } catch let thrown {
                        error = thrown
                    }
                }
                #expect(error?.code == .extendFailed)
                #expect(error?.errorNumber == ENOSPC)
                #expect(block >= 30)
                #expect(try storage.blockCount(.main) == block)
                let zeroes = failure {
                    try storage.zeroExtend(
                        .main, from: BlockNumber(block), count: 64, sync: .register)
                }
                #expect(zeroes?.errorNumber == ENOSPC)
                #expect(try storage.blockCount(.main) == block)
                let pages = PageMemory(Int(block))
                try storage.read(0, pages)
                #expect(pages.holdsAll(from: 0))

                try storage.truncate(.main, to: 10, session: session)
                try storage.extend(.main, at: 10, with: page[0], sync: .register)
                #expect(try storage.blockCount(.main) == 11)
                for fork in Fork.allCases { storage.close(fork, session: session) }
            }
        }
    #endif
}
