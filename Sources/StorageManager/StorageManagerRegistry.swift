public import AsyncIO
public import PageFormat
internal import Threads

/// The one-byte number of a storage manager in a registry.
public struct StorageManagerID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number.
    public let rawValue: UInt8
    /// Makes an id from a raw value.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// The storage managers of one engine and the relations open through them.
///
/// Safe to use from any thread. Mirrors PostgreSQL's `smgr.c`; unlike that fixed table, managers
/// can be added.
public final class StorageManagerRegistry: Sendable {
    private let index = RelationIndex()
    private let managers = Lock<[StorageManagerID: any StorageManager]>([:], rank: .managerRegistry)
    private let failed = Lock<[String: StorageError]>([:], rank: .managerRegistry)
    private let target: IOTargetID
    private let core: ObjectIdentifier

    /// Makes an empty registry and registers the target for relations with the core.
    ///
    /// - Throws: `resourcesExhausted` if the core has no target ids left.
    public init(system: IOSystem) throws(StorageError) {
        target = try system.register(target: RelationTargetEntry(registry: index))
        core = ObjectIdentifier(system)
    }

    /// Adds a storage manager under a number that catalogs can record.
    ///
    /// - Throws: `misuse` if the number or the name is taken.
    public func register(_ manager: any StorageManager, id: StorageManagerID) throws(StorageError) {
        let taken = managers.withLock { managers in
            if managers[id] != nil { return true }
            if managers.values.contains(where: { $0.name == manager.name }) { return true }
            managers[id] = manager
            return false
        }
        if taken {
            throw StorageError(
                .misuse,
                "a manager named \(manager.name) or numbered \(id.rawValue) is already registered",
                remedy: "Give each manager its own name and number.")
        }
    }

    /// Adds a storage manager under the lowest free number for custom ones, from 8 to 255.
    ///
    /// - Throws: `misuse` if the name is taken or no number is free.
    public func register(_ manager: any StorageManager) throws(StorageError) {
        let free = managers.withLock { managers in
            (8...255).first { managers[StorageManagerID(rawValue: $0)] == nil }
        }
        // Without a free number, the last one is refused as taken.
        try register(manager, id: StorageManagerID(rawValue: free ?? 255))
    }

    /// The manager with that number.
    public func manager(_ id: StorageManagerID) -> (any StorageManager)? {
        managers.withLock { $0[id] }
    }

    /// The manager with that name, and its number.
    public func manager(named name: String) -> (id: StorageManagerID, manager: any StorageManager)?
    {
        managers.withLock { managers in
            managers.first { $0.value.name == name }.map { (id: $0.key, manager: $0.value) }
        }
    }

    /// Why managers that the catalog names could not be made, by their names.
    package var failures: [String: StorageError] { failed.withLock { $0 } }

    /// Records that a manager could not be made.
    package func note(_ failure: StorageError, ofManagerNamed name: String) {
        failed.withLock { $0[name] = failure }
    }

    /// Opens a relation, or returns it if it is already open. Touches no file. Mirrors `smgropen`.
    ///
    /// - Parameters:
    ///   - locator: the relation.
    ///   - id: the number of its storage manager.
    ///   - pageKind: what its pages look like; nil for as it is open already, else `postgres`.
    /// - Throws: `unknownStorageManager` if no manager has that number; `misuse` if the relation is
    ///   open under another manager, or with another kind of pages.
    public func open(
        _ locator: RelationLocator, managedBy id: StorageManagerID, pageKind: PageKind? = nil
    ) throws(StorageError) -> OpenRelation {
        guard let manager = manager(id) else {
            throw StorageError(
                .unknownStorageManager,
                "relation \(locator) is kept by storage manager \(id.rawValue), "
                    + "which is not registered",
                remedy: "Register the manager before opening the store.",
                at: StorageError.Location(relation: locator.description))
        }
        let target = RelationTarget(id: target, manager: id)
        let relation = try index.relation(locator) { () throws(StorageError) in
            OpenRelation(
                locator: locator, storage: try manager.open(locator, target: target),
                capabilities: manager.capabilities, manager: id,
                pageKind: pageKind ?? .postgres, core: core)
        }
        guard pageKind == nil || relation.pageKind == pageKind else {
            throw StorageError(
                .misuse,
                "relation \(locator) is open with pages of the kind \(relation.pageKind.name)",
                remedy: "Close it first, or open it with the kind that the catalog records.",
                at: StorageError.Location(relation: locator.description))
        }
        guard relation.manager == id else {
            throw StorageError(
                .misuse,
                "relation \(locator) is open under storage manager \(relation.manager.rawValue), "
                    + "not \(id.rawValue)",
                remedy: "Close it first, or open it under the manager the catalog records.",
                at: StorageError.Location(relation: locator.description))
        }
        return relation
    }

