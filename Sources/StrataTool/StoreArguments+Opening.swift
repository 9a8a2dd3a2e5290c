internal import Logging
internal import Strata

extension StoreArguments {
    /// Opens the store, runs `body`, and closes the store even if `body` throws.
    ///
    /// - Parameter isDone: whether what `body` did is durable when it returns. Then the command has
    ///   succeeded, whatever closing says: a load that is repeated would have its rows twice.
    /// - Throws: what opening or `body` throws; otherwise what closing throws, unless `isDone`.
    func withStore(
        creating: Bool, access: EngineOptions.Access = .readWrite,
        logLevel: Logger.Level = .notice, isDone: Bool = false, _ body: (Engine) throws -> Void
    ) throws {
        let engine = try open(creating: creating, access: access, logLevel: logLevel)
        do {
            try body(engine)
        } catch {
            // The first error is the one to report.
            try? engine.close()
            throw error
        }
        do {
            try engine.close()
        } catch {
            guard isDone else { throw error }
            printMessage("strata: \(error)")
            printMessage(
                "strata: closing the store failed, but what the command did is kept; the next"
                    + " command that changes the store does the rest")
        }
    }

    /// Opens the store, or creates it. If `body` throws, a created store is removed.
    func withNewStoreOnSuccess(_ body: (Engine) throws -> Void) throws {
        let hasDirectory = FileIdentity(store.path) != nil
        var isNew = false
        do {
            try withStore(creating: true, isDone: true) { engine in
                isNew = engine.recovery.isNewStore
                try body(engine)
            }
        } catch {
            // In a cluster, an empty store stays.
            if isNew, clusterPlace == nil, ToolEnvironment.current.fileSystem is KernelFileSystem {
                // The first error matters more than this failure.
                _ = try? Engine.removeEmptyStore(store.path, keepsDirectory: hasDirectory)
            }
            throw error
        }
    }

    /// If the store was not closed, prints what recovery will do, for read-only commands. Also says
    /// if the catalog is older than the store, or the journal cannot be read.
    static func sayWhatRecoveryWillDo(_ engine: Engine) {
        guard engine.needsRecovery else {
            for action in engine.recovery.actions where action.isWarning {
                printMessage("strata: \(action)")
            }
            return
        }
        printMessage(
            "strata: the store was not closed and needs recovery, which the next command that"
                + " changes it will do; it is shown as it will be after these steps:")
        for action in engine.recovery.actions { printMessage("strata: \(action)") }
    }
}

extension RecoveryReport.Action {
    /// Whether readers must be told, since the store may have more, or other pages, than they see.
    var isWarning: Bool {
        switch self {
        case .olderCatalog, .keptBlocks, .unusableJournal: true
        default: false
        }
    }
}
