public import SystemPackage

extension Engine {
    /// The name of the storage manager that relations have unless told otherwise: it keeps them in
    /// plain files.
    public static let defaultManagerName = "magnetic"
    /// The names of the built-in storage managers: in plain files, compressed, and in memory.
    public static let builtInManagerNames = [defaultManagerName, "compressed", "memory"]

    /// Opens a store, or creates it.
    ///
    /// - Parameters:
    ///   - directory: the store's directory; the one above it must exist.
    ///   - options: the settings.
    /// - Throws: as ``open(_:options:)-(FilePath,_)``; `invalidPath` for text that is no path.
    public static func open(_ directory: String, options: EngineOptions = EngineOptions())
        throws(StorageError) -> Engine
    {
        try open(try FilePath(checking: directory), options: options)
    }

    /// Opens a store, or creates it.
    ///
    /// Until the directory has been found to be a store of this version, or one that may be
    /// created, nothing is touched. What an unfinished load left is removed;
    /// ``Engine/recovery`` and the log tell of it. A relation whose files are in no state to be
    /// used, or whose storage manager is missing, is refused alone when it is opened.
    ///
    /// - Parameters:
    ///   - directory: the store's directory; the one above it must exist.
    ///   - options: the settings.
    /// - Throws: `invalidPath` for an empty path; `invalidConfiguration` and `methodUnavailable`
    ///   for settings that cannot be; `storeMissing`, `alreadyExists`, `notAStore`, `storeTooNew`,
    ///   `storeReadOnly`, `controlDamaged`, `catalogDamaged`, `journalDamaged` for a directory that
    ///   cannot be used; `storeLocked` when it is open elsewhere.
    public static func open(_ directory: FilePath, options: EngineOptions = EngineOptions())
        throws(StorageError) -> Engine
    {
        try options.validate()
        if directory.isEmpty { throw StorageError.emptyPath }
        let opening = EngineOpening(directory: directory, options: options)
        return try options.access == .readOnly ? opening.openReadOnly() : opening.openForWriting()
    }
}
