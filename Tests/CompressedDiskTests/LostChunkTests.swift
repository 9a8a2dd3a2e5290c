import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing

@testable import CompressedDisk

/// Chunks missing from their file are reported, never read as zeroes, and nothing makes it worse.
@Suite("Lost chunks")
struct LostChunkTests {
    private static let blocks = 40

    private static func read(_ store: RealStore) -> [RealStore.Block] {
        (0..<UInt32(blocks)).map { store.read($0) }
    }

    /// Reads everything and tries to change it. The given blocks are lost, and stay lost.
    private static func look(_ store: RealStore, lost: Range<UInt32>) throws {
        #expect(try store.storage.blockCount(.main) == UInt32(blocks))
        for block in 0..<UInt32(blocks) {
            let isLost = lost.contains(block)
            #expect(store.read(block) == (isLost ? .error(.lostChunk) : .right), "\(block)")
        }
        for block in stride(from: 0, to: UInt32(blocks), by: 4) {
            let (found, told) = try store.startRead(block, 4)
            let isLost = lost.contains(block)
            #expect(found == Array(repeating: isLost ? .other : .right, count: 4), "\(block)")
            #expect(told?.code == (isLost ? .lostChunk : nil), "\(block)")
        }
        let found = try store.check().filter { $0.code == .lostChunk }
        #expect(found.count == 1)
        let error = try #require(found.first)
        #expect(error.message.contains("blocks \(lost.lowerBound)..\(lost.upperBound - 1)"))
        #expect(error.location.relation == RealStore.locator.description)
        #expect(error.location.fork == "main" && error.location.block == lost.lowerBound)
        #expect(error.location.path == RealStore.chunks && error.remedy != nil)
        let changes: [() throws -> Void] = [
            { try store.write(0, 4) }, { try store.write(lost.lowerBound, 4) },
            { try store.storage.zeroExtend(.main, from: 40, count: 1, sync: .register) },
            { try store.manager.compact(RealStore.locator) },
        ]
        for change in changes { #expect(RealStore.error(change)?.code == .lostChunk) }
        try store.manager.syncPending(store.session)
    }

    @Test(
        "A data file that is too short: the map is kept, and restoring the file helps",
        arguments: IOMethodMatrix.all)
    func shortFile(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: Self.blocks)
            let sound = try harm.bytes(RealStore.chunks)
            try harm.setLength(RealStore.chunks, UInt64(sound.count - 1))
            let before = try harm.everything()
            for isReadOnly in [true, false] {
                try RealStore.with(path, method, configure: { $0.opensReadOnly = isReadOnly }) {
                    try Self.look($0, lost: 36..<40)
                }
                #expect(try harm.everything() == before)
            }
            try harm.set(RealStore.chunks, sound)
            try RealStore.with(path, method) { store in
                #expect(Self.read(store).allSatisfy { $0 == .right })
                let checked = try store.check()
                #expect(checked.isEmpty)
                try store.write(0, 4)
            }
        }
    }

    @Test(
        "A chunk that cannot be found without the map does not read as zeroes",
        arguments: IOMethodMatrix.all)
    func notFound(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: Self.blocks)
            let map = try harm.bytes(RealStore.map)
            let offset = try #require(try harm.chunkOffsets()[3])
            try harm.change(RealStore.chunks) { $0[offset + 33] ^= 8 }
            for hasMap in [false, true] {
                // A map that records nothing is not replaced either.
                if hasMap {
                    try harm.set(RealStore.map, map.map { $0 ^ 0x21 })
                } else {
                    try harm.remove(RealStore.map)
                }
                let before = try harm.everything()
                for isReadOnly in [true, false] {
                    try RealStore.with(path, method, configure: { $0.opensReadOnly = isReadOnly }) {
                        try Self.look($0, lost: 12..<16)
                    }
                    #expect(try harm.everything() == before)
                }
            }
            try harm.set(RealStore.map, map)
            try RealStore.with(path, method) { store in
                #expect(store.read(12) == .error(.damagedChunk))
                #expect(store.read(16) == .right)
            }
        }
    }

    @Test("Zeroes are told from lost chunks without the map", arguments: IOMethodMatrix.all)
    func zeroes(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: Self.blocks, zeroes: [0, 5, 9])
            func expect(_ store: RealStore, _ block: UInt32) {
                let isZero = [0, 5, 9].contains(block / 4)
                #expect(store.read(block) == (isZero ? .zeroes : .right), "\(block)")
            }
            try harm.remove(RealStore.map)
            try RealStore.with(path, method) { store in
                #expect(try store.storage.blockCount(.main) == UInt32(Self.blocks))
                for block in 0..<UInt32(Self.blocks) { expect(store, block) }
                let checked = try store.check()
                #expect(checked.map(\.code) == [.damagedMap])
                try store.write(4, 4)
                try store.manager.syncPending(store.session)
                let again = try store.check()
                #expect(again.isEmpty)
            }
            let log = RecordingLog()
            try RealStore.with(path, method, log: log) { store in
                for block in 0..<UInt32(Self.blocks) { expect(store, block) }
            }
            #expect(log.messages.isEmpty)
            // With one of the others gone, no chunk can be told from zeroes.
            try harm.remove(RealStore.map)
            let offset = try #require(try harm.chunkOffsets()[7])
            try harm.change(RealStore.chunks) { $0[offset] = 0 }
            try RealStore.with(path, method) { store in
                for block in 0..<UInt32(Self.blocks) {
                    let isLost = [0, 5, 9, 7].contains(block / 4)
                    #expect(store.read(block) == (isLost ? .error(.lostChunk) : .right))
                }
                let lost = try store.check().filter { $0.code == .lostChunk }
                #expect(lost.map(\.location.block) == [0, 20, 28, 36])
            }
        }
    }

    @Test("Files of the previous version are read; what they do not record is lost without the map")
    func oldFormat() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: Self.blocks, zeroes: [2])
            try harm.makeOld()
            let log = RecordingLog()
            try RealStore.with(path, method, log: log) { store in
                #expect(store.read(0) == .right && store.read(8) == .zeroes)
                let checked = try store.check()
                #expect(checked.isEmpty)
            }
            #expect(log.messages.isEmpty)
            let map = try harm.bytes(RealStore.map)
            try harm.remove(RealStore.map)
            try RealStore.with(path, method) { store in
                #expect(store.read(0) == .right && store.read(8) == .error(.lostChunk))
                #expect(store.read(12) == .right)
            }
            try harm.set(RealStore.map, map)
            // The next change records it.
            try RealStore.with(path, method) { store in
                try store.write(0, 4)
                try store.manager.syncPending(store.session)
            }
            try harm.remove(RealStore.map)
            try RealStore.with(path, method) { store in
                #expect(store.read(0) == .right && store.read(8) == .zeroes)
            }
        }
    }

    @Test("Cutting off all lost chunks makes a relation whole", arguments: [true, false])
    func cutting(hasMap: Bool) throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: Self.blocks)
            let offset = try #require(try harm.chunkOffsets()[9])
            try harm.setLength(RealStore.chunks, UInt64(offset))
            if !hasMap { try harm.remove(RealStore.map) }
            try RealStore.with(path, method) { store in
                if !hasMap {
                    let error = RealStore.error {
                        try store.storage.truncate(.main, to: 38, session: store.session)
                    }
                    #expect(error?.code == .lostChunk)
                }
                try store.storage.truncate(.main, to: 36, session: store.session)
                try store.storage.zeroExtend(.main, from: 36, count: 4, sync: .register)
                try store.write(0, 4)
                try store.manager.syncPending(store.session)
            }
            try RealStore.with(path, method) { store in
                for block in 0..<UInt32(40) {
                    #expect(store.read(block) == (block < 36 ? .right : .zeroes))
                }
                let checked = try store.check()
                #expect(checked.isEmpty)
            }
        }
    }
}
