internal import Synchronization

/// What a ``BufferManager`` has done since it was made. All counts are of pages, unless said.
public struct BufferStatistics: Sendable, Hashable {
    /// Pages that were found in the pool.
    public var hits: UInt64 = 0
    /// Pages whose reading was started.
    public var reads: UInt64 = 0
    /// IOs by which pages were read; fewer than ``reads`` where neighbours were joined.
    public var readOperations: UInt64 = 0
    /// Pages written out.
    public var writes: UInt64 = 0
    /// Writes by which pages were written out.
    public var writeOperations: UInt64 = 0
    /// Those of the ``writes`` that a ``CheckpointWriter`` made. PostgreSQL's `buffers_checkpoint`.
    public var checkpointWrites: UInt64 = 0
    /// Those that a ``BackgroundWriter`` made ahead of need. PostgreSQL's `buffers_clean`.
    public var backgroundWrites: UInt64 = 0
    /// Those that somebody had to wait for who needed a buffer. PostgreSQL's `buffers_backend`.
    public var evictionWrites: UInt64 = 0
    /// Times that a ``BackgroundWriter`` left it at as many pages as it may write at a time.
    /// PostgreSQL's `maxwritten_clean`.
    public var backgroundStops: UInt64 = 0
    /// Buffers that the clock hand gave out. PostgreSQL's `buffers_alloc`.
    public var allocations: UInt64 = 0
    /// Pages by which relations grew.
    public var extends: UInt64 = 0
    /// Pages that had to go for others, or because they were evicted.
    public var evictions: UInt64 = 0
    /// Buffers that an access strategy's ring used again.
    public var ringReuses: UInt64 = 0

    /// Makes a statistic of zeroes.
    public init() {}
}

/// One session's counters. Written by its thread alone, read by any; they order nothing, so that
/// adding is a load and a store.
struct BufferCounters: ~Copyable {
    let hits = Atomic<UInt64>(0)
    let reads = Atomic<UInt64>(0)
    let readOperations = Atomic<UInt64>(0)
    let writes = Atomic<UInt64>(0)
    let writeOperations = Atomic<UInt64>(0)
    let extends = Atomic<UInt64>(0)
    let evictions = Atomic<UInt64>(0)
    let ringReuses = Atomic<UInt64>(0)
    let checkpointWrites = Atomic<UInt64>(0)
    let backgroundWrites = Atomic<UInt64>(0)
    let evictionWrites = Atomic<UInt64>(0)
    let backgroundStops = Atomic<UInt64>(0)
    /// Fills a second line: processors fetch lines in pairs, and neighbours are other threads'.
    private let padding = InlineArray<4, UInt64>(repeating: 0)

    func add(to total: inout BufferStatistics) {
        total.hits += hits.load(ordering: .relaxed)
        total.reads += reads.load(ordering: .relaxed)
        total.readOperations += readOperations.load(ordering: .relaxed)
        total.writes += writes.load(ordering: .relaxed)
        total.writeOperations += writeOperations.load(ordering: .relaxed)
        total.extends += extends.load(ordering: .relaxed)
        total.evictions += evictions.load(ordering: .relaxed)
        total.ringReuses += ringReuses.load(ordering: .relaxed)
        total.checkpointWrites += checkpointWrites.load(ordering: .relaxed)
        total.backgroundWrites += backgroundWrites.load(ordering: .relaxed)
        total.evictionWrites += evictionWrites.load(ordering: .relaxed)
        total.backgroundStops += backgroundStops.load(ordering: .relaxed)
    }

    @inline(__always)
    static func count(_ counter: borrowing Atomic<UInt64>, _ number: Int = 1) {
        counter.store(
            counter.load(ordering: .relaxed) &+ UInt64(number), ordering: .relaxed)
    }
}
