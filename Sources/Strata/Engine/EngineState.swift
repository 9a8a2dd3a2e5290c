internal import BufferManager
internal import Synchronization
internal import Threads

/// What an engine knows in addition to the files. Guarded by ``Engine/state``.
struct EngineState: Sendable {
    /// The catalog as on disk.
    var catalog: Catalog
    /// The relations used since the store was opened.
    var records: [RelationLocator: RelationState] = [:]
    /// How many ``Relation`` objects and loads use a locator; no entry for none.
    var users: [RelationLocator: Int] = [:]
    /// Relations without users that had some since the last checkpoint began: with those that have
    /// some now, all whose sizes may have changed.
    var touched: Set<RelationLocator> = []
    /// Relations dropped or replaced since the store was opened whose space is still to be freed,
    /// with their storage managers.
    var dropped: [RelationLocator: String] = [:]
    /// How many relations were dropped or replaced since then.
    private(set) var dropCount = 0
    /// Names reserved by a load or a drop.
    var reserved: Set<String> = []
    /// Locators whose remains a running load will handle itself.
    var loading: Set<RelationLocator> = []
    /// How many extensions of a fork, or other changes of its map, are running; no entry for none.
    var extending: [ForkKey: Int] = [:]
    /// Forks that are being shortened.
    var cutting: Set<ForkKey> = []
    /// Numbers that no new relation gets, since files with them exist.
    let strangeNumbers: Set<UInt32>
    /// Segment files behind the reachable end of relations, until these grow.
    var severed: [RelationLocator: [String]]
    var isClosed = false

    init(catalog: Catalog, _ outcome: Recovery.Outcome) {
        self.catalog = catalog
        strangeNumbers = outcome.strangeNumbers
        severed = outcome.severed
    }

    /// A relation's description, with the blocks by which it has grown since.
    func current(_ description: RelationDescription?) -> RelationDescription? {
        guard var now = description else { return nil }
        if let record = records[now.locator] { now.blockCount = record.blockCount }
        return now
    }

    /// What the catalog says of the relation with that locator, if it was used since the store was
    /// opened.
    func description(at locator: RelationLocator) -> RelationDescription? {
        guard let name = records[locator]?.name, let found = catalog.relations[name],
            found.locator == locator
        else { return nil }
        return found
    }

    /// The relations used since the last checkpoint began, in order, so that equal runs make equal
    /// calls. The next checkpoint counts from here.
    mutating func takeTouched() -> [RelationLocator] {
        touched.formUnion(users.keys)
        defer { touched = [] }
        return touched.sorted { $0.number < $1.number }
    }

    /// Records that a relation was dropped or replaced.
    mutating func drop(_ relation: RelationDescription) {
        records[relation.locator]?.open.markDropped()
        dropped[relation.locator] = relation.managerName
        dropCount += 1
    }

    /// The dropped and replaced relations that have no users, in order. They are not asked for
    /// again: what cannot be emptied is removed as it is.
    mutating func takeDropped() -> [(locator: RelationLocator, managerName: String)] {
        let free = dropped.filter { users[$0.key] == nil }
        for locator in free.keys { dropped[locator] = nil }
        return free.sorted { $0.key.number < $1.key.number }.map { ($0.key, $0.value) }
    }

    /// The unused relations to remove, in order, so that equal runs make equal calls.
    var removable: [(locator: RelationLocator, managerName: String)] {
        catalog.remains.sorted { $0.key.number < $1.key.number }.compactMap { locator, entry in
            guard entry.kind == .files, users[locator] == nil, !loading.contains(locator) else {
                return nil
            }
            return (locator, entry.managerName)
        }
    }
}

/// A used relation: the one object behind all ``Relation`` values of a locator.
final class RelationState: Sendable {
    let open: OpenRelation
    /// By fork, the blocks that readers see. Of a further fork there may be more, if it was
    /// extended by other means than the relation.
    private let visibleBlocks: InlineArray<4, Atomic<UInt32>>
    private let settled: Atomic<Bool>
    private let failedFilling = Atomic<Bool>(false)
    private let known: Lock<Known>

