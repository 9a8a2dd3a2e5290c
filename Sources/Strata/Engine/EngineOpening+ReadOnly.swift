internal import FileAccess
internal import Logging
internal import Threads

extension Engine {
    /// Whether the store was not closed by its last user, so that opening it for writing will do
    /// what ``recovery`` says. False unless it was opened with `EngineOptions/Access/readOnly`.
    public var needsRecovery: Bool {
        options.access == .readOnly && recovery.changesStore
    }
}

/// Reading a store without changing it.
extension EngineOpening {
    /// Opens a store as it is or, if it needs recovery, over a shadow in which recovery runs.
    func openReadOnly() throws(StorageError) -> Engine {
        var options = self.options
        options.creation = .never
        var plain = EngineOpening(directory: directory, options: options)
        try plain.checkPlace()
        let shadow = ShadowFileSystem(over: options.fileSystem)
        var shadowed = options
        shadowed.fileSystem = shadow
        shadowed.ioExecutor = shadow
        // The kernel does not know the shadow, so no ring can read from it.
        if options.ioMethod.name != IOMethodChoice.synchronous.name { shadowed.ioMethod = .worker }
        let lock =
            try options.isOnRealFiles ? StoreLock(directory: directory, for: .reading) : nil
        let engine = try EngineOpening(directory: directory, options: shadowed).openUnlocked()
        if shadow.hasChanges {
            engine.claim.keep(lock)
            if options.ioMethod.name != shadowed.ioMethod.name {
                options.logger.notice(
                    """
                    \"\(directory)\" was not closed and is shown as recovering would leave it, \
                    through IO method \(shadowed.ioMethod.name): \(options.ioMethod.name) reads \
                    from files only
                    """)
            }
            return engine
        }
        var outcome = engine.outcome
        // The lock keeps other processes from changing it.
        outcome.adopted = engine.state.withLock { $0.catalog }
        // What did not answer is not waited for twice.
        plain.absent = engine.managers.failures
        shadow.pass()
        try engine.close()
        let opened = try plain.openUnlocked(outcome)
        opened.claim.keep(lock)
        return opened
    }
}
