internal import AsyncIO
internal import Logging
internal import StorageManager
internal import Synchronization
internal import Threads

/// One pool of buffers: pages, descriptors, mapping and clock.
///
/// There is one shared pool, and a small one for each session with local relations, which works the
/// same way. Safe to call from any thread unless stated otherwise. All memory is mapped when the
/// pool is made and touched when it is used.
@safe
final class BufferPool: @unchecked Sendable {
    let count: Int
    let isLocal: Bool
    let combineLimit: Int
    let hasChecksums: Bool
    let skipsSeals: Bool
    let verifiesChecksums: Bool
    let logger: Logger
    /// Passed by all writes of shared pages.
    let gate: WriteGate
    /// Keeps copies of pages until they are intact in place.
    let journal: (any PageJournal)?
    /// The number of pages in a batch for the journal.
    let batchPages: Int

    /// The parts needed to find and pin a page.
    let tables: PoolTables
    /// The same, in memory that lives as long as the pool: two words of data then lead to a page.
    let placedTables: UnsafeMutablePointer<PoolTables>
    /// The locks of the mapping's partitions, a cache line each.
    let partitions: UnsafeMutablePointer<PartitionLock>
    private let sessionCount: Int

    /// The clock hand, never wrapped. The position is its remainder by `count`.
    let hand = Atomic<UInt64>(0)
    /// How many buffers the clock hand has given out.
    let allocations = Atomic<UInt64>(0)
    /// Whether a background writer sleeps until there are allocations, and what it sleeps on.
    let cleanerSleeps = Atomic<Bool>(false)
    let cleanerSignal = Atomic<UInt32>(0)
    /// Pages of all relations that failed their checksum when read.
    let checksumFailures = Atomic<UInt64>(0)
    let scratch: ScratchPool
    let spareRings = SpareRings()
    /// The callbacks of every write of the pool's pages. Set once, before the pool is used.
    private(set) var writeCallbacks = IOCallbackID.none
    /// One per session, made at its first write. Only its thread touches it.
    private let writers: UnsafeMutablePointer<PageWriter?>

    let populator: MemoryPopulator
    private var pageMemory: ZeroedMemory?
    private var tableMemory: ZeroedMemory?

    static let partitionCount = 128
    /// The pages that are populated at a time.
    static let pagesPerChunk = MemoryPopulator.chunkBytes / blockSize

    struct PartitionLock: ~Copyable {
        let lock = ParkingLock(rank: .poolPartition)
        /// Fills the line together with the lock.
        private let padding = InlineArray<15, UInt32>(repeating: 0)
    }

    init(
        count: Int, isLocal: Bool, configuration: BufferConfiguration, sessions: Int,
        gate: WriteGate
    ) throws(StorageError) {
        BufferDescriptor.checkLayout()
        self.count = count
        self.isLocal = isLocal
        combineLimit = configuration.combineLimit
        hasChecksums = configuration.hasChecksums
        skipsSeals = configuration.skipsSeals
        verifiesChecksums = hasChecksums && configuration.verifiesChecksums
        logger = configuration.logger
        self.gate = gate
        sessionCount = sessions
        journal = isLocal ? nil : configuration.pageJournal
        batchPages = Self.batchPages(count, configuration)
        let pieces = max(Self.leastScratch, count / Self.scratchShare / configuration.combineLimit)
        scratch = ScratchPool(
            pageCount: configuration.combineLimit,
            limit: journal == nil
                ? pieces : max(pieces, 2 * batchPages / configuration.combineLimit + 1))

        let bucketCount = max(1 << 8, 1 << (Int.bitWidth - (2 * count - 1).leadingZeroBitCount))
        let descriptorBytes = count * BufferDescriptor.lineSize
        let pageMemory = try Self.memory(count * blockSize, for: "\(count) pages")
        let tableMemory = try Self.memory(
            descriptorBytes + bucketCount * 4, for: "\(count) buffer descriptors")
        let counters = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: sessions * MemoryLayout<BufferCounters>.stride,
            alignment: MemoryLayout<BufferCounters>.stride
        ).bindMemory(to: BufferCounters.self, capacity: sessions)
        for index in 0..<sessions {
            unsafe (counters + index).initialize(to: BufferCounters())
        }
        // All-zero bytes equal initialised descriptors and buckets.
        tables = unsafe PoolTables(
            count: count, pages: pageMemory.start,
            descriptors: tableMemory.start.bindMemory(to: BufferDescriptor.self, capacity: count),
            buckets: (tableMemory.start + descriptorBytes).bindMemory(
                to: Atomic<UInt32>.self, capacity: bucketCount),
            bucketMask: UInt64(bucketCount - 1), counters: counters)
        unsafe placedTables = .allocate(capacity: 1)
        unsafe placedTables.initialize(to: tables)
        populator = unsafe MemoryPopulator(pageMemory.start, byteCount: count * blockSize)
        self.pageMemory = consume pageMemory
        self.tableMemory = consume tableMemory

