public import AsyncIO
public import FileAccess
internal import Logging
public import StorageManager
internal import Threads

/// Keeps relations compressed, in chunks of neighbouring pages, each one zstd frame.
///
/// A fork is a file of chunks and a file with their map. A chunk is never overwritten: a changed
/// chunk gets another place, and the old place is reused once the change is durable. So a crash
/// leaves each chunk in its old or its new state. One object serves an engine; any thread may make
/// any call.
public final class CompressedDisk: StorageManager {
    let files: FileAccess
    let syncQueue: SyncQueue
    /// For the files of forks that are being made durable together.
    let forkQueue: SyncQueue
    /// Held during that; taken before the forks' locks.
    let syncingAll = Lock<Void>((), rank: .compressedSync)
    let logger: Logger
    let frames = FramePool()
    let encoders = EncoderPool()
    let readCallbacks: IOCallbackID
    let writeCallbacks: IOCallbackID
    private let configuration: CompressedDiskConfiguration
    private let forks = Lock<[ForkKey: CompressedFork]>([:], rank: .compressedForks)
    private let changed = Lock<[ForkKey: CompressedFork]>([:], rank: .changedForks)
    private let chosen = Lock<[RelationLocator: ChunkProperties]>([:], rank: .chosenProperties)
    private let compactor: Compactor?

    private struct ForkKey: Hashable {
        let locator: RelationLocator
        let fork: Fork
    }

    /// Sets up the manager and registers its callbacks with the core.
    ///
    /// - Parameters:
    ///   - files: the store's files.
    ///   - system: the core of the engine.
    ///   - configuration: its settings.
    /// - Throws: `invalidConfiguration` if the properties are impossible, `resourcesExhausted` if
    ///   the core has no callback ids left.
    public init(
        files: FileAccess, system: IOSystem,
        configuration: CompressedDiskConfiguration = CompressedDiskConfiguration()
    ) throws(StorageError) {
        try configuration.properties.check()
        self.files = files
        self.configuration = configuration
        logger = files.configuration.logger
        syncQueue = try files.makeSyncQueue(system: system)
        forkQueue = try files.makeSyncQueue(system: system)
        readCallbacks = try system.register(callbacks: ChunkReadCallbacks(frames))
        writeCallbacks = try system.register(callbacks: ChunkWriteCallbacks(frames))
        compactor = configuration.compactsByItself ? Compactor(logger) : nil
    }

    /// `compressed`.
    public var name: String { "compressed" }

    /// Completing a read takes considerable work. Pages are best written by whole chunks, each of
    /// which gets a new place.
    public var capabilities: StorageManagerCapabilities {
        let isCached = !files.configuration.usesDirectIO
        return StorageManagerCapabilities(
            hasKernelReadAhead: isCached, supportsPrefetch: isCached, usesDirectIO: !isCached,
            canReopen: true, transformsPages: true, pagesCanTear: false)
    }

    /// Accepts the options `chunk`, the size of chunks in bytes, and `level`, zstd's level.
    public func prepare(_ locator: RelationLocator, options: [String: String])
        throws(StorageError)
    {
        var properties = configuration.properties
        for (name, value) in options.sorted(by: { $0.key < $1.key }) {
            guard let number = Int(value), name == "chunk" || name == "level" else {
                throw StorageError(
                    .invalidConfiguration,
                    "storage manager \"compressed\" has no option \"\(name)\" of value"
                        + " \"\(value)\"",
                    remedy: "Give \"chunk\", in bytes, or \"level\".",
                    at: StorageError.Location(relation: locator.description))
            }
            if name == "chunk" { properties.chunkBytes = number } else { properties.level = number }
        }
        try setProperties(properties, of: locator)
    }

    /// The options `chunk` and `level` of an existing relation.
    public func options(of locator: RelationLocator) throws(StorageError) -> [String: String] {
        let properties = try fork(locator, .main).properties()
        return ["chunk": "\(properties.chunkBytes)", "level": "\(properties.level)"]
    }

    /// Sets the compression of a relation that is about to be created.
    ///
    /// - Throws: `invalidConfiguration` if the properties are impossible.
    public func setProperties(_ properties: ChunkProperties, of locator: RelationLocator)
        throws(StorageError)
    {
        try properties.check()
        chosen.withLock { $0[locator] = properties }
    }

    func properties(for locator: RelationLocator) -> ChunkProperties {
        chosen.withLock { $0[locator] } ?? configuration.properties
    }

