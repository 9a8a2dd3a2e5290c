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
        try StoreDirectory.removeStore(files, directory, keepsDirectory: keepsDirectory)
        return true
    }
}
