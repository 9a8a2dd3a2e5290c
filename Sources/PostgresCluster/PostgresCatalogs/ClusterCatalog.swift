package import AsyncIO
package import PostgresReading
internal import PostgresTypes

/// The catalogs that all databases share: databases and tablespaces. Any thread may use it.
package struct ClusterCatalog: Sendable {
    package let databases: [Database]
    /// Tablespaces' names by their numbers.
    package let tablespaces: [UInt32: String]
    /// What users should know about rows of these catalogs that cannot be decoded, one sentence
    /// each.
    package let warnings: [String]

    /// Reads them.
    ///
    /// - Parameter damage: counts the damaged pages; nil if damage is an error.
    package init(
        _ storage: DataDirectory, _ log: TransactionLog, session: Session,
        damage: DamageCount? = nil
    ) throws(StorageError) {
        // Any database's catalogs describe the shared ones.
        let reader = try Self.anyReader(storage, log, session, damage)
        var databases: [Database] = []
        let names = [
            "oid", "datname", "dattablespace", "encoding", "datallowconn", "datistemplate",
            "datconnlimit",
        ]
        try reader.forEachRow(of: .databases, names) { row, _ throws(StorageError) in
            databases.append(
                Database(
                    number: row.number(0), name: String(decoding: row.name(1), as: UTF8.self),
                    tablespace: row.number(2), encoding: Int32(row.integer(3) ?? 0),
                    allowsConnections: row.flag(4), isTemplate: row.flag(5),
                    isBeingChanged: row.hasDeleter || row.integer(6) == Self.invalidDatabase))
        }
        self.databases = databases.sorted { $0.name < $1.name }
        var tablespaces: [UInt32: String] = [:]
        try reader.forEachRow(of: .tablespaces, ["oid", "spcname"]) {
            row, _ throws(StorageError) in
            tablespaces[row.number(0)] = String(decoding: row.name(1), as: UTF8.self)
        }
        self.tablespaces = tablespaces
        warnings = reader.faults.warnings
    }

    /// The connection limit of a database whose drop did not end (`DATCONNLIMIT_INVALID_DB`).
    private static let invalidDatabase = -2

    private static func anyReader(
        _ storage: DataDirectory, _ log: TransactionLog, _ session: Session,
        _ damage: DamageCount?
    ) throws(StorageError) -> CatalogReader {
        var failure: StorageError?
        let numbers = try storage.list("base").compactMap { name in
            UInt32(name).flatMap { String($0) == name ? $0 : nil }
        }.sorted()
        for database in numbers {
            do throws(StorageError) {
                return try CatalogReader(
                    storage, log, database: database,
                    tablespace: RelationPlace.defaultTablespace, session: session,
                    damage: damage)
            } catch {
                failure = failure ?? error
            }
        }
        throw failure
            ?? StorageError(
                .clusterDamaged, "there is no database in \"\(storage.path)/base\"",
                remedy: "Restore the cluster from a backup.")
    }
}
