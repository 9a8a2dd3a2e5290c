internal import FileAccess
internal import SystemPackage

/// Looking at a store without touching it.
extension Engine {
    /// Whether the store was not closed by who used it last: opening it for writing will do what
    /// ``recovery`` says. False unless it was opened with ``EngineOptions/Access/readOnly``.
    public var needsRecovery: Bool {
        options.access == .readOnly && recovery.changesStore
    }

    /// Opens a store as it is, or, if it has to be recovered, over a shadow in which that is done.
    static func openReadOnly(_ directory: FilePath, _ options: EngineOptions) throws(StorageError)
        -> Engine
    {
        var options = options
        options.creation = .never
        // Says what is there better than what locking it would meet.
        try checkCreation(try inspect(directory, options), directory, options)
        let shadow = ShadowFileSystem(over: options.fileSystem)
        var shadowed = options
        shadowed.fileSystem = shadow
        shadowed.ioExecutor = shadow
        // The kernel knows nothing of the shadow, so no ring can read from it.
        if options.ioMethod.name != IOMethodChoice.synchronous.name { shadowed.ioMethod = .worker }
        let lock =
            try options.isOnRealFiles ? StoreLock(directory: directory, for: .reading) : nil
        let engine = try openUnlocked(directory, shadowed)
        if shadow.hasChanges {
            engine.keep(lock)
            if options.ioMethod.name != shadowed.ioMethod.name {
                options.logger.notice(
                    """
                    \"\(directory)\" was not closed and is shown as recovering would leave \
                    it, through \
                    IO method \(shadowed.ioMethod.name): \(options.ioMethod.name) reads from \
                    files only
                    """)
            }
            return engine
        }
        let outcome = engine.outcome
        try engine.close()
        let plain = try openUnlocked(directory, options, outcome)
        plain.keep(lock)
        return plain
    }

    private static func openUnlocked(
        _ directory: FilePath, _ options: EngineOptions, _ outcome: Recovery.Outcome? = nil
    ) throws(StorageError) -> Engine {
        let system = try IOSystem(configuration: options.ioConfiguration)
        do throws(StorageError) {
            return try open(directory, options, system, nil, outcome)
        } catch {
            system.shutdown()
            throw error
        }
    }
}
