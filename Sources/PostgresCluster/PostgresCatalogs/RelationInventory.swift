package import AsyncIO
package import PostgresReading
internal import PostgresTypes

/// The relations of one database, without the types and values that reading their rows needs. Any
/// thread may use it.
package struct RelationInventory: Sendable {
    package let database: Database
    /// Relations by their numbers.
    package let relations: [UInt32: Relation]
    /// Schemas' names by their numbers.
    package let schemas: [UInt32: String]
    /// Columns by their relation, in order, including dropped ones; empty if not asked for.
    package let columns: [UInt32: [Column]]
    /// The tables of the indexes that are complete; the file of any other index may be empty.
    package let validIndexes: [UInt32: UInt32]

    /// How many pages of these catalogs are damaged. What stands on them is missing here.
    package let damagedPages: Int

    /// Reads `pg_class`, `pg_namespace`, `pg_index`, and `pg_attribute` if columns are asked for.
    ///
    /// - Throws: `clusterDamaged`, or what reading pages throws.
    package init(
        _ storage: DataDirectory, _ log: TransactionLog, _ database: Database, session: Session,
        withColumns: Bool
    ) throws(StorageError) {
        self.database = database
        let damage = DamageCount()
        // Names of relations are only shown, so any encoding serves.
        let known = try? TextEncoding(number: database.encoding)
        guard let encoding = known ?? (try? TextEncoding(number: Self.utf8)) else {
            throw StorageError(.unsupported, "database \"\(database.name)\" has no known encoding")
        }
        var reader = try CatalogReader(
            storage, log, database: database.number, tablespace: database.tablespace,
            session: session, damage: damage)
        relations = try CatalogLoading.relations(&reader, encoding)
        schemas = try CatalogLoading.schemas(reader).mapValues { encoding.string($0) }
        validIndexes = try CatalogLoading.validIndexes(reader)
        columns = withColumns ? try CatalogLoading.columns(reader, encoding) : [:]
        damagedPages = damage.pages
    }

    private static let utf8: Int32 = 6
}