    /// Changed together with the catalog.
    private struct Known {
        /// The relation's name; that of a load's target until the load is committed.
        var name: String
        /// The blocks whose rows were counted, and the number of the rows; nil if unknown.
        var counted: RelationExtent?
        var forks: ForkLengths
    }

    init(
        _ name: String, _ open: OpenRelation, blockCount: UInt32, isSettled: Bool,
        furtherForks: [Fork: UInt32] = [:], forks: ForkLengths = ForkLengths()
    ) {
        self.open = open
        known = Lock(Known(name: name, forks: forks), rank: .countedExtent)
        visibleBlocks = InlineArray { index in
            let fork = Fork.allCases[index]
            return Atomic(fork == .main ? blockCount : furtherForks[fork] ?? 0)
        }
        settled = Atomic(isSettled)
    }

    var name: String {
        get { known.withLock { $0.name } }
        set { known.withLock { $0.name = newValue } }
    }

    /// What is known of its forks' lengths.
    var forks: ForkLengths { known.withLock { $0.forks } }

    func withForks<Result>(_ body: (inout ForkLengths) -> Result) -> Result {
        known.withLock { body(&$0.forks) }
    }

    /// Records, together with the catalog, that blocks from `count` on do not count any more.
    func cut(_ fork: Fork, to count: UInt32) {
        if fork == .main { isSettled = false }
        visibleBlocks[Int(fork.rawValue)].store(count, ordering: .releasing)
        withForks { $0.cut(fork, to: count) }
    }

    /// What readers see, at one moment.
    var extent: RelationExtent {
        known.withLock { $0.counted }
            ?? RelationExtent(blockCount: blockCount, rowCount: nil, isRowCountExact: false)
    }

    /// Whether the number of rows is known.
    var isCounted: Bool { known.withLock { $0.counted != nil } }

    /// Takes over the catalog's row count and tells the pool. Call it before readers see the blocks
    /// concerned.
    func setCount(_ description: RelationDescription?, _ buffers: BufferManager) {
        var extent: RelationExtent?
        if let description, let rows = description.rowCount {
            extent = RelationExtent(
                blockCount: description.blockCount, rowCount: rows,
                isRowCountExact: description.isRowCountExact)
        }
        buffers.setVouched(
            open, below: extent.map { BlockNumber($0.blockCount) },
            areFilled: extent?.isRowCountExact ?? false)
        known.withLock { $0.counted = extent }
    }

    /// Whether nothing lies behind the visible blocks that a crash, or a load that could not be
    /// undone, has left. Changed under ``Engine/settling``. The relation may grow only if it is
    /// true.
    var isSettled: Bool {
        get { settled.load(ordering: .acquiring) }
        set { settled.store(newValue, ordering: .releasing) }
    }

    /// Whether a version of the last page may be in the journal that does not count, because its
    /// load failed. Changed by the relation's only load.
    var hasFailedFilling: Bool {
        get { failedFilling.load(ordering: .relaxed) }
        set { failedFilling.store(newValue, ordering: .relaxed) }
    }

    /// How many blocks of the main fork readers see. A thread that adds pages releases it once they
    /// are in the pool; readers acquire it.
    var blockCount: UInt32 { visibleBlocks(of: .main) }

    /// How many blocks of a fork readers surely see.
    func visibleBlocks(of fork: Fork) -> UInt32 {
        visibleBlocks[Int(fork.rawValue)].load(ordering: .acquiring)
    }

    /// Shows blocks up to `count` to readers.
    func show(_ fork: Fork = .main, blocks count: UInt32) {
        visibleBlocks[Int(fork.rawValue)].max(count, ordering: .releasing)
        withForks { $0.show(fork, blocks: count) }
    }
}
