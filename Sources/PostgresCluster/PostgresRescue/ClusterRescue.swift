public import AsyncIO
internal import PostgresCatalogs
public import PostgresCluster
public import PostgresReading
internal import PostgresTypes
internal import PostgresVerification
internal import StorageManager

/// Rescues rows from a damaged data directory of PostgreSQL 13 to 18. Nothing is written.
///
/// ```swift
/// let directory = try DataDirectory.open("/var/lib/postgresql/15/main")
/// let rescue = try ClusterRescue(directory)
/// let target = try rescue.database(named: "shop").table(TableName("public.orders"))
/// let report = try rescue.salvage(target) { row in
///     print(row.confidence, row.fields)
///     return true
/// }
/// ```
///
/// Catalogs are read as far as they are there: tuple by tuple where their pages are damaged.
/// Without them, ``file(_:schema:toast:)`` takes a relation's file and its columns. One object
/// serves any thread; calls block.
public final class ClusterRescue: Sendable {
    /// The data directory.
    public let directory: DataDirectory
    /// What users should know about everything rescued from it, one sentence each.
    public let warnings: [String]

    let log: TransactionLog
    /// The databases and tablespaces; nil if no catalog tells.
    let catalog: ClusterCatalog?
    /// Why there is no catalog.
    private let catalogFailure: StorageError?

    /// Reads the list of databases, as far as it is there.
    ///
    /// - Throws: `resourcesExhausted`, `closed`. Damage is no error.
    public init(_ directory: DataDirectory) throws(StorageError) {
        self.directory = directory
        log = TransactionLog(directory)
        var warnings: [String] = []
        if let failure = directory.controlFailure {
            warnings.append(
                "\(failure.message); the usual sizes of blocks and segments are assumed")
        } else if directory.control.state == .notShutDown {
            warnings.append(
                "the server is running, has crashed or was stopped as a standby: rows are shown as"
                    + " of what is on disk, without what is in its memory or only in its log")
        }
        let session = try directory.makeSession()
        defer { session.close() }
        let damage = DamageCount(salvages: true)
        var failure: StorageError?
        var catalog: ClusterCatalog?
        do throws(StorageError) {
            catalog = try ClusterCatalog(directory, log, session: session, damage: damage)
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            failure = error
            warnings.append("the list of databases cannot be read: \(error.message)")
        }
        if damage.pages > 0 {
            warnings.append("\(damage.pages) pages of the shared catalogs are damaged")
        }
        self.catalog = catalog
        catalogFailure = failure
        self.warnings = warnings
    }

    /// The sorted names of the databases, as far as they are known.
    public var databaseNames: [String] { catalog?.databases.map(\.name) ?? [] }

    /// The catalogs of a database, as far as they are there. Time grows with the objects in it.
    ///
    /// - Parameter name: its name, or the number of its folder below `base` if the list of
    ///   databases is lost.
    /// - Throws: `noSuchObject`; what reading the catalogs throws.
    public func database(named name: String) throws(StorageError) -> RescueDatabase {
        if let known = catalog?.databases.first(where: { $0.name == name }) {
            return try database(known.number)
        }
        if let number = UInt32(name), exists(database: number) { return try database(number) }
        if let catalogFailure {
            throw StorageError(
                .noSuchObject,
                "database \"\(name)\" cannot be found: \(catalogFailure.message)",
                remedy: "Give the number of its folder below base instead of its name, or a"
                    + " relation's file and its columns.")
        }
        throw StorageError(
            .noSuchObject, "there is no database \"\(name)\" in \"\(directory.path)\"",
            remedy: "There are: \(databaseNames.joined(separator: ", ")).")
    }

    /// The catalogs of a database by its number, as far as they are there.
    func database(_ number: UInt32) throws(StorageError) -> RescueDatabase {
        let known = catalog?.databases.first { $0.number == number }
        let entry = known ?? Database(unnamed: number)
        let session = try directory.makeSession()
        defer { session.close() }
        let damage = DamageCount(salvages: true)
        let catalog = try DatabaseCatalog(
            directory, log, entry, session: session, damage: damage, withPast: true)
        return RescueDatabase(self, catalog, damagedPages: damage.pages)
    }

    private func exists(database: UInt32) -> Bool {
        !((try? directory.list("base/\(database)")) ?? []).isEmpty
    }

    /// Salvages the rows of a target, in physical order, on the calling thread.
    ///
    /// - Parameters:
    ///   - target: what to salvage.
    ///   - options: which rows of it.
    ///   - observer: hears of all that is lost or damaged.
    ///   - row: is given each row; false ends the salvage.
    /// - Throws: what `row` throws; `resourcesExhausted`, `closed`. Damage is no error.
    public func salvage(
        _ target: RescueTarget, options: SalvageOptions = SalvageOptions(),
        observer: SalvageObserver = SalvageObserver(),
        _ row: @escaping (RescuedRow) throws(StorageError) -> Bool
    ) throws(StorageError) -> SalvageReport {
        let session = try directory.makeSession()
        defer { session.close() }
        let reporter = SalvageReporter(observer)
        for source in target.sources {
            let salvage = RelationSalvage(
                directory, source, options, reporter, session: session, row)
            guard try salvage.run() else { break }
        }
        return reporter.numbers
    }
}

/// What is left of a database's catalogs. Any thread may use it.
public final class RescueDatabase: Sendable {
    /// The data directory.
    public let rescue: ClusterRescue
    /// How many pages of the catalogs are damaged.
    public let damagedPages: Int
    /// The database's name; its number in words if the name is lost.
    public var name: String { catalog.database.name }

    let catalog: DatabaseCatalog

    init(_ rescue: ClusterRescue, _ catalog: DatabaseCatalog, damagedPages: Int) {
        self.rescue = rescue
        self.catalog = catalog
        self.damagedPages = damagedPages
    }

    /// A table by its name, with its partitions and inheriting tables.
    ///
    /// - Throws: `noSuchObject` if the catalogs do not tell of it; `clusterDamaged` if they do not
    ///   tell of all its columns; `unsupported` if it has no rows on disk.
    public func table(
        _ name: TableName, options: SalvageOptions = SalvageOptions()
    ) throws(StorageError) -> RescueTarget {
        var targets = CatalogTargets(self)
        return try targets.table(name, options)
    }
}
