public import AsyncIO

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
    /// Identifies the IO core that its storage works with. Not a reference to it: the core's
    /// registries refer to open relations.
    public let core: ObjectIdentifier

    init(
        locator: RelationLocator, storage: any RelationStorage,
        capabilities: StorageManagerCapabilities, manager: StorageManagerID,
        core: ObjectIdentifier
    ) {
        self.locator = locator
        self.storage = storage
        self.capabilities = capabilities
        self.manager = manager
        self.core = core
    }

    /// The location to put into an error about a block of this relation.
    public func location(_ fork: Fork, block: BlockNumber? = nil) -> StorageError.Location {
        StorageError.Location(
            relation: locator.description, fork: fork.name, block: block?.rawValue)
    }
}
