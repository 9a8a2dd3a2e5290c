package import AsyncIO
package import BufferManager
internal import FileAccess
internal import MagneticDisk
package import StorageManager
package import SystemPackage

/// The files of a data directory. Small ones are read completely, relations through the pool.
/// Nothing is ever written. Any thread may use it; each session belongs to one thread at a time.
package final class ClusterStorage: Sendable {
    /// The directory, as it was given.
    package let root: FilePath
    /// The directory as text for display; bytes that are not UTF-8 are replaced.
    package var path: String { root.string }
    /// The major version of the server, 13 to 18.
    package let version: Int
    /// The contents of the control file.
    package let control: ControlFile
    /// The asynchronous IO core.
    package let system: IOSystem
    /// The pool.
    package let buffers: BufferManager

    private let files: FileAccess
    private let managers: StorageManagerRegistry
    private let folders: TablespaceFolders
    private static let magnetic = StorageManagerID(rawValue: 0)
    /// The versions that can be read.
    package static let versions = 13...18
    /// No small file of a cluster is larger: a segment of a transaction log has 256 KiB.
    private static let largestSmallFile: Int64 = 16 << 20

    /// Opens a data directory.
    package init(_ root: FilePath, _ options: PostgresOptions) throws(StorageError) {
        try options.validate()
        self.root = root
        let path = root.string
        folders = TablespaceFolders()
        var fileConfiguration = FileAccessConfiguration()
        fileConfiguration.fileSystem = TablespaceFileSystem(folders)
        fileConfiguration.opensReadOnly = true
        fileConfiguration.logger = options.logger
        files = try FileAccess(directory: root, configuration: fileConfiguration)
        guard let bytes = try Self.read(ControlFile.path, of: files) else {
            throw StorageError(
                .notADataDirectory, "directory \"\(path)\" is not a data directory of PostgreSQL",
                remedy: "Give the one that holds \(ControlFile.path).",
                at: StorageError.Location(path: path))
        }
        control = try ControlFile(bytes)
        version = try Self.version(files)
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
        } catch {
            system.shutdown()
            throw error
        }
    }

    private static func ioConfiguration(_ options: PostgresOptions) -> IOConfiguration {
        var configuration = IOConfiguration()
        configuration.method = options.ioMethod
        configuration.maximumSessions = options.maximumSessions
        configuration.concurrency = .fixed(PostgresOptions.concurrency)
        configuration.maximumVectors = max(
            configuration.maximumVectors, PostgresOptions.combineLimit)
        configuration.logger = options.logger
        return configuration
    }

    private static func version(_ files: FileAccess) throws(StorageError) -> Int {
        let path = "PG_VERSION"
        let text = String(decoding: try read(path, of: files) ?? [], as: UTF8.self)
        let digits = text.prefix { $0.isNumber }
        guard let number = Int(digits), versions.contains(number) else {
            throw StorageError(
                .notADataDirectory,
                "file \"\(path)\" does not name a version of PostgreSQL that can be read",
                remedy: "Give a data directory of PostgreSQL 13 to 18.",
                at: StorageError.Location(path: path))
        }
        return number
    }

    /// Opens a session, for one thread at a time.
    package func makeSession() throws(StorageError) -> Session { try system.makeSession() }

    /// Closes the directory. All sessions must be closed before.
    ///
    /// - Throws: `misuse` if sessions are open.
    package func close() throws(StorageError) {
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

extension ClusterStorage {
    /// A small file's bytes; nil if there is no such file.
    package func read(_ path: String) throws(StorageError) -> [UInt8]? {
        try Self.read(path, of: files)
    }

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

/// Where a relation's files are.
package struct RelationPlace: Hashable, Sendable {
    /// The tablespace's number; 1663 is the default one, 1664 the shared one.
    package let tablespace: UInt32
    /// The database's number; zero in the shared tablespace.
    package let database: UInt32
    /// The relation's file number.
    package let number: UInt32

    package static let defaultTablespace: UInt32 = 1663
    package static let globalTablespace: UInt32 = 1664

    package init(tablespace: UInt32, database: UInt32, number: UInt32) {
        self.tablespace = tablespace
        self.database = database
        self.number = number
    }
}

extension ClusterStorage {
    /// The folder of a database in a tablespace, relative to the data directory.
    package func folder(_ place: RelationPlace) -> String {
        switch place.tablespace {
        case RelationPlace.globalTablespace: "global"
        case RelationPlace.defaultTablespace: "base/\(place.database)"
        default:
            "pg_tblspc/\(place.tablespace)/PG_\(version)_\(control.catalogVersion)"
                + "/\(place.database)"
        }
    }

    /// The first file of a relation, relative to the data directory.
    package func path(_ place: RelationPlace) -> String { "\(folder(place))/\(place.number)" }

    /// Opens a relation.
    ///
    /// - Throws: `clusterDamaged` if it has no file.
    package func open(_ place: RelationPlace) throws(StorageError) -> OpenRelation {
        let directory: UInt32
        switch place.tablespace {
        case RelationPlace.globalTablespace: directory = 0
        case RelationPlace.defaultTablespace: directory = place.database
        default: directory = folders.number(of: folder(place))
        }
        let relation = try managers.open(
            RelationLocator(database: directory, number: place.number), managedBy: Self.magnetic)
        guard try relation.storage.exists(.main) else {
            throw StorageError(
                .clusterDamaged, "file \"\(path(place))\" is missing",
                remedy: "Restore it from a backup of the cluster.",
                at: StorageError.Location(path: path(place)))
        }
        return relation
    }

    /// Replaces the path in an error of the layers below by the true one. They know a relation in a
    /// tablespace by another path.
    package func explained(_ error: StorageError, _ place: RelationPlace) -> StorageError {
        guard place.tablespace != RelationPlace.globalTablespace,
            place.tablespace != RelationPlace.defaultTablespace
        else { return error }
        let folder = folder(place)
        let alias = "base/\(folders.number(of: folder))"
        func named(_ text: String) -> String { text.replacing(alias, with: folder) }
        var location = error.location
        location.relation = location.relation.map(named)
        location.path = location.path.map(named)
        return StorageError(
            error.code, named(error.message), remedy: error.remedy, at: location,
            errorNumber: error.errorNumber,
            underlying: error.underlying.map { explained($0, place) })
    }
}
