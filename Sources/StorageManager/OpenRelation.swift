public import AsyncIO
public import PageFormat
internal import Synchronization

/// An open relation: its identity and the storage that keeps it.
///
/// One object per relation serves all sessions of an engine. Mirrors PostgreSQL's `SMgrRelation`.
public final class OpenRelation: Sendable {
    /// Identifies the relation.
    public let locator: RelationLocator
    /// Stores the relation's pages.
    public let storage: any RelationStorage
    /// The capabilities of its storage manager.
    public let capabilities: StorageManagerCapabilities
    /// The registry's number of its storage manager.
    public let manager: StorageManagerID
    /// What the pages of its main fork look like. Storage managers need not know.
    public let pageKind: PageKind
    /// Identifies the IO core that its storage works with. Not a reference to it: the core's
    /// registries refer to open relations.
    public let core: ObjectIdentifier

    private let dropped = Atomic<Bool>(false)

    init(
        locator: RelationLocator, storage: any RelationStorage,
        capabilities: StorageManagerCapabilities, manager: StorageManagerID,
        pageKind: PageKind, core: ObjectIdentifier
    ) {
        self.locator = locator
        self.storage = storage
        self.capabilities = capabilities
        self.manager = manager
        self.pageKind = pageKind
        self.core = core
    }

    /// Whether it was dropped or replaced, so that its pages no longer count.
    package var isDropped: Bool { dropped.load(ordering: .relaxed) }

    package func markDropped() { dropped.store(true, ordering: .relaxed) }

    /// What the pages of a fork look like. Maps of free space and visibility are PostgreSQL's.
    public func pageKind(of fork: Fork) -> PageKind { fork.pageKind(in: pageKind) }

    /// The location to put into an error about a block of this relation.
    public func location(_ fork: Fork, block: BlockNumber? = nil) -> StorageError.Location {
        StorageError.Location(
            relation: locator.description, fork: fork.name, block: block?.rawValue)
    }
}
