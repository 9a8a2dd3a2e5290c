import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing

@Suite("Blocks come back as they were written")
struct RoundTripTests {
    @Test("Blocking, across segments", arguments: IOMethodMatrix.all, [false, true])
    func blocking(method: TestedMethod, apart: Bool) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 11)
        let pages = PageMemory(11, apart: apart)
        try storage.read(0, pages)
        #expect(pages.holdsAll(from: 0))

        pages.fillAll(from: 100)
        try storage.write(0, pages)
        let part = PageMemory(6, apart: apart)
        try storage.read(3, part)
        #expect(part.holdsAll(from: 103))
        #expect(disk.size("base/1/16384") == 4 * blockSize)
        #expect(disk.size("base/1/16384.1") == 4 * blockSize)
        #expect(disk.size("base/1/16384.2") == 3 * blockSize)
        #expect(disk.size("base/1/16384.3") == nil)
    }

    @Test("Started, as far as one IO reaches", arguments: IOMethodMatrix.all, [false, true])
    func started(method: TestedMethod, apart: Bool) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 8)
        let session = try disk.system.makeSession()
        defer { session.close() }
        for (block, count) in [(0, 4), (4, 4), (1, 2), (7, 1), (5, 3)] {
            let number = BlockNumber(UInt32(block))
            #expect(storage.maximumCombine(.main, block: number) >= count)
            let pages = PageMemory(count, apart: apart)
            pages.fillAll(from: UInt32(1000 + block))
            let written = try storage.run(.write, number, pages, session)
            #expect(written.result.status == .ok)
            #expect(written.result.value == Int32(count))
            let back = PageMemory(count, apart: apart)
            let read = try storage.run(.read, number, back, session)
            #expect(read.result.status == .ok)
            #expect(read.result.value == Int32(count))
            #expect(RelationLabel(read.targetData).description.contains("base/1/16384"))
            #expect(back.holdsAll(from: UInt32(1000 + block)))
        }
    }

    @Test("More pages than one system call takes vectors for", arguments: IOMethodMatrix.all)
    func manyVectors(method: TestedMethod) throws {
        var options = TestDisk.Options()
        options.segmentBlocks = 150
        let disk = try TestDisk(method, options)
        let storage = try disk.makeRelation()
        try storage.zeroExtend(.main, from: 0, count: 200, sync: .skip)
        let pages = PageMemory(200, apart: true)
        pages.fillAll(from: 7)
        try storage.write(0, pages)
        let back = PageMemory(200, apart: true)
        try storage.read(0, back)
        #expect(back.holdsAll(from: 7))
        #expect(disk.size("base/1/16384") == 150 * blockSize)
    }

    @Test("Forks are files of their own", arguments: IOMethodMatrix.all)
    func forks(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.open().storage
        for fork in Fork.allCases {
            #expect(try !storage.exists(fork))
            try storage.create(fork, ifMissing: false)
            #expect(try storage.exists(fork))
            try storage.zeroExtend(fork, from: 0, count: 6, sync: .skip)
            let page = PageMemory(1)
            page.fill(0, UInt32(fork.rawValue))
            try storage.write(5, page, fork)
        }
        for fork in Fork.allCases {
            let page = PageMemory(1)
            try storage.read(5, page, fork)
            #expect(page.holds(0, UInt32(fork.rawValue)))
            #expect(try storage.blockCount(fork) == 6)
            #expect(disk.size("base/1/16384\(fork.suffix).1") == 2 * blockSize)
        }
    }

    @Test("Relations with many files share few descriptors", arguments: IOMethodMatrix.all)
    func fewDescriptors(method: TestedMethod) throws {
        var options = TestDisk.Options()
        options.files.maximumOpenFiles = 8
        let disk = try TestDisk(method, options)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let relations = try (0..<40).map { try disk.makeRelation(20_000 + $0, blocks: 6) }
        for round in 0..<3 as Range<UInt32> {
            for (index, storage) in relations.enumerated() {
                let pages = PageMemory(2)
                pages.fillAll(from: UInt32(index) * 10 + round)
                let report = try storage.run(.write, 4, pages, session)
                #expect(report.result.status == .ok)
            }
            for (index, storage) in relations.enumerated().reversed() {
                let pages = PageMemory(2)
                let report = try storage.run(.read, 4, pages, session)
                #expect(report.result.status == .ok)
                #expect(pages.holdsAll(from: UInt32(index) * 10 + round))
                #expect(try storage.blockCount(.main) == 6)
            }
        }
        #expect(disk.files.statistics.evictions > 100)
        #expect(disk.files.statistics.kernelDescriptors <= 8)
    }

    @Test("Reads run while the relation grows", arguments: IOMethodMatrix.all)
    func readersAndExtender(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 1)
        let counts = try TestThreads.run(4) { index -> UInt32 in
            if index == 0 {
                let page = PageMemory(1)
                for block in 1..<200 as Range<UInt32> {
                    page.fill(0, block)
                    try storage.extend(.main, at: BlockNumber(block), with: page[0], sync: .skip)
                }
                return 200
            }
            let session = try disk.system.makeSession()
            defer { session.close() }
            var seen: UInt32 = 0
            var random = SplitMix64(seed: method.seed ?? 1, stream: UInt64(index))
            while seen < 200 {
                let count = try storage.blockCount(.main)
                guard count >= seen else { return 0 }
                seen = count
                let block = BlockNumber(UInt32(random.below(Int(count))))
                let page = PageMemory(1)
                if random.chance(0.5) {
                    try storage.read(block, page)
                } else {
                    try disk.system.check(storage.run(.read, block, page, session))
                }
                guard page.holds(0, block.rawValue) else { return block.rawValue }
            }
            return seen
        }
        #expect(counts == [200, 200, 200, 200])
    }
}
