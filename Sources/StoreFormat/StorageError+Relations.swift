package import AsyncIO
package import StorageManager

/// Errors that are about one relation.
extension StorageError {
    /// Whether the error concerns the files of one relation, rather than the store, the process or
    /// the disk as a whole.
    package var concernsOneRelation: Bool {
        if isFinalSyncFailure || code == .resourcesExhausted || code == .closed { return false }
        return !isOfWholeDisk && (underlying?.concernsOneRelation ?? true)
    }

    /// The error for a relation whose storage manager is missing.
    package static func unmanaged(_ relation: RelationDescription) -> StorageError {
        StorageError(
            .unknownStorageManager,
            "relation \"\(relation.name)\" is kept by storage manager \"\(relation.managerName)\","
                + " which this program does not have",
            remedy: "Add it to EngineOptions.storageManagers.",
            at: Location(relation: relation.name))
    }

    /// The error for a relation that has lost blocks.
    package static func shortRelation(
        _ relation: RelationDescription, _ fork: Fork = .main, blocks: UInt32, _ lost: UInt32
    )
        -> StorageError
    {
        let words = fork == .main ? "blocks" : "blocks of fork \(fork.name)"
        return StorageError(
            .relationDamaged,
            "relation \"\(relation.name)\" has \(blocks) of its"
                + " \(relation.blockCount(of: fork) ?? 0) \(words): a file of"
                + " \(relation.locator) is missing or too short",
            remedy: "Verify the store to see which, and restore it from a backup.",
            at: Location(
                relation: relation.name, fork: fork.name, block: lost,
                path: relation.locator.description))
    }
}
