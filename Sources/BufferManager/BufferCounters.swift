internal import Synchronization

/// A ``BufferManager``'s counters since it was made. They count pages unless stated otherwise.
public struct BufferStatistics: Sendable, Hashable {
    /// Pages found in the pool.
    public var hits: UInt64 = 0
    /// Pages whose reading was started.
    public var reads: UInt64 = 0
    /// IOs that read pages; fewer than ``reads`` where neighbours were joined.
    public var readOperations: UInt64 = 0
    /// Pages written.
    public var writes: UInt64 = 0
    /// IOs that wrote pages.
    public var writeOperations: UInt64 = 0
    /// ``writes`` by a ``CheckpointWriter``. PostgreSQL's `buffers_checkpoint`.
    public var checkpointWrites: UInt64 = 0
    /// ``writes`` by a ``BackgroundWriter``, ahead of need. PostgreSQL's `buffers_clean`.
    public var backgroundWrites: UInt64 = 0
    /// ``writes`` that a session which needed a buffer had to wait for. PostgreSQL's
    /// `buffers_backend`.
    public var evictionWrites: UInt64 = 0
    /// Rounds that a ``BackgroundWriter`` stopped at its limit of pages. PostgreSQL's
    /// `maxwritten_clean`.
    public var backgroundStops: UInt64 = 0
    /// Buffers that the clock hand gave out. PostgreSQL's `buffers_alloc`.
    public var allocations: UInt64 = 0
    /// Pages by which relations grew.
    public var extends: UInt64 = 0
    /// Pages that left the pool to make room, or on request.
    public var evictions: UInt64 = 0
    /// Buffers that an access strategy's ring reused.
    public var ringReuses: UInt64 = 0

    /// Makes statistics of zeroes.
    public init() {}
}

/// One session's counters. Only its thread writes them; any thread reads them. They order nothing,
/// so adding is a load and a store.
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
    /// Fills a second line: processors fetch lines in pairs, and the neighbours belong to other
    /// threads.
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
