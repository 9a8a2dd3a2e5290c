import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

@testable import CompressedDisk

/// Without the map, no chunk comes back in an earlier state. A map that lost its last records does
/// not count as the newest.
@Suite("Generations of chunks")
struct GenerationTests {
    private static let blocks: UInt32 = 40

    /// Writes blocks that contain numbers other than their own, durably.
    private static func rewrite(_ store: RealStore, _ block: UInt32, as other: UInt32) throws {
        let memory = PageMemory(4)
        memory.fillAll(from: other)
        try store.storage.write(
            .main, block: BlockNumber(block), from: memory.addresses.span, sync: .register)
        try store.manager.syncPending(store.session)
    }

    /// A relation whose chunk 3 was replaced: first with other content, then with the right one.
    private static func make(_ path: String, _ method: TestedMethod) throws {
        try RealStore.make(path, method, blocks: Int(blocks), zeroes: [7])
        try RealStore.with(path, method) { store in
            try rewrite(store, 12, as: 500)
            try store.write(12, 4)
            try store.manager.syncPending(store.session)
        }
    }

    private static func expect(_ store: RealStore, lost: Range<UInt32> = 0..<0) {
        for block in 0..<blocks {
            let right: RealStore.Block = block / 4 == 7 ? .zeroes : .right
            let isLost = lost.contains(block)
            #expect(store.read(block) == (isLost ? .error(.lostChunk) : right), "\(block)")
        }
    }

    @Test(
        "A chunk that is lost along with the map is not read as it was before",
        arguments: IOMethodMatrix.all)
    func olderCopy(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: Int(Self.blocks), zeroes: [7])
            try RealStore.with(path, method) { try Self.rewrite($0, 12, as: 500) }
            let replaced = try harm.bytes(RealStore.chunks)
            try RealStore.with(path, method) { store in
                try store.write(12, 4)
                try store.manager.syncPending(store.session)
            }
            let newest = try #require(try harm.newestCopy(of: 3))
            // The replaced copy stood at the file's end, which was cut off.
            try harm.change(RealStore.chunks) { $0 += replaced[$0.count...] }
            try harm.remove(RealStore.map)
            try RealStore.with(path, method) { Self.expect($0) }
            try harm.change(RealStore.chunks) { $0[newest] ^= 1 }
            let before = try harm.everything()
            try RealStore.with(path, method) { store in
                // No page of the other chunks is doubtful in so short a fork.
                for block in 0..<Self.blocks where block / 4 != 7 && block / 4 != 3 {
                    #expect(store.read(block) == .right, "\(block)")
                }
                for block in UInt32(12)..<16 {
                    #expect(store.read(block) == .error(.lostChunk), "\(block)")
                }
                let found = try store.check().filter { $0.code == .lostChunk }
                let told = try #require(found.first { $0.location.block == 12 })
                #expect(told.message.contains("may be older"), "\(told)")
                #expect(RealStore.error { try store.write(12, 4) }?.code == .lostChunk)
                #expect(RealStore.error { try store.write(0, 4) }?.code == .lostChunk)
            }
            #expect(try harm.everything() == before)
        }
    }

    @Test("What a crash has left of an undone change does not belong to the fork")
    func undoneChange() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try Self.make(path, method)
            let (chunks, map) = (try harm.bytes(RealStore.chunks), try harm.bytes(RealStore.map))
            // The next sync's chunk and trace are there, but its record is not.
            try RealStore.with(path, method) { try Self.rewrite($0, 20, as: 600) }
            let copy = try #require(try harm.newestCopy(of: 5))
            let later = try harm.bytes(RealStore.chunks)
            try harm.set(RealStore.map, map)
            try harm.change(RealStore.chunks) { bytes in
                // The trace without the confirmation.
                bytes[0..<4096] = chunks[0..<4096]
                let end = min(copy + unitSize, bytes.count)
                bytes[copy..<end] = later[copy..<end]
            }
            let left = try harm.newestCopy(of: 5)
            #expect(left == copy)
            let log = RecordingLog()
            try RealStore.with(path, method, log: log) { store in
                Self.expect(store)
                let found = try store.check()
                #expect(found.isEmpty, "\(found)")
                try store.write(36, 4)
                try store.manager.syncPending(store.session)
            }
            #expect(log.messages.isEmpty)
            try harm.remove(RealStore.map)
            try RealStore.with(path, method) { Self.expect($0) }
        }
    }

    @Test(
        "A map that lost exactly its last record is noticed and rebuilt",
        arguments: IOMethodMatrix.all)
    func lastRecord(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try Self.make(path, method)
            let whole = try harm.bytes(RealStore.map)
            let start = try #require(MapRecords.starts(in: whole).last)
            #expect(start > 0)
            for tail in [0, 1, 64] {
                try harm.set(RealStore.map, Array(whole[..<start]) + whole[start...].prefix(tail))
                let before = try harm.everything()
                let log = RecordingLog()
                try RealStore.with(path, method, log: log) { store in
                    Self.expect(store)
                    let found = try store.check()
                    #expect(found.map(\.code) == [.damagedMap])
                    #expect(found.first?.message.contains("lost its last records") == true)
                }
                #expect(!log.messages.isEmpty)
                #expect(try harm.everything() == before)
            }
            // The next change rewrites it.
            try RealStore.with(path, method) { store in
                try store.write(0, 4)
                try store.manager.syncPending(store.session)
                let found = try store.check()
                #expect(found.isEmpty)
            }
            let log = RecordingLog()
            try RealStore.with(path, method, log: log) { Self.expect($0) }
            #expect(log.messages.isEmpty)
        }
    }

    @Test("A map without its last record, and a chunk of that record lost")
    func lastRecordAndChunk() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try Self.make(path, method)
            let newest = try #require(try harm.newestCopy(of: 3))
            try harm.change(RealStore.map) { bytes in
                if let start = MapRecords.starts(in: bytes).last {
                    bytes.removeLast(bytes.count - start)
                }
            }
            try harm.change(RealStore.chunks) { $0[newest] ^= 1 }
            try RealStore.with(path, method) { store in
                #expect(store.read(12) == .error(.lostChunk) && store.read(16) == .right)
            }
        }
    }

    @Test("Chunks are in groups, in long forks and in cut ones", arguments: [1, 2, 3])
    func groups(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var stored = StoredChunks()
        var chunks: [Int: UInt64] = [:]
        for generation in UInt64(1)...2000 {
            let chunk = Int.random(in: 0..<(generation < 500 ? 40 : 100_000), using: &random)
            if let old = chunks[chunk] { stored.remove(chunk, generation: old) }
            let isCut = Int.random(in: 0..<4, using: &random) == 0
            chunks[chunk] = isCut ? nil : generation
            if !isCut { stored.add(chunk, generation: generation) }
        }
        #expect(Int(stored.count) == chunks.count)
        var sums = [UInt64](repeating: 0, count: StoredChunks.groupCount)
        for (chunk, generation) in chunks {
            sums[stored.group(of: chunk)] &+= StoredChunks.hash(chunk, generation: generation)
        }
        #expect(sums == stored.groups)
    }

    @Test("In a long fork, a lost chunk makes only its group doubtful")
    func longFork() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            // Groups of four chunks.
            try RealStore.make(path, method, blocks: 400)
            try RealStore.with(path, method) { store in
                try Self.rewrite(store, 200, as: 900)
                try store.write(200, 4)
                try store.manager.syncPending(store.session)
            }
            let newest = try #require(try harm.newestCopy(of: 50))
            try harm.change(RealStore.chunks) { $0[newest] ^= 1 }
            try harm.remove(RealStore.map)
            try RealStore.with(path, method) { store in
                for block in UInt32(0)..<400 {
                    let isLost = block / 16 == 200 / 16
                    #expect(store.read(block) == (isLost ? .error(.lostChunk) : .right), "\(block)")
                }
            }
        }
    }
}

