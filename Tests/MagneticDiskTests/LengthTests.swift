import AsyncIO
import StorageManager
import StorageTesting
import Testing

@Suite("The length of a fork")
struct LengthTests {
    @Test("Each block counts, even at the ends of segments", arguments: IOMethodMatrix.all)
    func growing(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation()
        let page = PageMemory(1)
        for block in 0..<13 as Range<UInt32> {
            #expect(try storage.blockCount(.main) == block)
            page.fill(0, block)
            try storage.extend(.main, at: BlockNumber(block), with: page[0], sync: .register)
        }
        try disk.forgetFiles()
        #expect(try storage.blockCount(.main) == 13)
        #expect(disk.size("base/1/16384.3") == blockSize)
    }

    @Test("Part of a block at the end does not count", arguments: IOMethodMatrix.all)
    func partialBlock(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 6)
        disk.setSize("base/1/16384.1", 2 * blockSize + 100)
        #expect(try storage.blockCount(.main) == 6)
        let pages = PageMemory(2)
        let error = failure { try storage.read(5, pages) }
        #expect(
            error?.message == "could not read blocks 5..6 in file \"base/1/16384.1\": "
                + "read only 8292 of 16384 bytes")
        pages.fill(0, 6)
        try storage.extend(.main, at: 6, with: pages[0], sync: .skip)
        #expect(try storage.blockCount(.main) == 7)
        try storage.read(5, pages)
        #expect(pages.holdsAll(from: 5))
    }

    @Test("Truncating removes part of a block behind the end", arguments: [0, 2, 6] as [UInt32])
    func truncatingAPartialBlock(blocks: UInt32) throws {
        let disk = try TestDisk(TestedMethod(.synchronous))
        let storage = try disk.makeRelation(blocks: Int(blocks))
        let name = blocks > 4 ? "base/1/16384.1" : "base/1/16384"
        let whole = Int(blocks % 4) * blockSize
        disk.setSize(name, whole + 7680)
        let session = try disk.system.makeSession()
        defer { session.close() }
        try storage.truncate(.main, to: blocks, session: session)
        #expect(disk.size(name) == whole)
        #expect(try storage.blockCount(.main) == blocks)
    }

    @Test("A truncated segment hides those after it", arguments: IOMethodMatrix.all)
    func shortMiddle(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 14)
        try disk.forgetFiles()
        disk.setSize("base/1/16384.1", 3 * blockSize)
        #expect(try storage.blockCount(.main) == 7)
        let page = PageMemory(1)
        let error = failure { try storage.read(9, page) }
        #expect(error?.code == .notFound)
        #expect(
            error?.message == "could not open file \"base/1/16384.2\" (target block 9): "
                + "file \"base/1/16384.1\" before it has only 3 blocks")
        #expect(error?.location.block == 9)
        #expect(try !storage.prefetch(.main, block: 6, count: 4))
        #expect(try storage.prefetch(.main, block: 2, count: 5))
    }

    @Test("A missing segment hides those after it", arguments: IOMethodMatrix.all)
    func missingMiddle(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 14)
        try disk.forgetFiles()
        disk.removeFile("base/1/16384.1")
        #expect(try storage.blockCount(.main) == 4)
        let session = try disk.system.makeSession()
        defer { session.close() }
        for started in [false, true] {
            let page = PageMemory(1)
            let error = failure {
                if started {
                    _ = try storage.run(.read, 13, page, session)
                } else {
                    try storage.read(13, page)
                }
            }
            #expect(error?.code == .notFound)
            #expect(
                error?.description.hasPrefix(
                    "could not open file \"base/1/16384.1\" (target block 13): "
                        + "No such file or directory") == true)
            #expect(error?.location.path == "base/1/16384.1")
        }
        #expect(try !storage.prefetch(.main, block: 4, count: 1))
    }

    @Test("Hidden blocks never come back by growing", arguments: IOMethodMatrix.all)
    func hiddenBlocks(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 14)
        try disk.forgetFiles()
        disk.setSize("base/1/16384.1", 2 * blockSize)
        let page = PageMemory(1)
        page.fill(0, 6)
        try storage.extend(.main, at: 6, with: page[0], sync: .skip)
        let attempts: [() throws -> Void] = [
            {
                try storage.extend(.main, at: 7, with: page[0], sync: .skip)
            },
            {
                try storage.zeroExtend(.main, from: 7, count: 1, sync: .skip)
            },
            {
                try storage.extend(.main, at: 9, with: page[0], sync: .skip)
            },
        ]
        for attempt in attempts {
            let error = failure(attempt)
            #expect(error?.location.path == "base/1/16384.2")
            #expect(error?.code.rawValue == "damagedSegment")
            #expect(try storage.blockCount(.main) == 7)
        }
        // Without the later segments nothing is hidden.
        disk.removeFile("base/1/16384.2")
        disk.removeFile("base/1/16384.3")
        try storage.extend(.main, at: 7, with: page[0], sync: .skip)
        #expect(try storage.blockCount(.main) == 8)
    }

    @Test("A segment that is too long is refused", arguments: IOMethodMatrix.all)
    func longSegment(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 3)
        disk.setSize("base/1/16384", 5 * blockSize)
        let error = failure { _ = try storage.blockCount(.main) }
        #expect(
            error?.message
                == "file \"base/1/16384\" has 5 blocks, but a segment at most 4")
        #expect(error?.location.relation == "base/1/16384")
    }

    @Test(
        "Truncation leaves empty segments, and what grows there is zero",
        arguments: IOMethodMatrix.all)
    func truncation(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let session = try disk.system.makeSession()
        defer { session.close() }
        let storage = try disk.makeRelation(blocks: 14)
        try storage.truncate(.main, to: 20, session: session)
        #expect(try storage.blockCount(.main) == 14)
        try disk.forgetFiles()
        try storage.truncate(.main, to: 5, session: session)
        #expect(try storage.blockCount(.main) == 5)
        let names = ["", ".1", ".2", ".3"].map { "base/1/16384\($0)" }
        #expect(names.map { disk.size($0) } == [4 * blockSize, blockSize, 0, 0])
        let page = PageMemory(1)
        #expect(failure { try storage.read(5, page) } != nil)

        page.fill(0, 99)
        try storage.extend(.main, at: 13, with: page[0], sync: .register)
        #expect(try storage.blockCount(.main) == 14)
        let pages = PageMemory(14)
        try storage.read(0, pages)
        #expect((0..<5).allSatisfy { pages.holds($0, UInt32($0)) })
        #expect((5..<13).allSatisfy { pages.isZero($0) })
        #expect(pages.holds(13, 99))
    }

    @Test("Truncation to every length", arguments: IOMethodMatrix.all)
    func everyLength(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let session = try disk.system.makeSession()
        defer { session.close() }
        for length in 0...9 as ClosedRange<UInt32> {
            let storage = try disk.makeRelation(100 + length, blocks: 9)
            if length % 2 == 0 {
                for fork in Fork.allCases { storage.close(fork, session: session) }
            }
            try storage.truncate(.main, to: length, session: session)
            #expect(try storage.blockCount(.main) == length)
            let path = "base/1/\(100 + length)"
            let sizes = ["", ".1", ".2"].map { disk.size(path + $0) ?? -1 }
            #expect(sizes.reduce(0, +) == Int(length) * blockSize)
            try storage.zeroExtend(
                .main, from: BlockNumber(length), count: Int(9 - length), sync: .skip)
            let pages = PageMemory(9)
            try storage.read(0, pages)
            for block in 0..<9 as Range<UInt32> {
                #expect(
                    block < length
                        ? pages.holds(Int(block), block) : pages.isZero(Int(block)))
            }
        }
    }

    @Test("Growing by zeroes goes over several segments", arguments: IOMethodMatrix.all)
    func zeroExtension(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 3)
        try storage.zeroExtend(.main, from: 3, count: 0, sync: .skip)
        #expect(try storage.blockCount(.main) == 3)
        try storage.zeroExtend(.main, from: 3, count: 10, sync: .register)
        #expect(try storage.blockCount(.main) == 13)
        let pages = PageMemory(13)
        try storage.read(0, pages)
        #expect((0..<3).allSatisfy { pages.holds($0, UInt32($0)) })
        #expect((3..<13).allSatisfy { pages.isZero($0) })
    }

    @Test("A fork ends where block numbers do", arguments: IOMethodMatrix.all)
    func limit(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 1)
        let page = PageMemory(1)
        let last = BlockNumber(BlockNumber.maximumCount)
        for block in [last, .invalid] {
            let error = failure {
                try storage.extend(.main, at: block, with: page[0], sync: .skip)
            }
            #expect(error?.code == .extendFailed)
            #expect(error?.remedy != nil)
        }
        let error = failure {
            try storage.zeroExtend(
                .main, from: BlockNumber(last.rawValue - 1), count: 2, sync: .skip)
        }
        #expect(error?.code == .extendFailed)
        #expect(try storage.blockCount(.main) == 1)
    }

    @Test(
        "Truncation empties what a crash has left after a short segment",
        arguments: IOMethodMatrix.all)
    func leftSegments(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 11)
        // A relation of two blocks was growing, and the first segment's growth was lost.
        try disk.forgetFiles()
        disk.setSize("base/1/16384", 2 * blockSize)
        #expect(try storage.blockCount(.main) == 2)
        let session = try disk.system.makeSession()
        defer { session.close() }
        try storage.truncate(.main, to: 2, session: session)
        #expect(disk.size("base/1/16384.1") == 0)
        #expect(disk.size("base/1/16384.2") == 0)
        try storage.zeroExtend(.main, from: 2, count: 9, sync: .register)
        let pages = PageMemory(11)
        try storage.read(0, pages)
        #expect(pages.holds(0, 0) && pages.holds(1, 1))
        #expect((2..<11).allSatisfy { pages.isZero($0) })
    }
}
