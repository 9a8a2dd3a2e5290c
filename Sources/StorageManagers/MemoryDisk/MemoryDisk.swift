public import AsyncIO
public import StorageManager

/// Keeps relations in memory: they live and die with the engine.
///
/// For scratch space, and as a store for tests. There is no IO, yet every handle goes through its
/// whole life, so that the layers above need not tell these relations from others. One object
/// serves an engine; all calls may come from any thread.
public final class MemoryDisk: StorageManager {
    let budget: MemoryBudget
    let readCallbacks: IOCallbackID
    let writeCallbacks: IOCallbackID
    private let relations = Lock<[RelationLocator: MemoryRelation]>([:])

    /// Sets up the manager and registers its callbacks with the core.
    ///
    /// - Parameters:
    ///   - system: the core of the engine.
    ///   - configuration: its settings.
    /// - Throws: `invalidConfiguration` for a negative limit, `resourcesExhausted` when the core has
    ///   no callback ids left.
    public init(
        system: IOSystem, configuration: MemoryDiskConfiguration = MemoryDiskConfiguration()
    )
        throws(StorageError)
    {
        guard configuration.maximumBytes >= 0 else {
            throw StorageError(
                .invalidConfiguration,
                "\(configuration.maximumBytes) is not a possible number of bytes",
                remedy: "Set MemoryDiskConfiguration.maximumBytes to 0 or more.")
        }
        budget = MemoryBudget(pages: configuration.maximumBytes / blockSize)
        readCallbacks = try system.register(callbacks: MemoryCallbacks(isRead: true))
        writeCallbacks = try system.register(callbacks: MemoryCallbacks(isRead: false))
    }

    /// `memory`.
    public var name: String { "memory" }

    /// No hints are of use, and relations are gone when the engine is.
    public var capabilities: StorageManagerCapabilities {
        StorageManagerCapabilities(isVolatile: true, pagesCanTear: false)
    }

    /// How many bytes the pages of all relations take now.
    public var usedBytes: Int { budget.used * blockSize }

    /// Finds a relation, or makes the object for a new one.
    public func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        relations.withLock { relations in
            if let relation = relations[locator] { return relation }
            let relation = MemoryRelation(locator, disk: self, target: target)
            relations[locator] = relation
            return relation
        }
    }

    /// Gives a fork's memory back at once.
    public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        let relation = relations.withLock { relations -> MemoryRelation? in
            guard let relation = relations[locator] else { return nil }
            if fork == .main { relations[locator] = nil }
            return relation
        }
        relation?.remove(fork)
    }

    /// Nothing becomes durable here.
    public func syncPending(_ session: Session) throws(StorageError) {}

    /// Gives all memory back.
    public func shutdown() {
        let all = relations.withLock { relations in
            defer { relations = [:] }
            return Array(relations.values)
        }
        for relation in all {
            for fork in Fork.allCases { relation.remove(fork) }
        }
    }
}

/// The settings of a ``MemoryDisk``.
public struct MemoryDiskConfiguration: Sendable {
    /// How many bytes the pages of all relations may take together; 1 GiB unless told otherwise.
    public var maximumBytes = 1 << 30

    /// Makes the default settings.
    public init() {}
}