    /// Makes the object for one relation without touching a file.
    public func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        CompressedRelation(locator, disk: self, target: target)
    }

    /// Removes a fork's files, the chunks last: the fork exists until they are gone.
    ///
    /// The next ``syncPending(_:)`` makes the directory durable.
    ///
    /// - Throws: `damagedChunk` or `damagedMap`, with nothing removed, if another fork's file is in
    ///   the place of one of the fork's; what removing files throws.
    public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        try CompressedFork(locator, fork, disk: self).checkFilesAreOwn()
        let key = ForkKey(locator: locator, fork: fork)
        if let open = forks.withLock({ $0.removeValue(forKey: key) }) { open.retire() }
        changed.withLock { _ = $0.removeValue(forKey: key) }
        if fork == .main { chosen.withLock { _ = $0.removeValue(forKey: locator) } }
        let paths =
            CompressedFork.newMapPaths(locator, fork)
            + [CompressedFork.mapPath(locator, fork), CompressedFork.dataPath(locator, fork)]
        for path in paths {
            do throws(StorageError) {
                _ = try files.remove(path, ifExists: true)
            } catch {
                throw StorageError(
                    error.code, error.message, remedy: error.remedy,
                    at: StorageError.Location(
                        relation: locator.description, fork: fork.name, path: path),
                    errorNumber: error.errorNumber, underlying: error.underlying)
            }
        }
        syncQueue.registerDirectory(of: paths[0])
    }

    /// Ends the compacting thread and closes all files. What is not durable by now is lost.
    public func shutdown() {
        compactor?.stop()
        changed.withLock { $0 = [:] }
        let all = forks.withLock { forks in
            defer { forks = [:] }
            return Array(forks.values)
        }
        for fork in all { fork.forget() }
    }

    /// Ends or allows background compaction.
    public func allowBackgroundWork(_ isAllowed: Bool) {
        if isAllowed { compactor?.resume() } else { compactor?.stop() }
    }

    // MARK: Space

    /// Moves chunks together and frees the rest of the files. Blocks; readers and writers continue
    /// meanwhile.
    ///
    /// - Returns: how many bytes were moved.
    /// - Throws: what reading, writing and syncing throw; all chunks remain readable.
    @discardableResult
    public func compact(_ locator: RelationLocator) throws(StorageError) -> Int {
        var moved = 0
        for fork in Fork.allCases where try files.exists(CompressedFork.dataPath(locator, fork)) {
            let found = self.fork(locator, fork)
            if try !found.isUnfinished() { moved += try found.compact() }
        }
        return moved
    }

    /// The space that a fork takes. Used units of 4096 bytes count as used.
    ///
    /// - Throws: `notFound` if the fork does not exist.
    public func space(of locator: RelationLocator, fork: Fork) throws(StorageError)
        -> RelationSpace?
    {
        try self.fork(locator, fork).space()
    }

    /// Checks every chunk and the map, including unused pages and damaged copies that have an
    /// intact twin.
    public func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError) {
        try self.fork(locator, fork).check(found)
    }

    // MARK: Forks

    /// The one object for a fork, until it is closed.
    func fork(_ locator: RelationLocator, _ fork: Fork) -> CompressedFork {
        let key = ForkKey(locator: locator, fork: fork)
        if let found = forks.withLock({ $0[key] }) { return found }
        let new = CompressedFork(locator, fork, disk: self)
        return forks.withLock { forks in
            // Another thread may have been faster.
            if let found = forks[key] { return found }
            forks[key] = new
            return new
        }
    }

    /// Closes a fork's files if everything in it is durable and nothing reads it. A read whose
    /// issuer did not wait continues, and what it reads must not be given out.
    func close(_ fork: CompressedFork) {
        if fork.state.withLock({ $0.isAtRest }) { fork.forget() }
    }

    /// Takes the forks that have something to make durable, in the order of their numbers.
    /// Whether a fork or a name has changed since everything was made durable.
    public var hasPendingSyncs: Bool {
        syncQueue.count > 0 || changed.withLock { !$0.isEmpty }
    }

    func takeChanged() -> [CompressedFork] {
        changed.withLock { changed in
            defer { changed = [:] }
            return changed.values.sorted {
                ($0.locator.database, $0.locator.number, $0.fork.rawValue)
                    < ($1.locator.database, $1.locator.number, $1.fork.rawValue)
            }
        }
    }

    /// Registers a fork for the next sync, and for the compactor's check.
    func noteChange(_ fork: CompressedFork) {
        let key = ForkKey(locator: fork.locator, fork: fork.fork)
        if !fork.locator.isLocal { changed.withLock { $0[key] = fork } }
        if let compactor, fork.wantsCompacting { compactor.add(fork) }
    }
}

/// Encoders that are not in use. Any thread.
final class EncoderPool: Sendable {
    private let free = Lock<[ChunkEncoder]>([], rank: .chunkEncoders)

    /// - Throws: `resourcesExhausted` if another one gets no memory.
    func take() throws(StorageError) -> ChunkEncoder {
        if let encoder = free.withLock({ $0.popLast() }) { return encoder }
        return try ChunkEncoder()
    }

    func giveBack(_ encoder: ChunkEncoder) { free.withLock { $0.append(encoder) } }
}
