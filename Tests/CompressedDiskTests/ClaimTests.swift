import AsyncIO
import CPlatform
import FileAccess
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

@testable import CompressedDisk

/// Sizes that files claim cost neither memory nor time.
@Suite("Sizes that files of compressed relations claim")
struct ClaimTests {
    /// How much memory the whole process may take; other tests take some.
    private static let memory: Int64 = 400 << 20

    private static func bounded(_ body: () throws -> Void) throws {
        let before = strata_allocated_bytes()
        try body()
        #expect(strata_allocated_bytes() - before < memory)
    }

    @Test(
        "Terabytes of holes are skipped, with and without the map",
        arguments: IOMethodMatrix.all)
    func holes(_ method: TestedMethod) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40, zeroes: [4])
            try harm.setLength(RealStore.chunks, 8 << 40)
            try harm.setLength(RealStore.map, 4 << 40)
            for hasMap in [true, false] {
                if !hasMap { try harm.remove(RealStore.map) }
                try RealStore.with(path, method) { store in
                    try Self.bounded {
                        for block in 0..<UInt32(40) {
                            #expect(store.read(block) == (block / 4 == 4 ? .zeroes : .right))
                        }
                        let checked = try store.check()
                        #expect(checked.count == (hasMap ? 0 : 1))
                    }
                }
            }
            // Once something is changed, the file is only as long as it needs to be.
            try RealStore.with(path, method) { store in
                try store.write(0, 4)
                try store.manager.syncPending(store.session)
                let space = try #require(
                    try store.manager.space(of: RealStore.locator, fork: .main))
                #expect(space.fileBytes < 1 << 20)
            }
        }
    }

    @Test(
        "A record that claims the longest fork", arguments: [2, 16], [nil, 0, 1 << 20, .max])
    func longFork(chunkPages: Int, chunk: UInt32?) throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40, chunkPages: chunkPages)
            var dimensions = ForkDimensions()
            dimensions.properties.chunkBytes = chunkPages * blockSize
            dimensions.blockCount = BlockNumber.maximumCount
            dimensions.nextGeneration = 1000
            let last = UInt32(dimensions.chunkCount - 1)
            let entry = ChunkEntry(extent: Extent(start: 1, count: 1), pages: 1, generation: 1)
            let record = MapRecord(
                isSnapshot: true, sequence: 0, dimensions: dimensions,
                entries: chunk.map { [(min($0, last), entry)] } ?? [])
            try harm.set(
                RealStore.map,
                record.encoded(ChunkIdentity(RealStore.locator, .main)))
            try RealStore.with(path, method, chunkPages: chunkPages) { store in
                try Self.bounded {
                    #expect(try store.storage.blockCount(.main) == BlockNumber.maximumCount)
                    #expect(
                        store.read(BlockNumber.maximumCount - UInt32(2 * chunkPages)) == .zeroes)
                    _ = try store.check()
                    // It can be cut again.
                    try store.storage.truncate(.main, to: 5, session: store.session)
                    try store.manager.syncPending(store.session)
                    #expect(try store.storage.blockCount(.main) == 5)
                }
            }
        }
    }

    @Test("A map whose chunks lie far apart takes memory for those alone")
    func sparseMap() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40, chunkPages: 2)
            var dimensions = ForkDimensions()
            dimensions.properties.chunkBytes = 2 * blockSize
            dimensions.blockCount = BlockNumber.maximumCount
            dimensions.nextGeneration = 1_000_000
            // One to each leaf of the table.
            let entries = (0..<200_000).map { number -> (chunk: UInt32, entry: ChunkEntry) in
                let extent = Extent(start: UInt32(number) + 1, count: 1)
                return (
                    UInt32(number) * 512, ChunkEntry(extent: extent, pages: 1, generation: 1)
                )
            }
            let record = MapRecord(
                isSnapshot: true, sequence: 0, dimensions: dimensions, entries: entries)
            try harm.set(
                RealStore.map, record.encoded(ChunkIdentity(RealStore.locator, .main)))
            try RealStore.with(path, method, chunkPages: 2) { store in
                try Self.bounded {
                    #expect(try store.storage.blockCount(.main) == BlockNumber.maximumCount)
                    #expect(store.read(3) == .zeroes)
                    try store.storage.truncate(.main, to: 1, session: store.session)
                }
            }
        }
    }

    @Test("A chunk that claims the longest fork, without a map")
    func longForkOfChunk() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40)
            let offset = try #require(try harm.chunkOffsets()[9])
            try harm.remove(RealStore.map)
            try harm.change(RealStore.chunks) { bytes in
                Harm.put(UInt32.max, &bytes, offset + 52)
                Harm.put(UInt64(1) << 40, &bytes, offset + 32)
                Harm.seal(&bytes, at: offset)
            }
            try RealStore.with(path, method) { store in
                try Self.bounded {
                    #expect(store.read(0) == .right && store.read(39) == .right)
                    #expect(store.read(1000) == .error(.lostChunk))
                    let lost = try store.check().filter { $0.code == .lostChunk }
                    #expect(lost.count == 1)
                }
            }
        }
    }

    @Test("A record that claims more entries than possible, in a long file")
    func manyEntries() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40)
            try harm.change(RealStore.map) { bytes in
                Harm.put(BlockNumber.maximumCount, &bytes, 44)
                Harm.put(UInt32(1) << 29, &bytes, 52)
                Harm.seal(&bytes, at: 0)
            }
            try harm.setLength(RealStore.map, 8 << 40)
            try RealStore.with(path, method) { store in
                try Self.bounded {
                    for block in 0..<UInt32(40) { #expect(store.read(block) == .right) }
                }
            }
        }
    }

    @Test("A data file of more than 16 TiB is reported")
    func tooLong() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            try RealStore.make(path, method, blocks: 40)
            try RealStore.with(path, method, configure: { $0.fileSystem = LongFiles() }) { store in
                let error = RealStore.error { _ = try store.storage.blockCount(.main) }
                #expect(error?.code == .damagedChunk && error?.location.path == RealStore.chunks)
            }
        }
    }

    @Test("Exhausted generations: reading continues, changes are refused, nothing is written")
    func generations() throws {
        let method = TestedMethod(.synchronous)
        for next in [ChunkHeader.lastGeneration, ChunkHeader.lastGeneration - 1] {
            try TemporaryDirectory.with { path in
                let harm = Harm(path: path)
                try RealStore.make(path, method, blocks: 40)
                let data = try harm.bytes(RealStore.map)
                let count = Int(data[52]) | Int(data[53]) << 8
                // Only the first record is left, with all chunks or none.
                let size = MapRecord.size(entries: count)
                try harm.change(RealStore.map) { bytes in
                    bytes.removeLast(bytes.count - 2 * size)
                    for copy in 0..<2 {
                        Harm.put(next, &bytes, copy * size + 24)
                        Harm.put(UInt32(40), &bytes, copy * size + 44)
                        Harm.seal(&bytes, at: copy * size)
                    }
                }
                let before = try harm.everything()
                try RealStore.with(path, method) { store in
                    #expect(try store.storage.blockCount(.main) == 40)
                    let changes: [() throws -> Void] = [
                        { try store.write(0, 4) },
                        { try store.storage.truncate(.main, to: 1, session: store.session) },
                        { try store.storage.zeroExtend(.main, from: 40, count: 1, sync: .skip) },
                    ]
                    for change in changes {
                        #expect(RealStore.error(change)?.code == .damagedMap)
                    }
                    try store.manager.syncPending(store.session)
                }
                #expect(try harm.everything() == before)
            }
        }
    }
}

/// Reports data files as longer than possible.
private final class LongFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let long = Lock<Set<CInt>>([], rank: .observer)

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let descriptor = underlying.open(path, in: root, flags)
        if path.hasSuffix(".chunks") { long.withLock { _ = $0.insert(descriptor) } }
        return descriptor
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        let result = underlying.status(descriptor, into: &status)
        if long.withLock({ $0.contains(descriptor) }) { status.size = 1 << 44 }
        return result
    }
}
