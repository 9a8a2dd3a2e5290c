import AsyncIO
import BufferManager
import Foundation
import FreeSpaceMap
import PageFormat
import StorageManager
import StorageTesting
import Testing
import Threads

/// Maps over a buffer manager and files.
@Suite struct FreeSpaceMapTests {
    private static let slots = UInt32(FreeSpacePage.slotCount)

    @Test(arguments: IOMethodMatrix.all) func findsWhatWasRecorded(_ method: TestedMethod) throws {
        let stack = try MapStack(method)
        try stack.with { map, relation, session in
            #expect(try map.find(1, below: 100) == nil)
            try map.record(500, at: 7)
            #expect(try map.recorded(at: 7) == 480)
            #expect(try map.recorded(at: 8) == 0)
            // Only the leaf knows by now.
            #expect(try map.find(400, below: 100) == nil)
            try map.vacuum()
            #expect(try map.find(400, below: 100) == 7)
            #expect(try map.find(480, below: 100) == 7)
            #expect(try map.find(481, below: 100) == nil)
            try map.record(8160, at: 8)
            #expect(try map.find(300, below: 100) == 8)
            #expect(try map.find(300, below: 100) == 7)
            #expect(try map.find(300, below: 100) == 8)
            #expect(try map.find(400, recording: 0, at: 8, below: 100) == 7)
            #expect(try map.recorded(at: 8) == 0)
            try stack.buffers.close(relation, session: session)
        }
        // From the files.
        try stack.with { (map, _, _) throws in
            #expect(try map.find(400, below: 100) == 7)
            #expect(try map.recorded(at: 8) == 0)
        }
    }

    @Test func refusesImpossibleRequests() throws {
        let stack = try MapStack(TestedMethod(.synchronous))
        try stack.with { map, _, _ in
            for bytes in [-1, 8161, .max, .min] {
                #expect(throws: StorageError.self) { try map.find(bytes, below: 1) }
            }
            try map.record(.min, at: 0)
            #expect(try map.recorded(at: 0) == 0)
            try map.record(.max, at: 0)
            #expect(try map.recorded(at: 0) == 8160)
        }
    }

    /// A relation that needs several pages of all levels but the root's.
    @Test(arguments: IOMethodMatrix.all) func spansPages(_ method: TestedMethod) throws {
        let stack = try MapStack(method)
        try stack.with { map, relation, _ in
            let blocks = [0, 4068, 4069, 3 * Self.slots + 17, 40 * Self.slots - 1]
            for (position, block) in blocks.enumerated() {
                try map.record(100 * (position + 1), at: BlockNumber(block))
            }
            #expect(try relation.storage.blockCount(.freeSpaceMap) == 2 + 40)
            try map.vacuum()
            let end = 40 * Self.slots
            #expect(try map.find(480, below: end) == BlockNumber(blocks[4]))
            let found = try #require(try map.find(380, below: end))
            #expect(blocks.suffix(2).contains(found.rawValue))
            // What lies behind the relation's end is taken off.
            #expect(try map.find(480, below: end - 1) == nil)
            #expect(try map.recorded(at: BlockNumber(blocks[4])) == 0)
            try map.truncate(to: 4069)
            #expect(try map.recorded(at: 4069) == 0)
            #expect(try map.recorded(at: 4068) == 192)
            #expect(try map.find(200, below: end) == nil)
            #expect(try map.find(190, below: end) == 4068)
            try map.truncate(to: 10)
            #expect(try map.find(97, below: end) == nil)
            #expect(try map.find(96, below: end) == 0)
            try map.truncate(to: 0)
            #expect(try map.find(1, below: end) == nil)
        }
    }

    /// The highest block that a relation can have: the pages for it do not exist, and are not made
    /// by asking.
    @Test func askingMakesNoPages() throws {
        let stack = try MapStack(TestedMethod(.synchronous))
        try stack.with { map, relation, _ in
            #expect(try map.recorded(at: BlockNumber(.max - 1)) == 0)
            #expect(try map.find(1, below: .max) == nil)
            try map.vacuum()
            try map.truncate(to: 0)
            #expect(try relation.storage.blockCount(.freeSpaceMap) == 0)
        }
    }

