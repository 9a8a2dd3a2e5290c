public import AsyncIO
package import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes

/// SQL names, quoted if necessary.
enum Identifier {
    static func quoted(_ name: String) -> String { Identifiers.quoted(name) }
}

/// A database of a ``PostgresDirectory``. Opening it has read its catalogs. Any thread may use it.
public final class PostgresDatabase: Sendable {
    /// The cluster.
    public let directory: PostgresDirectory
    /// The database's name.
    public var name: String { catalog.database.name }
    /// The encoding of its text, as PostgreSQL spells it.
    public var encoding: String { catalog.encoding.name }

    /// What users should know about the database's catalogs, one sentence each: rows of them that
    /// cannot be decoded, so that what they describe is missing or wrong.
    public var warnings: [String] { catalog.warnings }

    package let catalog: DatabaseCatalog
    var encodingOfText: TextEncoding { catalog.encoding }

    init(_ directory: PostgresDirectory, _ catalog: DatabaseCatalog) {
        self.directory = directory
        self.catalog = catalog
    }

    /// The relations of the database that a committed transaction made: tables, partitioned tables,
    /// materialized views, sequences, views and foreign tables, sorted by schema and name.
    ///
    /// - Parameter includingSystem: whether to include the server's own relations.
    /// - Throws: what reading the files' lengths throws.
    public func tables(includingSystem: Bool = false) throws(StorageError) -> [PostgresTable] {
        var tables: [PostgresTable] = []
        for relation in catalog.relations.values {
            guard let kind = PostgresTable.Kind(relation.kind),
                relation.persistence != Self.temporary
            else { continue }
            let schema = catalog.schemas[relation.schema] ?? ""
            if !includingSystem && Self.isSystem(schema) { continue }
            tables.append(try table(relation, kind))
        }
        return tables.sorted { ($0.schema, $0.name) < ($1.schema, $1.name) }
    }

    private static let temporary = UInt8(ascii: "t")
    private static let systemSchemas = ["pg_catalog", "information_schema", "pg_toast"]

    private static func isSystem(_ schema: String) -> Bool {
        systemSchemas.contains(schema) || schema.hasPrefix("pg_temp")
            || schema.hasPrefix("pg_toast_temp")
    }

    /// A table by its name.
    ///
    /// - Throws: `noSuchObject`; what reading its file's length throws.
    public func table(_ name: TableName) throws(StorageError) -> PostgresTable {
        let schemas = name.schema.map { [$0] } ?? ["public", "pg_catalog"]
        for schema in schemas {
            // Indexes and row types have names like tables.
            let found = catalog.relations.values.first {
                $0.name == name.name && catalog.schemas[$0.schema] == schema
            }
            if let found, let kind = PostgresTable.Kind(found.kind) {
                return try table(found, kind)
            }
        }
        throw StorageError(
            .noSuchObject, "there is no table \(name) in database \"\(self.name)\"",
            remedy: "List them with `strata postgres tables`; put names with capital letters or"
                + " other signs in double quotes.")
    }

    /// A table by its number in `pg_class`; nil if there is none.
    package func table(numbered number: UInt32) throws(StorageError) -> PostgresTable? {
        guard let relation = catalog.relations[number],
            let kind = PostgresTable.Kind(relation.kind)
        else { return nil }
        return try table(relation, kind)
    }

    /// The numbers of the relations that a table consists of: itself, all partitions and what they
    /// are divided into, and the tables that inherit from it.
    package func descendants(of number: UInt32) -> Set<UInt32> {
        var found: Set<UInt32> = [number]
        var open = [number]
        while let next = open.popLast() {
            for child in catalog.children[next] ?? [] where found.insert(child).inserted {
                open.append(child)
            }
        }
        return found
    }

    private func table(
        _ relation: Relation, _ kind: PostgresTable.Kind
    ) throws(StorageError) -> PostgresTable {
        let storage = directory.storage
        var pages = 0
        if let place = relation.place, try storage.exists(storage.path(place)) {
            pages = Int(try storage.blockCount(place))
        }
        var tablespace: String?
        if let place = relation.place {
            tablespace = directory.catalog.tablespaces[place.tablespace] ?? "\(place.tablespace)"
        }
        let columns = (catalog.columns[relation.number] ?? []).filter { !$0.isDropped }
        return PostgresTable(
            schema: catalog.schemas[relation.schema] ?? "", name: relation.name, kind: kind,
            number: relation.number, file: relation.place.map { storage.path($0) },
            tablespace: tablespace, pages: pages,
            estimatedRows: relation.estimatedRows < 0 ? nil : Double(relation.estimatedRows),
            isUnlogged: relation.persistence == UInt8(ascii: "u"),
            isPartition: relation.isPartition,
            columns: columns.map {
                PostgresColumn(
                    name: $0.name, type: catalog.typeName($0.type, modifier: $0.modifier),
                    isNullable: !$0.isNotNull)
            })
    }
}

extension StorageError {
    /// Whether an error of reading one table, or one database, may spare the others.
    package var leavesOthersReadable: Bool {
        switch code {
        case .unsupported, .clusterDamaged, .damagedRow, .invalidPage, .notFound, .inputOutput: true
        default: false
        }
    }
}
