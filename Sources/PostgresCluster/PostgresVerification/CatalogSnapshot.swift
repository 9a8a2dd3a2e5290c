internal import AsyncIO
internal import FileAccess
internal import PostgresCatalogs
internal import PostgresReading

/// What the catalogs on disk said at one time. Damaged or missing catalogs are answered with
/// doubts and findings, never with an error.
struct CatalogSnapshot {
    /// The relations with files, by their first file's path.
    private(set) var relations: [String: KnownRelation] = [:]
    private(set) var databases: [KnownDatabase] = []
    /// The folders of the databases whose catalogs were read.
    private(set) var readFolders: Set<String> = []
    /// The databases whose catalogs could not be read, and why.
    private(set) var failures: [Failure] = []
    /// The databases of whose catalogs some pages are damaged, and how many.
    private(set) var damaged: [(database: KnownDatabase, pages: Int)] = []
    /// The tablespaces' names by their numbers, except those that every cluster has.
    private(set) var tablespaces: [UInt32: String] = [:]
    /// Why no catalog could be read; nil if some could.
    private(set) var failure: StorageError?

    /// A database whose catalogs could not be read.
    struct Failure {
        let database: KnownDatabase
        let error: StorageError
    }

    /// A database, and its folder.
    struct KnownDatabase {
        let name: String
        let folder: String
        let isBeingChanged: Bool
        let allowsConnections: Bool
        let isThere: Bool
    }

    /// Whether the catalogs would name a relation in a folder: they were read, unless they are of
    /// that folder's database.
    func covers(_ folder: String) -> Bool {
        !readFolders.isEmpty && !failures.contains { $0.database.folder == folder }
    }

    private static let attempts = 3
    private static let attemptPause: Duration = .milliseconds(100)

    /// Reads the catalogs of all databases.
    ///
    /// - Parameters:
    ///   - isDeep: whether columns are needed.
    ///   - mayChange: whether a server may be changing the catalogs, so that a failure may pass.
    /// - Throws: `resourcesExhausted`, `closed`.
    init(
        _ directory: DataDirectory, session: Session, isDeep: Bool, mayChange: Bool
    ) throws(StorageError) {
        let log = TransactionLog(directory)
        let attempts = mayChange ? Self.attempts : 1
        let catalog = try Self.repeating(attempts) { () throws(StorageError) in
            // Layouts of catalogs differ between versions.
            if directory.version == nil { _ = try directory.knownVersion() }
            return try ClusterCatalog(directory, log, session: session)
        }
        switch catalog {
        case .failure(let error): failure = error
        case .success(let catalog):
            tablespaces = catalog.tablespaces.filter {
                $0.key != RelationPlace.defaultTablespace
                    && $0.key != RelationPlace.globalTablespace
            }
            for database in catalog.databases {
                let folder = directory.folder(
                    RelationPlace(
                        tablespace: database.tablespace, database: database.number, number: 0))
                let isThere = (try? directory.files.kind(of: folder)) == .directory
                let known = KnownDatabase(
                    name: database.name, folder: folder,
                    isBeingChanged: database.isBeingChanged,
                    allowsConnections: database.allowsConnections, isThere: isThere)
                databases.append(known)
                guard isThere else { continue }
                let inventory = try Self.repeating(attempts) { () throws(StorageError) in
                    try RelationInventory(
                        directory, log, database, session: session, withColumns: isDeep)
                }
                switch inventory {
                case .success(let inventory):
                    readFolders.insert(folder)
                    if inventory.damagedPages > 0 {
                        damaged.append((known, inventory.damagedPages))
                    }
                    take(inventory, directory, isDeep)
                case .failure(let error):
                    failures.append(Failure(database: known, error: error))
                }
            }
        }
    }

    private mutating func take(
        _ inventory: RelationInventory, _ directory: DataDirectory, _ isDeep: Bool
    ) {
        for relation in inventory.relations.values {
            // Temporary relations' files have other names, and may be left over.
            guard relation.persistence != UInt8(ascii: "t"), let place = relation.place else {
                continue
            }
            let known = KnownRelation(
                relation, place, in: inventory, of: directory, isDeep: isDeep)
            // The shared ones are in every database's catalogs.
            relations[known.path] = known
        }
    }

    private static func repeating<Value>(
        _ attempts: Int, _ body: () throws(StorageError) -> Value
    ) throws(StorageError) -> Result<Value, StorageError> {
        var attempt = 1
        while true {
            do throws(StorageError) {
                return .success(try body())
            } catch {
                if error.code == .resourcesExhausted || error.code == .closed { throw error }
                if attempt >= attempts { return .failure(error) }
            }
            attempt += 1
            pause(attemptPause)
        }
    }
}

extension CatalogSnapshot.Failure {
    /// The file that is missing or damaged, so that the catalogs cannot be read; nil if it is
    /// not that, or the check of pages will find it.
    func finding(in directory: DataDirectory) -> ClusterFinding? {
        ClusterFinding(of: error, in: directory, owner: "database \(database.name)")
    }

    /// What follows from the failure.
    var doubt: ClusterDoubt {
        ClusterDoubt(
            nil, "the catalogs of database \(database.name) cannot be read: \(error.message)")
    }
}

extension ClusterFinding {
    /// What an error of reading catalogs says of a file that is missing or empty, or of a damaged
    /// map of file numbers; nil for other errors.
    init?(of error: StorageError, in directory: DataDirectory, owner: String?) {
        guard error.code == .clusterDamaged, let path = error.location.path, path.contains("/")
        else { return nil }
        let status: FileStatus?
        do throws(StorageError) {
            status = try directory.files.status(of: path)
        } catch {
            // The listing says so.
            return nil
        }
        if status == nil {
            self.init(.missing, path, owner: owner, "it is missing, and catalogs are read by it")
        } else if let status, status.kind == .file, status.size == 0 {
            self.init(.wrongLength, path, owner: owner, ServerFiles.reason(error, path))
        } else if path.hasSuffix("/pg_filenode.map") {
            self.init(.damagedFile, path, owner: owner, ServerFiles.reason(error, path))
        } else {
            return nil
        }
    }
}
