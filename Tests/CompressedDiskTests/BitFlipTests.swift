import AsyncIO
import FileAccess
import Logging
import StorageManager
import StorageTesting
import Testing
import Threads

@testable import CompressedDisk

/// One wrong bit in a relation's file is found and reported, and nothing else is lost.
@Suite("Compressed relations and single bits")
struct BitFlipTests {
    private static let locator = RelationLocator(database: 1, number: 16384)
    private static let blocks = 22
    private static let chunkPages = 4

    /// A relation of some chunks, changed here and there, cut, with a hole in its file.
    private static func makeDisk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try with(disk, RecordingLog()) { manager, storage, session in
            try storage.create(.main, ifMissing: false)
            try storage.zeroExtend(.main, from: 0, count: blocks + 9, sync: .register)
            for (first, count) in [(0, blocks), (5, 6), (9, 1), (20, 11)] {
                let memory = PageMemory(count)
                memory.fillAll(from: UInt32(first))
                try storage.write(
                    .main, block: BlockNumber(UInt32(first)), from: memory.addresses.span,
                    sync: .register)
                try manager.syncPending(session)
            }
            try storage.truncate(.main, to: UInt32(blocks), session: session)
            // A chunk that records the truncation, in case the map is lost.
            let memory = PageMemory(1)
            memory.fillAll(from: 0)
            try storage.write(
                .main, block: 0, from: memory.addresses.span, sync: .register)
            try manager.syncPending(session)
        }
        return disk.copy()
    }

    private static func with(
        _ disk: SimulatedDisk, _ log: RecordingLog,
        _ body: (CompressedDisk, any RelationStorage, Session) throws -> Void
    ) throws {
        let all = try OpenManager(on: disk, chunkPages: chunkPages, log: log)
        defer { all.close() }
        try body(all.manager, try all.open(), all.session)
    }

    /// What is found of the relation: reported damage, and wrong contents of other chunks.
    private static func look(_ disk: SimulatedDisk) throws -> (told: [String], wrong: [String]) {
        let log = RecordingLog()
        var (told, wrong): ([String], [String]) = ([], [])
        try with(disk, log) { manager, storage, _ in
            do throws(StorageError) {
                let count = try storage.blockCount(.main)
                if count != UInt32(blocks) { wrong.append("\(count) blocks") }
                for chunk in 0..<(blocks + chunkPages - 1) / chunkPages {
                    let first = chunk * chunkPages
                    let memory = PageMemory(min(chunkPages, blocks - first))
                    do throws(StorageError) {
                        try storage.read(
                            .main, block: BlockNumber(UInt32(first)),
                            into: memory.addresses.span)
                        if !memory.holdsAll(from: UInt32(first)) { wrong.append("chunk \(chunk)") }
                    } catch {
                        told.append("\(error)")
                    }
                }
                try manager.check(locator, fork: .main) { told.append("\($0)") }
            } catch {
                told.append("\(error)")
            }
        }
        return (told + log.messages, wrong)
    }

    @Test("are found wherever they matter")
    func flips() throws {
        let disk = try Self.makeDisk()
        let sound = try Self.look(disk)
        #expect(sound.told.isEmpty && sound.wrong.isEmpty, "\(sound)")
        var random = SplitMix64(seed: IOMethodMatrix.seed)
        for path in disk.paths {
            let bits = try #require(disk.size(of: path)) * 8
            var used: Set<Int> = []
            try Self.with(disk, RecordingLog()) { manager, storage, _ in
                _ = try storage.blockCount(.main)
                let entries = manager.fork(Self.locator, .main).state.withLock {
                    $0.map.entries().map(\.entry)
                }
                used = Set(entries.flatMap { Int($0.extent.start)..<Int($0.extent.end) } + [0])
            }
            for _ in 0..<700 {
                let bit = random.below(bits)
                // Holes hold nothing.
                if path.hasSuffix(".chunks") && !used.contains(bit / 8 / 4096) { continue }
                let damaged = disk.copy()
                damaged.flipBit(bit, of: path)
                let (told, wrong) = try Self.look(damaged)
                #expect(wrong.isEmpty, "bit \(bit) of \(path): \(wrong)")
                #expect(!told.isEmpty, "bit \(bit) of \(path) is not told of")
                #expect(
                    told.filter { $0.contains("chunk ") && !$0.contains("chunks") }.count <= 2,
                    "bit \(bit) of \(path): \(told)")
            }
        }
    }

    @Test("Without its map, a relation is rebuilt from its chunks")
    func rebuilding() throws {
        let disk = try Self.makeDisk()
        let path = try #require(disk.paths.first { $0.hasSuffix(".map") })
        let without = disk.copy()
        without.remove(path)
        let (told, wrong) = try Self.look(without)
        #expect(told.contains { $0.contains("put together from the chunks") })
        #expect(wrong.isEmpty, "\(wrong)")
        let scrambled = disk.copy()
        let bits = try #require(scrambled.size(of: path)) * 8
        for bit in stride(from: 3, to: bits, by: 101) { scrambled.flipBit(bit, of: path) }
        let (toldThen, wrongThen) = try Self.look(scrambled)
        #expect(!toldThen.isEmpty)
        #expect(wrongThen.isEmpty, "\(wrongThen)")
        // Once something was changed, it is as good as before.
        try Self.with(without, RecordingLog()) { manager, storage, session in
            let memory = PageMemory(1)
            memory.fillAll(from: 0)
            try storage.write(.main, block: 0, from: memory.addresses.span, sync: .register)
            try manager.syncPending(session)
        }
        let again = try Self.look(without.copy())
        #expect(again.told.isEmpty && again.wrong.isEmpty)
    }

    @Test("Files of rubbish are refused", arguments: [800, 4096, 100_000])
    func rubbish(size: Int) throws {
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: UInt64(size))
        for path in ["base/1/16384.chunks", "base/1/16384.map"] {
            let disk = try Self.makeDisk()
            let bits = try #require(disk.size(of: path)) * 8
            for _ in 0..<max(1, size / 8) { disk.flipBit(random.below(bits), of: path) }
            let (told, wrong) = try Self.look(disk)
            #expect(!told.isEmpty)
            #expect(wrong.allSatisfy { $0.hasSuffix("blocks") }, "\(wrong)")
        }
    }
}