    /// Whether a relation is open, under whichever manager. Any thread.
    public func isOpen(_ locator: RelationLocator) -> Bool { index.relation(locator) != nil }

    /// Closes a relation's files and forgets it. Mirrors `smgrclose`.
    ///
    /// Callers must ensure that nothing uses the relation.
    public func close(_ relation: OpenRelation, session: Session) {
        guard index.remove(relation) else { return }
        for fork in Fork.allCases { relation.storage.close(fork, session: session) }
    }

    /// All managers, ordered by number so that every run does the same in the same order.
    private var inOrder: [any StorageManager] {
        managers.withLock { managers in
            managers.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value)
        }
    }

    /// Shuts down all managers as they are, for an unused engine that was not closed. Data that is
    /// not durable is lost.
    public func endManagers() {
        for manager in inOrder { manager.shutdown() }
    }

    /// Closes all relations and shuts down all managers.
    public func shutdown(session: Session) {
        for relation in index.all { close(relation, session: session) }
        endManagers()
    }

    /// Closes a relation and removes its files. Mirrors `smgrdounlinkall`.
    ///
    /// Removes the main fork last, so that the remains of a crash are still recognised. Callers
    /// must
    /// have dropped the relation's buffers.
    public func unlink(_ relation: OpenRelation, session: Session) throws(StorageError) {
        close(relation, session: session)
        guard let manager = manager(relation.manager) else { return }
        for fork in Fork.allCases.reversed() { try manager.unlink(relation.locator, fork: fork) }
    }

    /// Allows or ends work that managers do by themselves.
    public func allowBackgroundWork(_ isAllowed: Bool) {
        for manager in inOrder { manager.allowBackgroundWork(isAllowed) }
    }

    /// Whether a manager knows of something that ``syncPending(_:)`` would make durable.
    public var hasPendingSyncs: Bool { inOrder.contains { $0.hasPendingSyncs } }

    /// Makes all registered writes of all managers durable.
    ///
    /// - Throws: the first `syncFailed`, else another manager's error, after asking every manager.
    public func syncPending(_ session: Session) throws(StorageError) {
        var failure: StorageError?
        for manager in inOrder {
            do throws(StorageError) {
                try manager.syncPending(session)
            } catch {
                failure.note(error)
            }
        }
        if let failure { throw failure }
    }
}

extension StorageError.Code {
    /// The relation's storage manager is not registered.
    public static let unknownStorageManager = Self(rawValue: "unknownStorageManager")
    /// A relation, fork or segment is missing.
    public static let notFound = Self(rawValue: "notFound")
    /// A relation or fork exists already.
    public static let alreadyExists = Self(rawValue: "alreadyExists")
    /// A page read from disk is damaged: its checksum or its header is wrong.
    public static let invalidPage = Self(rawValue: "invalidPage")
    /// Blocks could not be read, or not all of them.
    public static let readFailed = Self(rawValue: "readFailed")
    /// Blocks could not be written, or not all of them.
    public static let writeFailed = Self(rawValue: "writeFailed")
    /// A relation could not be extended.
    public static let extendFailed = Self(rawValue: "extendFailed")
    /// A relation could not be truncated.
    public static let truncateFailed = Self(rawValue: "truncateFailed")
    /// The object was opened read-only.
    public static let readOnly = Self(rawValue: "readOnly")
}
