internal import Synchronization

/// What an engine knows besides what is on disk. Under ``Engine/state``.
struct EngineState: Sendable {
    /// As it stands on disk.
    var catalog: Catalog
    /// The relations that have been used since the store was opened.
    var records: [RelationLocator: RelationRecord] = [:]
    /// How many ``Relation`` objects and loads there are of a locator; no entry for none.
    var users: [RelationLocator: Int] = [:]
    /// Names that a load or a drop has for itself.
    var reserved: Set<String> = []
    /// Locators whose remains a load that is under way will deal with itself.
    var loading: Set<RelationLocator> = []
    /// How many extensions of a relation are under way; no entry for none.
    var extending: [RelationLocator: Int] = [:]
    var isClosed = false

    init(catalog: Catalog) { self.catalog = catalog }

    /// The relations in use, in order.
    var used: [(RelationDescription, RelationRecord)] {
        catalog.relations.values.sorted { $0.name < $1.name }.compactMap { relation in
            records[relation.locator].map { (relation, $0) }
        }
    }

    /// What is to be removed and used by nobody, in order, so that equal runs make equal calls.
    var removable: [(locator: RelationLocator, managerName: String)] {
        catalog.remains.sorted { $0.key.number < $1.key.number }.compactMap { locator, entry in
            guard entry.kind == .files, users[locator] == nil, !loading.contains(locator) else {
                return nil
            }
            return (locator, entry.managerName)
        }
    }
}

/// A relation in use: the one object behind all ``Relation`` values of a locator.
final class RelationRecord: Sendable {
    let open: OpenRelation
    private let visibleBlocks: Atomic<UInt32>
    private let settled: Atomic<Bool>

    init(_ open: OpenRelation, blockCount: UInt32, isSettled: Bool) {
        self.open = open
        visibleBlocks = Atomic(blockCount)
        settled = Atomic(isSettled)
    }

    /// Whether nothing lies behind the visible blocks that a crash, or a load that could not be
    /// undone, has left there. Changed under ``Engine/settling``; where it is true the relation may
    /// grow.
    var isSettled: Bool {
        get { settled.load(ordering: .acquiring) }
        set { settled.store(newValue, ordering: .releasing) }
    }

    /// How many blocks of the main fork readers see. Released by whoever adds pages once they are
    /// in the pool; acquired by readers.
    var blockCount: UInt32 { visibleBlocks.load(ordering: .acquiring) }

    /// Shows blocks up to `count` to readers.
    func show(blocks count: UInt32) { visibleBlocks.max(count, ordering: .releasing) }
}
