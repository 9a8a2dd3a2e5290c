public import AsyncIO
public import BufferManager
package import FileAccess
internal import MagneticDisk
internal import PageChecking
package import StorageManager
internal import Synchronization
public import SystemPackage
internal import Threads

/// The data directory of a PostgreSQL server, read in place: its relations' pages through the pool
/// and streams, and its small files as wholes. Module `PostgresVerification` checks all of them.
///
/// ```swift
/// let cluster = try DataDirectory.open("/var/lib/postgresql/15/main")
/// let session = try cluster.makeSession()
/// let relation = try cluster.relation(RelationLocator(database: 5, number: 16384))
/// var stream = try cluster.scan(relation, session: session)
/// while let page = try stream.next() { … }
/// ```
///
/// Nothing is ever written: files are opened only for reading, and a changed page cannot leave the
/// pool. The server should be shut down. If it runs, files are seen as it has written them so far.
/// Relations are identified by their file numbers, which `pg_relation_filepath` shows. All threads
/// share one object; calls block, and a session belongs to one thread at a time.
public final class DataDirectory: Sendable {
    /// The directory, as it was given.
    public let root: FilePath
    /// The directory as text for display; bytes that are not UTF-8 are replaced.
    public var path: String { root.string }
    /// The contents of the control file.
    public let control: ClusterControl
    /// Why ``control`` is assumed; nil if it was read.
    package let controlFailure: StorageError?
    /// The asynchronous IO core.
    public let system: IOSystem
    /// The pool.
    public let buffers: BufferManager
    /// The major version of the server, 13 to 18, as `PG_VERSION` names it, or else the control
    /// file or a database's folder; nil if none does.
    package let version: Int?
    /// Why ``version`` is not that of `PG_VERSION`; nil if it is.
    package let versionFailure: StorageError?

    package let files: FileAccess
    package let verificationTarget: IOTargetID
    private let options: PostgresOptions
    private let managers: StorageManagerRegistry
    private let folders: TablespaceFolders
    package static let magnetic = StorageManagerID(rawValue: 0)
    /// The versions that can be read.
    package static let versions = 13...18
    /// No small file of a cluster is larger: a segment of a transaction log has 256 KiB.
    private static let largestSmallFile: Int64 = 16 << 20

    /// Opens a data directory.
    ///
    /// - Parameters:
    ///   - path: the directory with `global` and `base` in it.
    ///   - options: the settings of IO and pool.
    /// - Throws: `notADataDirectory` if there is no `global/pg_control`, or one of an unknown
    ///   version or block size; `clusterDamaged`, `invalidConfiguration`, `methodUnavailable`, or
    ///   what opening files throws.
    public static func open(_ path: FilePath, options: PostgresOptions = PostgresOptions())
        throws(StorageError) -> DataDirectory
    {
        try DataDirectory(path, options)
    }

    /// Opens a data directory.
    ///
    /// - Parameters:
    ///   - path: the directory with `global` and `base` in it.
    ///   - options: the settings of IO and pool.
    /// - Throws: what ``open(_:options:)-(FilePath,_)`` throws; `invalidPath` if the text is not a
    ///   path.
    public static func open(_ path: String, options: PostgresOptions = PostgresOptions())
        throws(StorageError) -> DataDirectory
    {
        try DataDirectory(try FilePath(checking: path), options)
    }

    private init(_ root: FilePath, _ options: PostgresOptions) throws(StorageError) {
        try options.validate()
        self.root = root
        self.options = options
        let path = root.string
        folders = TablespaceFolders()
        var fileConfiguration = FileAccessConfiguration()
        fileConfiguration.fileSystem = TablespaceFileSystem(folders, over: options.fileSystem)
        fileConfiguration.usesDirectIO = options.usesDirectIO
        fileConfiguration.opensReadOnly = true
        fileConfiguration.logger = options.logger
        files = try FileAccess(directory: root, configuration: fileConfiguration)
        let named = Self.version(files, Self.versionPath)
        let usual = named ?? Self.versionOfDatabases(files)
        (control, controlFailure) = try Self.control(files, path, options, usual)
        (version, versionFailure) = Self.version(named: named, usual: usual, control)
        system = try IOSystem(configuration: Self.ioConfiguration(options))
        do throws(StorageError) {
            managers = try StorageManagerRegistry(system: system)
            var disk = MagneticDiskConfiguration()
            disk.segmentBlocks = control.segmentBlocks
            disk.isReadOnly = true
            try managers.register(
                try MagneticDisk(files: files, system: system, configuration: disk),
                id: Self.magnetic)
            var pool = BufferConfiguration()
            pool.bufferCount = options.poolBytes / blockSize
            pool.combineLimit = PostgresOptions.combineLimit
            pool.verifiesChecksums = control.hasPageChecksums && options.verifiesChecksums
            pool.logger = options.logger
            buffers = try BufferManager(configuration: pool, system: system)
            verificationTarget = try system.register(target: VerificationTarget())
        } catch {
            system.shutdown()
            throw error
        }
    }