        unsafe partitions = .allocate(capacity: Self.partitionCount)
        for index in 0..<Self.partitionCount {
            unsafe (partitions + index).initialize(to: PartitionLock())
        }
        unsafe writers = .allocate(capacity: sessions)
        unsafe writers.initialize(repeating: nil, count: sessions)
    }

    private static func memory(_ byteCount: Int, for what: String) throws(StorageError)
        -> ZeroedMemory
    {
        do throws(SystemCallError) { return try ZeroedMemory(byteCount: byteCount) } catch {
            throw StorageError(
                .resourcesExhausted, "could not map \(byteCount) bytes for \(what)",
                remedy: "Lower the number of buffers, or raise the limit on address space.",
                errorNumber: error.errorNumber)
        }
    }

    /// The share of the pool that copies for writes may take in addition, and the least number of
    /// writes with copies. With a journal, copies of two batches fit in any case.
    private static let scratchShare = 64
    private static let leastScratch = 4

    /// The pages per batch for the journal: as many as a disk needs to be fast, and at most a
    /// sixteenth of the pool, because two batches are in progress.
    private static func batchPages(_ count: Int, _ configuration: BufferConfiguration) -> Int {
        let most = min(largestBatch, configuration.pageJournal?.batchLimit ?? largestBatch)
        return max(1, min(most, count / 16))
    }

    private static let largestBatch = 1024

    /// Registers the completion of writes with the core. Call this before the pool is used.
    func registerWrites(_ system: IOSystem) throws(StorageError) {
        writeCallbacks = try WriteCallbacks.register(self, system)
    }

    /// The session's writer. On its thread.
    func writer(_ session: Session) -> PageWriter {
        if let writer = unsafe writers[session.index] {
            writer.serve(session)
            return writer
        }
        let writer = PageWriter(self, session)
        unsafe writers[session.index] = writer
        return writer
    }

    deinit {
        populator.stop()
        var pinned = 0
        for index in 0..<reachedCount {
            let buffer = buffer(index)
            if buffer.state.pins > 0 {
                // The holder of the pin may still ask for the page's relation.
                pinned += 1
            } else if buffer.state.has(BufferState.tagValid) {
                dropRecord(buffer)
            }
        }
        unsafe placedTables.deallocate()
        unsafe partitions.deallocate()
        unsafe writers.deinitialize(count: sessionCount)
        unsafe writers.deallocate()
        unsafe tables.counters.deinitialize(count: sessionCount)
        unsafe tables.counters.deallocate()
        if pinned > 0 {
            logger.error("\(pinned) pages are still pinned at the end of their pool")
            pageMemory.take()?.leak()
            tableMemory.take()?.leak()
        }
    }

    /// How many buffers, from the first on, may ever have held a page. Buffers are claimed by the
    /// clock hand before anything else, so those that it has not reached are empty.
    var reachedCount: Int { Int(min(UInt64(count), hand.load(ordering: .relaxed))) }

    @inline(__always)
    func buffer(_ index: Int) -> Buffer { tables.buffer(index) }

    @inline(__always)
    func address(_ index: Int) -> PageAddress { tables.address(index) }

    @inline(__always)
    func tally(_ session: Session) -> UnsafeMutablePointer<BufferCounters> {
        unsafe tables.tally(session)
    }

    func index(of buffer: Buffer) -> Int { unsafe buffer.descriptor - tables.descriptors }

    var bucketMask: UInt64 { tables.bucketMask }
    var buckets: UnsafeMutablePointer<Atomic<UInt32>> { unsafe tables.buckets }

    var bookkeepingBytes: Int {
        count * BufferDescriptor.lineSize + Int(bucketMask + 1) * MemoryLayout<UInt32>.stride
            + Self.partitionCount * MemoryLayout<PartitionLock>.stride
            + sessionCount * MemoryLayout<BufferCounters>.stride + scratch.byteCount
    }

    func addStatistics(to total: inout BufferStatistics) {
        for index in 0..<sessionCount { unsafe tables.counters[index].add(to: &total) }
        total.allocations += allocations.load(ordering: .relaxed)
    }

    /// Drops a buffer's reference to its relation's record.
    func dropRecord(_ buffer: Buffer) {
        let word = unsafe buffer.descriptor.pointee.record.exchange(0, ordering: .relaxed)
        guard let opaque = unsafe UnsafeRawPointer(bitPattern: word) else { return }
        unsafe Unmanaged<RelationRecord>.fromOpaque(opaque)._withUnsafeGuaranteedRef {
            $0.dropUses(1)
        }
    }

    static func exhausted(_ count: Int) -> StorageError {
        StorageError(
            .resourcesExhausted, "no unpinned buffers available: all \(count) are in use",
            remedy: "Release pinned pages, or raise BufferConfiguration.bufferCount.")
    }

    static func tooManyPins(_ tag: PageTag) -> StorageError {
        StorageError(
            .resourcesExhausted,
            "block \(tag.block) has \(BufferState.pinMask) pins, the maximum",
            remedy: "Release pinned pages.")
    }
}
