public import AsyncIO
public import FileAccess
internal import Logging
public import StorageManager
internal import Threads

/// Keeps relations compressed: chunks of neighbouring pages, each one zstd frame.
///
/// A fork is a file of chunks and a file with the map of them. A chunk is never overwritten: a
/// changed one gets another place, and the old place is used again once the change is durable. So a
/// crash leaves each chunk as it was or as it became. One object serves an engine; all calls may
/// come from any thread.
public final class CompressedDisk: StorageManager {
    let files: FileAccess
    let syncQueue: SyncQueue
    /// For the files of forks that are being made durable together.
    let forkQueue: SyncQueue
    /// Held while that goes on; taken before the forks' locks.
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
    /// - Throws: `invalidConfiguration` for properties that cannot be, `resourcesExhausted` when
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

    /// Reads are some work where they complete, and pages are written best by whole chunks, each in
    /// a place where there was none.
    public var capabilities: StorageManagerCapabilities {
        let isCached = !files.configuration.usesDirectIO
        return StorageManagerCapabilities(
            hasKernelReadAhead: isCached, supportsPrefetch: isCached, usesDirectIO: !isCached,
            canReopen: true, transformsPages: true, pagesCanTear: false)
    }

    /// Takes the options `chunk`, the size of chunks in bytes, and `level`, zstd's.
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

    /// The options `chunk` and `level` of a relation that exists.
    public func options(of locator: RelationLocator) throws(StorageError) -> [String: String] {
        let properties = try fork(locator, .main).properties()
        return ["chunk": "\(properties.chunkBytes)", "level": "\(properties.level)"]
    }

    /// Sets how a relation that is about to be created is compressed.
    ///
    /// - Throws: `invalidConfiguration` for properties that cannot be.
    public func setProperties(_ properties: ChunkProperties, of locator: RelationLocator)
        throws(StorageError)
    {
        try properties.check()
        chosen.withLock { $0[locator] = properties }
    }

    func properties(for locator: RelationLocator) -> ChunkProperties {
        chosen.withLock { $0[locator] } ?? configuration.properties
    }

    /// Makes the object that keeps one relation; no file is touched.
    public func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        CompressedRelation(locator, disk: self, target: target)
    }

    /// Removes a fork's files, the chunks last: until they are gone, the fork exists.
    ///
    /// The directory is made durable by the next ``syncPending(_:)``.
    public func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        let key = ForkKey(locator: locator, fork: fork)
        if let open = forks.withLock({ $0.removeValue(forKey: key) }) { open.forget() }
        changed.withLock { _ = $0.removeValue(forKey: key) }
        if fork == .main { chosen.withLock { _ = $0.removeValue(forKey: locator) } }
        let paths = [
            CompressedFork.newMapPath(locator, fork), CompressedFork.mapPath(locator, fork),
            CompressedFork.dataPath(locator, fork),
        ]
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

    /// Ends the compacting thread and lets go of all files; what is not durable by now is lost.
    public func shutdown() {
        compactor?.stop()
        changed.withLock { $0 = [:] }
        let all = forks.withLock { forks in
            defer { forks = [:] }
            return Array(forks.values)
        }
        for fork in all { fork.forget() }
    }

    /// Ends or allows compacting.
    public func allowBackgroundWork(_ isAllowed: Bool) {
        if isAllowed { compactor?.resume() } else { compactor?.stop() }
    }

    // MARK: Space

    /// Moves chunks together and gives the rest of the files back. Blocks; readers and writers go
    /// on meanwhile.
    ///
    /// - Returns: how many bytes were moved.
    /// - Throws: what reading, writing and syncing throw; all chunks are where they can be found.
    @discardableResult
    public func compact(_ locator: RelationLocator) throws(StorageError) -> Int {
        var moved = 0
        for fork in Fork.allCases where try files.exists(CompressedFork.dataPath(locator, fork)) {
            moved += try self.fork(locator, fork).compact()
        }
        return moved
    }

    /// What a fork takes; its units of 4096 bytes count as used.
    ///
    /// - Throws: `notFound` for a fork that does not exist.
    public func space(of locator: RelationLocator, fork: Fork) throws(StorageError)
        -> RelationSpace?
    {
        try self.fork(locator, fork).space()
    }

    /// Looks at every chunk, and at the map: also where no page is in use, or a copy serves in a
    /// damaged one's place.
    public func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError) {
        try self.fork(locator, fork).check(found)
    }

    // MARK: Forks

    /// The one object of a fork, until it is closed.
    func fork(_ locator: RelationLocator, _ fork: Fork) -> CompressedFork {
        let key = ForkKey(locator: locator, fork: fork)
        if let found = forks.withLock({ $0[key] }) { return found }
        let new = CompressedFork(locator, fork, disk: self)
        return forks.withLock { forks in
            // Another thread may have been quicker.
            if let found = forks[key] { return found }
            forks[key] = new
            return new
        }
    }

    /// Lets go of a fork's files if it has nothing to be made durable, and nobody reads in it: a
    /// read whose issuer did not wait goes on, and what it reads must not be given out.
    func close(_ fork: CompressedFork) {
        if fork.state.withLock({ $0.isAtRest }) { fork.forget() }
    }

    /// Takes the forks that have something to be made durable, in the order of their numbers.
    func takeChanged() -> [CompressedFork] {
        changed.withLock { changed in
            defer { changed = [:] }
            return changed.values.sorted {
                ($0.locator.database, $0.locator.number, $0.fork.rawValue)
                    < ($1.locator.database, $1.locator.number, $1.fork.rawValue)
            }
        }
    }

    /// Has the next sync make a fork durable, and the compactor look at it.
    func noteChange(_ fork: CompressedFork) {
        let key = ForkKey(locator: fork.locator, fork: fork.fork)
        if !fork.locator.isLocal { changed.withLock { $0[key] = fork } }
        if let compactor, fork.wantsCompacting { compactor.add(fork) }
    }
}

/// Encoders that are not in use. Any thread.
final class EncoderPool: Sendable {
    private let free = Lock<[ChunkEncoder]>([], rank: .chunkEncoders)

    /// - Throws: `resourcesExhausted` when another one gets no memory.
    func take() throws(StorageError) -> ChunkEncoder {
        if let encoder = free.withLock({ $0.popLast() }) { return encoder }
        return try ChunkEncoder()
    }

    func giveBack(_ encoder: ChunkEncoder) { free.withLock { $0.append(encoder) } }
}
