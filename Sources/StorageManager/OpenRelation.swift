public import AsyncIO

/// A relation that is open: its identity and the storage that keeps it.
///
/// One object per relation serves all sessions of an engine. Mirrors PostgreSQL's `SMgrRelation`.
public final class OpenRelation: Sendable {
    /// Which relation it is.
    public let locator: RelationLocator
    /// What keeps its pages.
    public let storage: any RelationStorage
    /// What its storage manager can do.
    public let capabilities: StorageManagerCapabilities
    /// The registry's number of its storage manager.
    public let manager: StorageManagerID

    init(
        locator: RelationLocator, storage: any RelationStorage,
        capabilities: StorageManagerCapabilities, manager: StorageManagerID
    ) {
        self.locator = locator
        self.storage = storage
        self.capabilities = capabilities
        self.manager = manager
    }

    /// Where an error about a block of this relation is.
    public func location(_ fork: Fork, block: BlockNumber? = nil) -> StorageError.Location {
        StorageError.Location(
            relation: locator.description, fork: fork.name, block: block?.rawValue)
    }
}
