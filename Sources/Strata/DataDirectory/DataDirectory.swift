internal import FileAccess
internal import MagneticDisk
public import SystemPackage

/// The data directory of a PostgreSQL server, looked at in place: its relations' pages through the
/// pool and its streams, and all its files by ``verify(session:observer:)``.
///
/// ```swift
/// let cluster = try DataDirectory.open("/var/lib/postgresql/15/main")
/// let session = try cluster.makeSession()
/// let relation = try cluster.relation(RelationLocator(database: 5, number: 16384))
/// var stream = try cluster.scan(relation, session: session)
/// while let page = try stream.next() { … }
/// ```
///
/// Nothing is ever written: files are opened for reading alone, and a changed page cannot leave the
/// pool. The server should be shut down; of one that runs, files are seen as it has written them so
/// far. Relations are known by their file numbers, which `pg_relation_filepath` tells. One object
/// serves all threads; calls block, and a session belongs to one thread at a time.
public final class DataDirectory: Sendable {
    /// The directory, as it was given.
    public let root: FilePath
    /// The directory as text for people: bytes that are not UTF-8 are replaced.
    public var path: String { root.string }
    /// What the cluster's control file says.
    public let control: ClusterControl
    /// The asynchronous IO core.
    public let system: IOSystem
    /// The pool.
    public let buffers: BufferManager

    let files: FileAccess
    let options: EngineOptions
    let verificationTarget: IOTargetID
    private let managers: StorageManagerRegistry
    private static let magnetic = StorageManagerID(rawValue: 0)

    /// Opens a data directory.
    ///
    /// - Parameters:
    ///   - path: the directory with `global` and `base` in it.
    ///   - options: the settings of IO and pool; those of stores are left alone.
    /// - Throws: `notAStore` where there is no `global/pg_control` or one of an unknown version or
    ///   block size, `controlDamaged`, `invalidConfiguration`, `methodUnavailable`, or what opening
    ///   files throws.
    public static func open(_ path: FilePath, options: EngineOptions = EngineOptions())
        throws(StorageError) -> DataDirectory
    {
        var options = options
        options.access = .readOnly
        try options.validate()
        let files = try FileAccess(directory: path, configuration: options.fileConfiguration)
        let bytes = try StoreFiles(files: files).read(
            ClusterControl.path, atMost: ClusterControl.maximumSize,
            damage: ClusterControl.damaged)
        guard let bytes else {
            throw StorageError(
                .notAStore, "directory \"\(path)\" is not a data directory of PostgreSQL's",
                remedy: "Give the one that holds \(ClusterControl.path).",
                at: StorageError.Location(path: path.string))
        }
        let control = try ClusterControl(bytes)
        let system = try IOSystem(configuration: options.ioConfiguration)
        do throws(StorageError) {
            return try DataDirectory(path, options, control, files, system)
        } catch {
            system.shutdown()
            throw error
        }
    }

    /// Opens a data directory.
    ///
    /// - Parameters:
    ///   - path: the directory with `global` and `base` in it.
    ///   - options: the settings of IO and pool; those of stores are left alone.
    /// - Throws: as ``open(_:options:)-(FilePath,_)``; `invalidPath` for text that is no path.
    public static func open(_ path: String, options: EngineOptions = EngineOptions())
        throws(StorageError) -> DataDirectory
    {
        try open(try FilePath(checking: path), options: options)
    }

    private init(
        _ root: FilePath, _ options: EngineOptions, _ control: ClusterControl, _ files: FileAccess,
        _ system: IOSystem
    ) throws(StorageError) {
        self.root = root
        self.options = options
        self.control = control
        self.files = files
        self.system = system
        managers = try StorageManagerRegistry(system: system)
        var configuration = MagneticDiskConfiguration()
        configuration.segmentBlocks = control.segmentBlocks
        configuration.isReadOnly = true
        try managers.register(
            try MagneticDisk(files: files, system: system, configuration: configuration),
            id: Self.magnetic)
        buffers = try BufferManager(
            configuration: options.bufferConfiguration(checksums: control.hasPageChecksums),
            system: system)
        verificationTarget = try system.register(target: VerificationTarget())
    }

    /// Opens a session, for one thread at a time.
    ///
    /// - Throws: `resourcesExhausted` when ``EngineOptions/maximumSessions`` are open, `closed`.
    public func makeSession() throws(StorageError) -> Session { try system.makeSession() }

    /// A relation by its place.
    ///
    /// - Throws: `notFound` where it has no file.
    public func relation(_ locator: RelationLocator) throws(StorageError) -> OpenRelation {
        let relation = try managers.open(locator, managedBy: Self.magnetic)
        guard try relation.storage.exists(.main) else {
            throw StorageError(
                .notFound, "there is no relation \(locator) in \"\(path)\"",
                remedy: "Ask the server by pg_relation_filepath() where a relation is.",
                at: relation.location(.main))
        }
        return relation
    }

    /// All pages of a relation's fork, read ahead of their use and verified.
    ///
    /// - Throws: what finding out the fork's length throws.
    public func scan(_ relation: OpenRelation, fork: Fork = .main, session: Session)
        throws(StorageError) -> ReadStream<BlockRange>
    {
        let strategy = AccessStrategy(
            .bulkRead, for: buffers,
            readAhead: options.combineLimit * min(32, system.handlesPerSession))
        var streamOptions = ReadStreamOptions([.sequential, .full, .batching], strategy: strategy)
        streamOptions.fork = fork
        return ReadStream(
            buffers, over: relation, session: session, options: streamOptions,
            source: BlockRange(0..<(try relation.storage.blockCount(fork))))
    }

    /// Lets go of the directory. All sessions are closed before.
    ///
    /// - Throws: `misuse` while sessions are open; then it stays as it is.
    public func close() throws(StorageError) {
        let session: Session
        do throws(StorageError) { session = try makeSession() } catch {
            if error.code == .closed { return }
            throw error
        }
        session.close()
        guard system.shutdown() else {
            throw StorageError(
                .misuse, "data directory \"\(path)\" cannot be closed: sessions are open",
                remedy: "Close all sessions first.")
        }
        managers.shutdown(session: session)
    }
}