    /// The control file's contents, or assumptions and why it could not be read.
    private static func control(
        _ files: FileAccess, _ path: String, _ options: PostgresOptions, _ version: Int?
    ) throws(StorageError) -> (ClusterControl, StorageError?) {
        let failure: StorageError
        do throws(StorageError) {
            if let control = try readControl(files) { return (control, nil) }
            failure = StorageError(
                .notADataDirectory, "directory \"\(path)\" is not a data directory of PostgreSQL",
                remedy: "Give the one that holds \(ClusterControl.path).",
                at: StorageError.Location(path: path))
        } catch {
            failure = error
        }
        guard options.toleratesDamagedControl,
            ["base", "global"].contains(where: { (try? files.kind(of: $0)) == .directory })
        else { throw failure }
        let control = ClusterControl(
            assumingChecksums: seemsToHaveChecksums(files), serverVersion: version)
        return (control, failure)
    }

    /// Whether most relations that every cluster has begin with a page that carries a checksum,
    /// which is never zero.
    private static func seemsToHaveChecksums(_ files: FileAccess) -> Bool {
        var (with, without) = (0, 0)
        for folder in ["global", "base/1"] {
            let names = ((try? files.list(folder)) ?? []).filter { UInt32($0) != nil }.sorted()
            for name in names.prefix(mostSampledFiles) {
                guard let page = (try? read("\(folder)/\(name)", of: files)) ?? nil,
                    page.count >= blockSize, page[0..<blockSize].contains(where: { $0 != 0 })
                else { continue }
                if page[8] != 0 || page[9] != 0 { with += 1 } else { without += 1 }
            }
        }
        return with > without
    }

    private static let mostSampledFiles = 32

    private static func ioConfiguration(_ options: PostgresOptions) -> IOConfiguration {
        var configuration = IOConfiguration()
        configuration.method = options.ioMethod
        configuration.maximumSessions = options.maximumSessions
        configuration.executor = options.ioExecutor
        configuration.concurrency = .fixed(PostgresOptions.concurrency)
        configuration.maximumVectors = max(
            configuration.maximumVectors, PostgresOptions.combineLimit)
        configuration.logger = options.logger
        return configuration
    }

    /// The file that names the server's major version.
    package static let versionPath = "PG_VERSION"

    /// The version that a `PG_VERSION` names; nil if it cannot be read, or names another one.
    private static func version(_ files: FileAccess, _ path: String) -> Int? {
        let text = String(decoding: ((try? read(path, of: files)) ?? nil) ?? [], as: UTF8.self)
        return Int(text.prefix { $0.isNumber }).flatMap { versions.contains($0) ? $0 : nil }
    }

    /// The version that a `PG_VERSION` of this directory names, such as a database's; nil if it
    /// cannot be read, or names none that can be.
    package func version(in path: String) -> Int? { Self.version(files, path) }

    private static func versionOfDatabases(_ files: FileAccess) -> Int? {
        let folders = ((try? files.list("base")) ?? []).sorted()
        return folders.lazy.compactMap { version(files, "base/\($0)/\(versionPath)") }.first
    }

    /// The server's version, and why it is not the one that `PG_VERSION` names.
    private static func version(
        named: Int?, usual: Int?, _ control: ClusterControl
    ) -> (Int?, StorageError?) {
        func failure(_ reason: String, _ remedy: String) -> StorageError {
            StorageError(
                .notADataDirectory, "file \"\(versionPath)\" \(reason)", remedy: remedy,
                at: StorageError.Location(path: versionPath))
        }
        let possible = control.isAssumed ? versions : control.serverVersions
        guard let named else {
            let version = usual.flatMap { possible.contains($0) ? $0 : nil }
            let failure = failure(
                "does not name a version of PostgreSQL that can be read",
                "Give a data directory of PostgreSQL 13 to 18.")
            return (version ?? (possible.count == 1 ? possible.lowerBound : nil), failure)
        }
        if possible.contains(named) { return (named, nil) }
        return (
            possible.count == 1 ? possible.lowerBound : nil,
            failure(
                "names version \(named), but the control file is of another one",
                "Restore it from a backup of the cluster.")
        )
    }

