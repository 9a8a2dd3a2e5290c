import AsyncIO
import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing
import Threads

/// A block that a scan sees once claims no memory that the pool has never used; one that is scanned
/// again does, and stays.
@Suite struct FirstScanTests {
    private static let blocks: UInt32 = 300

    private func store(_ method: TestedMethod, buffers: Int = 2048) throws -> TestStore {
        var options = TestStore.Options()
        options.blocks = Self.blocks
        options.buffers = buffers
        options.handles = 4
        return try TestStore(method, options)
    }

    /// Scans blocks, and returns how many were found in the pool.
    @discardableResult
    private func scan(
        _ range: Range<UInt32>, _ store: TestStore, _ session: Session
    ) throws -> UInt64 {
        let strategy = AccessStrategy(.scan, for: store.manager, readAhead: 32)
        var stream = ReadStream(
            store.manager, over: store.relation, session: session,
            options: ReadStreamOptions([.full, .sequential], strategy: strategy),
            source: BlockRange(range))
        #expect(try take(&stream) == Array(range))
        return stream.statistics.hits
    }

    private func resident(_ store: TestStore) -> Int {
        (0..<Self.blocks).count { store.manager.isResident(BlockNumber($0), of: store.relation) }
    }

    @Test(arguments: IOMethodMatrix.all)
    func theSecondScanFillsThePoolAndTheThirdFindsAll(_ method: TestedMethod) throws {
        let store = try store(method)
        try store.withSession { session throws in
            try scan(0..<Self.blocks, store, session)
            let claimed = store.manager.statistics.allocations
            #expect(claimed <= 128, "a ring, and what was pinned when its turn came")
            #expect(store.manager.statistics.ringReuses > 0 && resident(store) <= 128)
            try scan(0..<Self.blocks, store, session)
            #expect(resident(store) == Int(Self.blocks))
            let hits = try scan(0..<Self.blocks, store, session)
            #expect(hits == UInt64(Self.blocks))
        }
    }

    /// What matters is the block, not the scan: a part that was seen stays once it comes again.
    /// Each read counts as its first block does.
    @Test(arguments: IOMethodMatrix.all)
    func whatWasSeenInPartStaysInPart(_ method: TestedMethod) throws {
        let store = try store(method)
        try store.withSession { session throws in
            try scan(96..<192, store, session)
            try scan(0..<Self.blocks, store, session)
            let again = try scan(96..<192, store, session)
            #expect(again == 96)
            #expect(resident(store) <= 96 + 128)
        }
    }

    /// Scans that follow each other share a ring, however many there are.
    @Test func manyFirstScansClaimNoMoreThanOne() throws {
        let store = try store(TestedMethod(.synchronous))
        try store.withSession { session throws in
            try scan(0..<100, store, session)
            let claimed = store.manager.statistics.allocations
            try scan(100..<200, store, session)
            try scan(200..<300, store, session)
            #expect(store.manager.statistics.allocations <= claimed + 64)
        }
    }

    /// Once all memory was used, a scan claims what the clock finds.
    @Test func withoutUntouchedMemoryTheFirstScanStays() throws {
        let store = try store(TestedMethod(.synchronous), buffers: 512)
        try store.withSession { session throws in
            for _ in 0..<2 {
                for block in 0..<Self.blocks {
                    _ = try store.manager.page(
                        BlockNumber(block), of: store.relation, session: session)
                }
                _ = try store.manager.evictAll(session: session)
            }
            try scan(0..<Self.blocks, store, session)
            #expect(resident(store) == Int(Self.blocks))
        }
    }

    @Test func aScanOf32MiBStaysAtOnce() throws {
        let store = try store(TestedMethod(.synchronous), buffers: 65536)
        func kind(_ blocks: Int) -> AccessStrategy.Kind? {
            ReadStreamOptions.scan(of: blocks, in: store.manager).strategy?.kind
        }
        #expect(kind(4096) == nil)
        #expect(kind(4097) == .scan && kind(16384) == .scan)
        #expect(kind(16385) == .bulkRead)
    }
}
