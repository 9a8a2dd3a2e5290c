public import SystemPackage

extension Engine {
    /// The name of the default storage manager, which keeps relations in plain files.
    public static let defaultManagerName = EngineOptions.builtInManagerName
    /// The names of the built-in storage managers: plain files, compressed, and in memory.
    public static let builtInManagerNames = [defaultManagerName, "compressed", "memory"]

    /// Opens a store, or creates it.
    ///
    /// - Parameters:
    ///   - directory: the store's directory; its parent must exist.
    ///   - options: the settings.
    /// - Throws: what ``open(_:options:)-(FilePath,_)`` throws; `invalidPath` if the text is not a
    ///   path.
    public static func open(_ directory: String, options: EngineOptions = EngineOptions())
        throws(StorageError) -> Engine
    {
        try open(try FilePath(checking: directory), options: options)
    }

    /// Opens a store, or creates it.
    ///
    /// Touches nothing until the directory has been found to be a store of a known version, or one
    /// that may be created. Removes what an unfinished load left; ``Engine/recovery`` and the log
    /// report it. A relation whose files are unusable, or whose storage manager is missing, is
    /// refused alone when it is opened.
    ///
    /// - Parameters:
    ///   - directory: the store's directory; its parent must exist.
    ///   - options: the settings.
    /// - Throws: `invalidPath` if the path is empty; `invalidConfiguration` and `methodUnavailable`
    ///   if settings are impossible; `storeMissing`, `alreadyExists`, `notAStore`, `storeTooNew`,
    ///   `storeReadOnly`, `controlDamaged`, `catalogDamaged`, `journalDamaged` if the directory
    ///   cannot be used; `storeLocked` if it is open elsewhere.
    public static func open(_ directory: FilePath, options: EngineOptions = EngineOptions())
        throws(StorageError) -> Engine
    {
        try options.validate()
        if directory.isEmpty { throw StorageError.emptyPath }
        let opening = EngineOpening(directory: directory, options: options)
        return try options.access == .readOnly ? opening.openReadOnly() : opening.openForWriting()
    }
}