    /// The major version of the server, 13 to 18.
    ///
    /// - Throws: `notADataDirectory` if `PG_VERSION` names none of these, or another one than the
    ///   control file.
    package func knownVersion() throws(StorageError) -> Int {
        if let versionFailure { throw versionFailure }
        guard let version else { preconditionFailure("a version that is named is known") }
        return version
    }

    /// Opens a session, for one thread at a time.
    ///
    /// - Throws: `resourcesExhausted` if ``PostgresOptions/maximumSessions`` are open; `closed`.
    public func makeSession() throws(StorageError) -> Session { try system.makeSession() }

    /// Closes the directory. All sessions must be closed before.
    ///
    /// - Throws: `misuse` while sessions are open; the directory then stays open.
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

extension DataDirectory {
    /// A small file's bytes; nil if there is no such file.
    package func read(_ path: String) throws(StorageError) -> [UInt8]? {
        try Self.read(path, of: files)
    }

    /// The control file as it is now; nil if there is none.
    ///
    /// - Throws: as ``ClusterControl`` does of its bytes; what reading throws.
    package func currentControl() throws(StorageError) -> ClusterControl? {
        try Self.readControl(files)
    }

    /// Opens the same directory with a pool of its own, which holds nothing that was read earlier.
    package func reopened() throws(StorageError) -> DataDirectory {
        var options = options
        options.ioMethod = .synchronous
        options.poolBytes = PostgresOptions.minimumPoolBytes
        return try DataDirectory.open(root, options: options)
    }

    /// A running server overwrites the control file in place, so one read may see parts of two
    /// states. Mirrors the retries of `get_controlfile`.
    private static func readControl(
        _ files: FileAccess
    ) throws(StorageError) -> ClusterControl? {
        var attempt = 1
        while true {
            guard let bytes = try read(ClusterControl.path, of: files) else { return nil }
            do throws(StorageError) {
                return try ClusterControl(bytes)
            } catch {
                if attempt == controlReads { throw error }
            }
            attempt += 1
            park(Atomic<UInt32>(0), expected: 0, atMost: controlPause)
        }
    }

    private static let controlReads = 6
    private static let controlPause: Duration = .milliseconds(10)

    private static func read(
        _ path: String, of files: FileAccess
    ) throws(StorageError) -> [UInt8]? {
        guard try files.kind(of: path) == .file else { return nil }
        let file = try files.open(path, [.readOnly, .buffered])
        let size = try file.size()
        guard size <= largestSmallFile else {
            throw StorageError(
                .clusterDamaged, "file \"\(path)\" has \(size) bytes, more than is possible",
                at: StorageError.Location(path: path))
        }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let count = try file.readFully(into: &raw, at: 0)
        if count < bytes.count { bytes.removeLast(bytes.count - count) }
        return bytes
    }

    /// A file's first bytes, at most `limit`; nil if they cannot be read.
    package func beginning(of path: String, atMost limit: Int) -> [UInt8]? {
        guard let file = try? files.open(path, [.readOnly, .buffered]) else { return nil }
        var bytes = [UInt8](repeating: 0, count: limit)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        guard let count = try? file.readFully(into: &raw, at: 0) else { return nil }
        bytes.removeLast(limit - count)
        return bytes
    }

    /// The names in a folder; empty if there is no such folder.
    package func list(_ path: String) throws(StorageError) -> [String] {
        guard try files.kind(of: path) == .directory else { return [] }
        return try files.list(path)
    }

    /// Whether a file with that path exists.
    package func exists(_ path: String) throws(StorageError) -> Bool {
        try files.kind(of: path) == .file
    }
}

extension DataDirectory {
    /// A relation by its place; nil if it has no file.
    func opened(_ locator: RelationLocator) throws(StorageError) -> OpenRelation? {
        let relation = try managers.open(locator, managedBy: Self.magnetic)
        return try relation.storage.exists(.main) ? relation : nil
    }

    /// The number under which the storage manager knows a folder of a tablespace.
    func number(of folder: String) -> UInt32 { folders.number(of: folder) }
}
