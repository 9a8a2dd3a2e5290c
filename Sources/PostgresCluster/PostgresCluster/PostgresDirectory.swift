public import AsyncIO
internal import FileAccess
internal import PostgresCatalogs
public import PostgresReading
public import SystemPackage

/// The data directory of a PostgreSQL server, 13 to 18, read without the server: its databases,
/// their tables, and the rows that a new transaction would see.
///
/// ```swift
/// let cluster = try PostgresDirectory.open("/var/lib/postgresql/15/main")
/// let database = try cluster.database(named: "shop")
/// let table = try database.table(TableName("public.orders"))
/// let scan = try database.scan(table)
/// try scan.write(.csv(null: "", header: true)) { bytes in … }
/// ```
///
/// Nothing is ever written. If the server is running or has crashed, only what is on disk is read:
/// what the server has in memory or only in its log is missing. ``warnings`` say so. One object
/// serves all threads; calls block.
public final class PostgresDirectory: Sendable {
    /// The directory, as it was given.
    public var root: FilePath { storage.root }
    /// The directory as text for display; bytes that are not UTF-8 are replaced.
    public var path: String { storage.path }
    /// The server's major version.
    public let version: Int
    /// The number that identifies the cluster.
    public var systemIdentifier: UInt64 { storage.control.systemIdentifier }
    /// Whether the server was shut down in order, so that its files are complete.
    public var isShutDown: Bool { storage.control.state == .shutDown }

    let storage: DataDirectory
    let log: TransactionLog
    let catalog: ClusterCatalog
    private let hasPreparedTransactions: Bool

    /// Opens a data directory and reads the list of its databases.
    ///
    /// - Parameters:
    ///   - path: the directory with `global` and `base` in it.
    ///   - options: the settings for IO and the pool.
    /// - Throws: `notADataDirectory`, `clusterDamaged`, `invalidConfiguration`,
    ///   `methodUnavailable`, or what reading files throws.
    public static func open(
        _ path: FilePath, options: PostgresOptions = PostgresOptions()
    ) throws(StorageError) -> PostgresDirectory {
        let storage = try DataDirectory.open(path, options: options)
        do throws(StorageError) {
            return try PostgresDirectory(storage)
        } catch {
            try? storage.close()
            throw error
        }
    }

    /// Opens a data directory.
    ///
    /// - Parameters:
    ///   - path: the directory with `global` and `base` in it.
    ///   - options: the settings for IO and the pool.
    /// - Throws: what ``open(_:options:)-(FilePath,_)`` throws; `invalidPath` if the text is not a
    ///   path.
    public static func open(
        _ path: String, options: PostgresOptions = PostgresOptions()
    ) throws(StorageError) -> PostgresDirectory {
        try open(try FilePath(checking: path), options: options)
    }

    private init(_ storage: DataDirectory) throws(StorageError) {
        self.storage = storage
        version = try storage.knownVersion()
        log = TransactionLog(storage)
        let session = try storage.makeSession()
        defer { session.close() }
        catalog = try ClusterCatalog(storage, log, session: session)
        // A server takes those of a crash from its log, too.
        hasPreparedTransactions = try !storage.list("pg_twophase").isEmpty
    }

    /// What users should know about everything read from the directory, one sentence each.
    public var warnings: [String] {
        var warnings = catalog.warnings
        if !isShutDown {
            warnings.insert(
                "the server is running, has crashed or was stopped as a standby: rows are shown"
                    + " as of what is on disk, without what is in its memory or only in its log",
                at: 0)
        }
        if hasPreparedTransactions {
            warnings.append(
                "transactions are prepared, neither committed nor rolled back: rows that they"
                    + " inserted are not shown, and rows that they deleted are")
        }
        return warnings
    }

    /// The sorted names of the databases that accept connections.
    public var databaseNames: [String] {
        catalog.databases.filter(\.allowsConnections).map(\.name)
    }

    /// Reads the catalogs of a database. Time grows with the number of objects in it.
    ///
    /// - Throws: `noSuchObject`; `unsupported` if the encoding cannot be read; `clusterDamaged`;
    ///   what reading pages throws.
    public func database(named name: String) throws(StorageError) -> PostgresDatabase {
        guard let entry = catalog.databases.first(where: { $0.name == name }) else {
            throw StorageError(
                .noSuchObject, "there is no database \"\(name)\" in \"\(path)\"",
                remedy: "There are: \(databaseNames.joined(separator: ", ")).")
        }
        let session = try storage.makeSession()
        defer { session.close() }
        return PostgresDatabase(
            self, try DatabaseCatalog(storage, log, entry, session: session))
    }

    /// Closes the directory.
    ///
    /// - Throws: `misuse` while scans are running.
    public func close() throws(StorageError) { try storage.close() }
}
