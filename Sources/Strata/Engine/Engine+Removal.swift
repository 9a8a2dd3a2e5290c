internal import FileAccess
public import SystemPackage
internal import Threads

/// Undoing the creation of a store.
extension Engine {
    /// Removes a store that contains nothing: no relation, no remains of an unfinished change, and
    /// no file that is not the store's own.
    ///
    /// For programs that create a store for something that then fails. The store must not be open.
    /// If interrupted, it leaves a directory in which a store can be created. Blocks the thread.
    ///
    /// - Parameters:
    ///   - directory: the store's directory.
    ///   - keepsDirectory: whether the directory itself stays.
    /// - Returns: whether it was removed; false if the store contains something.
    /// - Throws: `storeLocked` if it is open; what opening it throws; `directoryChangeFailed` and
    ///   `fileSyncFailed`.
    public static func removeEmptyStore(_ directory: FilePath, keepsDirectory: Bool = false)
        throws(StorageError) -> Bool
    {
        let lock = try StoreLock(directory: directory, for: .writing)
        defer { withExtendedLifetime(lock) {} }
        let files = try FileAccess(directory: directory)
        guard try StoreDirectory.isEmptyStore(files, directory) else { return false }
        // First, since a directory with the mark must be a complete store.
        try files.remove(StoreMark.fileName, ifExists: true)
        // Without it there is no store, only what an unfinished creation leaves.
        try files.remove(StoreControl.fileName)
        try files.syncDirectory(".")
        try files.remove(Catalog.fileName)
        for path in StoreDirectory.relationDirectories + ["base"] {
            try files.removeDirectory(path, ifExists: true)
        }
        try files.remove(StoreLock.fileName, ifExists: true)
        if keepsDirectory {
            try files.syncDirectory(".")
        } else if unsafe directory.withPlatformString({ unsafe rmdir($0) }) < 0 {
            throw StorageError(
                .directoryChangeFailed, "could not remove directory \"\(directory)\"",
                at: StorageError.Location(path: directory.string), errorNumber: errno)
        }
        return true
    }
}