    /// A page without a right checksum counts as empty, and what is recorded after that is found.
    @Test(arguments: IOMethodMatrix.all, 0..<3 as Range<Int64>)
    func damagedPagesAreEmpty(_ method: TestedMethod, _ page: Int64) throws {
        let stack = try MapStack(method)
        try stack.with { map, relation, session in
            for block in 0..<20 { try map.record(320, at: BlockNumber(UInt32(block))) }
            try map.vacuum()
            try stack.buffers.close(relation, session: session)
        }
        let path = stack.directory.path + "/base/1/16384_fsm"
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: UInt64(page) * 8192 + 5000)
        try file.write(contentsOf: [0xAB])
        try file.close()
        try stack.with { map, _, _ in
            #expect(try map.find(300, below: 20) == nil)
            #expect(try map.recorded(at: 3) == (page == 2 ? 0 : 320))
            try map.record(640, at: 3)
            try map.vacuum()
            #expect(try map.find(600, below: 20) == 3)
            #expect(try map.find(300, below: 20).map { $0 == 3 } == (page == 2 ? true : false))
        }
    }

    /// Nodes that promise what is not below them, with right checksums: searches mend them.
    @Test(arguments: 0..<40 as Range<UInt64>) func mendsWhatMisleads(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let stack = try MapStack(TestedMethod(.synchronous))
        try stack.with { map, relation, session in
            for _ in 0..<30 {
                try map.record(random.below(5000), at: BlockNumber(UInt32(random.below(9000))))
            }
            try map.vacuum()
            for block in 0..<(try relation.storage.blockCount(.freeSpaceMap)) {
                let page = try stack.buffers.page(
                    BlockNumber(block), of: relation, fork: .freeSpaceMap, session: session)
                page.withExclusiveLock { bytes in
                    for _ in 0..<random.below(60) {
                        // Inner nodes, and the hint before them.
                        let wide = random.below(2) == 0
                        bytes.storeBytes(
                            of: UInt8(random.below(256)),
                            toByteOffset: 24 + random.below(wide ? 4000 : 20), as: UInt8.self)
                    }
                }
            }
            let all = try map.all(below: 9000)
            for _ in 0..<300 {
                let wanted = 1 + random.below(5100)
                if let found = try map.find(wanted, below: 9000) {
                    #expect(all[Int(found.rawValue)] >= wanted, "seed \(seed)")
                }
            }
            #expect(try map.find(5001, below: 9000) == nil)
            try map.vacuum()
            let most = try #require(all.max())
            for wanted in [most, most / 2] where wanted > 0 {
                let found = try map.find(wanted, below: 9000)
                #expect(found.map { all[Int($0.rawValue)] >= wanted } == true, "seed \(seed)")
            }
        }
    }

    /// Many threads record and find: what is found exists, and in the end the map is whole.
    @Test(arguments: IOMethodMatrix.real) func manyThreads(_ method: TestedMethod) throws {
        let stack = try MapStack(method)
        let relation = try stack.relation()
        try TestThreads.run(4) { number in
            let session = try stack.system.makeSession()
            defer { session.close() }
            var random = SplitMix64(seed: UInt64(number))
            let map = FreeSpaceMap(stack.buffers, of: relation, session: session)
            for turn in 0..<2000 {
                let block = BlockNumber(UInt32(random.below(20_000)))
                switch random.below(8) {
                case 0..<4: try map.record(random.below(8000), at: block)
                case 4..<7:
                    let found = try map.find(random.below(8000), below: 20_000)
                    #expect(found.map { $0.rawValue < 20_000 } ?? true)
                default: if turn % 100 == 0 { try map.vacuum() }
                }
            }
        }
        try stack.with { map, _, _ in
            try map.vacuum()
            let all = try map.all(below: 20_000)
            let most = try #require(all.max())
            #expect(try map.find(most, below: 20_000).map { all[Int($0.rawValue)] } == most)
            #expect(try map.find(most + 1, below: 20_000) == nil)
        }
    }
}

/// A map that PostgreSQL wrote.
@Suite struct PostgresMapTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/freespace")

    @Test(arguments: IOMethodMatrix.real) func isReadAsPostgresReadsIt(_ method: TestedMethod)
        throws
    {
        let told = try String(
            contentsOf: Self.fixtures.appending(path: "deleted.csv"), encoding: .utf8
        ).split(separator: "\n").map { line in Int(line.split(separator: ",")[1]) ?? -1 }
        #expect(told.count == 80)
        let stack = try MapStack(method)
        try stack.with { _, relation, session in
            try stack.buffers.close(relation, session: session)
        }
        try Data(contentsOf: Self.fixtures.appending(path: "deleted_fsm")).write(
            to: URL(filePath: stack.directory.path + "/base/1/16384_fsm"))
        try stack.with { map, _, _ in
            let end = UInt32(told.count)
            #expect(try map.all(below: end) == told)
            // The server's vacuum has told the upper pages.
            for wanted in stride(from: 1, through: 8160, by: 13) {
                let rounded = (wanted + 31) / 32 * 32
                let found = try map.find(wanted, below: end)
                #expect((found != nil) == told.contains { $0 >= rounded }, "\(wanted)")
                if let found { #expect(told[Int(found.rawValue)] >= rounded) }
            }
        }
        #expect(stack.buffers.checksumFailures == 0)
    }
}
