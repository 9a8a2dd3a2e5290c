public import AsyncIO
internal import FileAccess
package import StorageManager
package import SystemPackage

extension StorageError.Code {
    /// There is no directory, or no store in it, and the options forbid creating one.
    public static let storeMissing = Self(rawValue: "storeMissing")
    /// The directory or file is not a Strata store.
    public static let notAStore = Self(rawValue: "notAStore")
    /// The store was written by a newer version of Strata.
    public static let storeTooNew = Self(rawValue: "storeTooNew")
    /// Another engine, in this process or another, has the store open.
    public static let storeLocked = Self(rawValue: "storeLocked")
    /// The store's files were replaced while it was open, so that another engine may have it.
    public static let storeReplaced = Self(rawValue: "storeReplaced")
    /// The control file is damaged or missing.
    public static let controlDamaged = Self(rawValue: "controlDamaged")
    /// The catalog is damaged or missing.
    public static let catalogDamaged = Self(rawValue: "catalogDamaged")
    /// The catalog is older than the store: what has been committed since would be lost.
    public static let catalogOutdated = Self(rawValue: "catalogOutdated")
    /// Pages cannot be written atomically, as the options require.
    public static let atomicWritesUnavailable = Self(rawValue: "atomicWritesUnavailable")
    /// The journal of pages is damaged.
    public static let journalDamaged = Self(rawValue: "journalDamaged")
    /// The name is not allowed for a relation.
    public static let invalidName = Self(rawValue: "invalidName")
    /// The relation is being loaded.
    public static let relationBusy = Self(rawValue: "relationBusy")
    /// The relation's files hold less than the catalog says, or cannot be read.
    public static let relationDamaged = Self(rawValue: "relationDamaged")
    /// Another operation of a kind that runs only once at a time is in progress.
    public static let storeBusy = Self(rawValue: "storeBusy")
}

extension StorageError {
    package static func replaced(_ directory: FilePath) -> StorageError {
        StorageError(
            .storeReplaced,
            "files of store \"\(directory)\" were replaced while it was open: its lock or its"
                + " catalog is no longer the one that this engine has",
            remedy: "Close it, make sure that no other program has it open, verify it, and open it"
                + " again: what this engine has published is there unless it was replaced.",
            at: Location(path: StoreLock.fileName))
    }
}

/// Why a store, or a relation of it, takes no changes.
extension StorageError {
    /// The error for changes through a read-only engine.
    package static func openedForReading(_ directory: String) -> StorageError {
        StorageError(
            .storeReadOnly, "store \"\(directory)\" was opened for reading only",
            remedy: "Open it with EngineOptions.access set to readWrite.")
    }

    /// The error for a relation that is in use otherwise.
    package static func busy(_ name: String) -> StorageError {
        StorageError(
            .relationBusy, "relation \"\(name)\" is being loaded, extended or dropped",
            remedy: "Wait until that is done, and try again.",
            at: StorageError.Location(relation: name))
    }

    /// The error for relations of a storage manager that is not registered.
    package static func unknownManager(_ name: String, of locator: RelationLocator) -> StorageError
    {
        StorageError(
            .unknownStorageManager,
            "relation \(locator) is kept by storage manager \"\(name)\", which is not registered",
            remedy: "Add it to EngineOptions.storageManagers.",
            at: StorageError.Location(relation: locator.description))
    }
}
