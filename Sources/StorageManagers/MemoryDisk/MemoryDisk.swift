public import AsyncIO
public import StorageManager
internal import Threads

/// Stores relations in memory. They exist as long as the engine.
///
/// For scratch space and for tests. There is no IO, yet every handle passes through all its states,
/// so the layers above need not distinguish these relations. One object serves an engine; all calls
/// may come from any thread.
public final class MemoryDisk: StorageManager {
    let budget: MemoryBudget
    let readCallbacks: IOCallbackID
    let writeCallbacks: IOCallbackID
    private let relations = Lock<[RelationLocator: MemoryRelation]>([:], rank: .memoryRelations)

    /// Sets up the manager and registers its callbacks with the core.
    ///
    /// - Parameters:
    ///   - system: the core of the engine.
    ///   - configuration: the manager's settings.
    /// - Throws: `invalidConfiguration` for a negative limit; `resourcesExhausted` if the core has
    ///   no callback ids left.
    public init(
        system: IOSystem, configuration: MemoryDiskConfiguration = MemoryDiskConfiguration()
    )
        throws(StorageError)
    {
        guard configuration.maximumBytes >= 0 else {
            throw StorageError(
                .invalidConfiguration,
                "\(configuration.maximumBytes) is not a valid number of bytes",
                remedy: "Set MemoryDiskConfiguration.maximumBytes to 0 or more.")
        }
        budget = MemoryBudget(pages: configuration.maximumBytes / blockSize)
        readCallbacks = try system.register(callbacks: MemoryCallbacks(isRead: true))
        writeCallbacks = try system.register(callbacks: MemoryCallbacks(isRead: false))
    }

    /// `memory`.
    public var name: String { "memory" }

    /// Hints have no effect, and relations end with the engine.
    public var capabilities: StorageManagerCapabilities {
        StorageManagerCapabilities(isVolatile: true, pagesCanTear: false)
    }

    /// The number of bytes that the pages of all relations take now.
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

    /// Frees a fork's memory at once.
    public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        let relation = relations.withLock { relations -> MemoryRelation? in
            guard let relation = relations[locator] else { return nil }
            if fork == .main { relations[locator] = nil }
            return relation
        }
        relation?.remove(fork)
    }

    /// Does nothing: these relations are never durable.
    public func syncPending(_ session: Session) throws(StorageError) {}

    /// Frees all memory.
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
    /// The most bytes that the pages of all relations may take together; 1 GiB by default.
    public var maximumBytes = 1 << 30

    /// Makes the default settings.
    public init() {}
}
