package import AsyncIO
internal import FileAccess
package import StorageManager

/// Errors that are about one relation.
extension StorageError {
    /// Whether the error concerns the files of one relation, rather than the store, the process or
    /// the disk as a whole, or a cluster that does not answer or is another process's now.
    package var concernsOneRelation: Bool {
        if isFinalSyncFailure { return false }
        if [.resourcesExhausted, .closed, .timedOut, .fenced].contains(code) { return false }
        return !isOfWholeDisk && (underlying?.concernsOneRelation ?? true)
    }

    /// The error for a name that a relation has.
    package static func exists(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists, "relation \"\(name)\" exists already",
            remedy: "Give another name, or append to the relation, or replace it.",
            at: Location(relation: name))
    }

    /// The error for a relation whose storage manager is missing, or could not be made.
    package static func unmanaged(
        _ relation: RelationDescription, because failure: StorageError?
    ) -> StorageError {
        StorageError(
            .unknownStorageManager,
            "relation \"\(relation.name)\" is kept by storage manager \"\(relation.managerName)\","
                + (failure == nil ? " which this program does not have" : " which is not there"),
            remedy: failure == nil ? "Add it to EngineOptions.storageManagers." : nil,
            at: Location(relation: relation.name), underlying: failure)
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

    /// The error for a relation whose files are unusable.
    package static func unusable(_ name: String, _ locator: RelationLocator, _ error: StorageError)
        -> StorageError
    {
        StorageError(
            .relationDamaged, "relation \"\(name)\" cannot be used",
            remedy: error.remedy
                ?? "Restore its files and open the store again; or drop or replace the relation.",
            at: Location(
                relation: name, fork: error.location.fork, block: error.location.block,
                path: error.location.path ?? locator.description),
            underlying: error)
    }

    /// The error for growing a relation that has blocks which only a later catalog counts, or for
    /// having read all of it.
    package static func uncounted(
        _ name: String, _ locator: RelationLocator, from first: UInt32, wasRead: Bool
    ) -> StorageError {
        StorageError(
            .catalogOutdated,
            wasRead
                ? "relation \"\(name)\" is not shown whole: the catalog is older than the store,"
                    + " and does not count what was committed since behind block \(first), nor"
                    + " which rows before it belong to that"
                : "relation \"\(name)\" cannot grow: the catalog is older than the store, and would"
                    + " overwrite what was committed since behind block \(first)",
            remedy: "Put back the catalog that the store was closed with; or drop or replace the"
                + " relation; or give up what it had since with Engine.acceptCatalog(session:).",
            at: Location(
                relation: name, fork: Fork.main.name, block: first, path: locator.description))
    }

    /// The error for creating a fork at whose name there is something that is not the store's.
    package static func foreignFork(
        _ name: String, _ fork: Fork, _ path: String
    ) -> StorageError {
        StorageError(
            .fileExists,
            "fork \(fork.name) of relation \"\(name)\" cannot be created: file \"\(path)\" is in"
                + " its place, which the catalog does not know",
            remedy: "Move the file away. If it is the fork's, put back the catalog that counts it.",
            at: Location(relation: name, fork: fork.name, path: path))
    }

    /// Pages of a relation cannot be written because the catalog could not be replaced before.
    package static func cannotWithdraw(_ name: String, _ error: StorageError) -> StorageError {
        StorageError(
            error.code,
            "changed pages of relation \"\(name)\" cannot be written yet: the catalog must first"
                + " say that its rows are not counted any more, and cannot be replaced",
            remedy: (error.remedy ?? "Make it possible to replace the catalog, and try again.")
                + " The pages stay in memory until then.",
            at: Location(
                relation: name, fork: Fork.main.name,
                path: error.location.path ?? Catalog.fileName),
            errorNumber: error.errorNumber, underlying: error.underlying)
    }
}
