internal import Threads

extension Engine {
    /// Makes sure that a storage manager is registered. Makes it if `EngineOptions` know how.
    ///
    /// - Parameter relation: the relation that needs it.
    /// - Throws: `unknownStorageManager`, or what making it throws.
    func requireManager(named name: String, for relation: String) throws(StorageError) {
        if managers.manager(named: name) != nil { return }
        // One thread at a time: a manager is made once.
        try changes.withLock { _ throws(StorageError) in
            if managers.manager(named: name) != nil { return }
            try makeManager(named: name, for: relation)
        }
    }

    private func makeManager(named name: String, for relation: String) throws(StorageError) {
        guard let make = options.storageManagerFinder?(name) else {
            throw StorageError(
                .unknownStorageManager, "there is no storage manager \"\(name)\"",
                remedy: "Add it to EngineOptions.storageManagers.",
                at: StorageError.Location(relation: relation))
        }
        try managers.register(try make(StorageManagerPlugin.Context(files, system, control)))
    }
}

extension Catalog {
    /// The numbers of relations whose storage managers are not built in.
    var pluggedNumbers: Set<UInt32> {
        numbers(managedByOthersThan: Engine.builtInManagerNames)
    }
}