/// Writes of which the kernel silently takes only a part.
@Suite("Short writes of a compressed relation")
struct ShortWriteTests {
    @Test("say that the disk may be full or the file too long", arguments: [true, false])
    func remedy(isStarted: Bool) throws {
        try TemporaryDirectory.with { path in
            // Writes that are started go by the method, the others by the file system.
            let method = IOMethodMatrix.simulated
            try RealStore.make(path, method, blocks: 40)
            let files = ShortWrites()
            try RealStore.with(path, method, configure: { $0.fileSystem = files }) { store in
                let before = store.read(0)
                #expect(before == .right)
                files.isShort = true
                let simulated = try #require(SimulatedMethod.of(store.system))
                if isStarted { simulated.inject(ScheduledFault(.transfersAtMost(0), on: .write)) }
                let error = RealStore.error {
                    if isStarted { try store.startWrite(0, 4) } else { try store.write(0, 4) }
                }
                files.isShort = false
                #expect(error?.code == .writeFailed && error?.errorNumber == nil)
                #expect(error?.remedy == StorageError.shortWriteRemedy)
                try store.write(0, 4)
                try store.manager.syncPending(store.session)
                #expect(store.read(0) == .right)
            }
        }
    }
}

extension RealStore {
    /// Writes blocks by started IO.
    fileprivate func startWrite(_ block: UInt32, _ count: Int) throws {
        let memory = PageMemory(count)
        memory.fillAll(from: block)
        let outcome = IOReturn()
        let handle = try session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        let addresses = memory.addresses
        try storage.startWrite(
            handle, .main, block: BlockNumber(block), from: addresses.span, sync: .register)
        try session.wait(for: reference)
        try system.check(outcome.result, targetData: outcome.targetData)
    }
}

/// The kernel's file system, but it writes nothing of the data.
private final class ShortWrites: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let short = Atomic<Bool>(false)

    var isShort: Bool {
        get { short.load(ordering: .acquiring) }
        set { short.store(newValue, ordering: .releasing) }
    }

    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        isShort ? 0 : underlying.write(descriptor, vectors, at: offset)
    }
}

/// The positions of the records in a map file.
private enum MapRecords {
    static func starts(in bytes: [UInt8]) -> [Int] {
        stride(from: 0, to: bytes.count - 64, by: 64).filter { offset in
            bytes[offset..<offset + 4].elementsEqual("SZM1".utf8) && bytes[offset + 6] == 0
        }
    }
}

extension Harm {
    /// The position of the chunk's copy with the highest generation in the data file.
    fileprivate func newestCopy(of chunk: UInt32) throws -> Int? {
        let bytes = try bytes(RealStore.chunks)
        func number(_ range: Range<Int>) -> UInt64 {
            bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let offsets = stride(from: unitSize, to: bytes.count - 64, by: unitSize).filter { offset in
            bytes[offset..<offset + 4].elementsEqual("SZC1".utf8)
                && number(offset + 16..<offset + 20) == UInt64(chunk)
        }
        return offsets.max { number($0 + 32..<$0 + 40) < number($1 + 32..<$1 + 40) }
    }
}
