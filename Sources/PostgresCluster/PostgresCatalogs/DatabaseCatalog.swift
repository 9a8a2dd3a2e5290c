package import AsyncIO
package import PostgresReading
package import PostgresTypes

/// The catalogs of one database, read once. Any thread may use it.
package final class DatabaseCatalog: Sendable {
    package let database: Database
    package let encoding: TextEncoding
    package let storage: DataDirectory
    package let log: TransactionLog

    /// Relations by their numbers.
    package let relations: [UInt32: Relation]
    /// Schemas' names by their numbers.
    package let schemas: [UInt32: String]
    package let rawSchemas: [UInt32: [UInt8]]
    /// Columns by their relation, in order, including dropped ones.
    package let columns: [UInt32: [Column]]
    package let types: [UInt32: TypeEntry]
    /// Labels of enumerated types in order, by type.
    package let labels: [UInt32: [EnumerationLabel]]
    /// The subtypes of ranges, by range type, and the range types of multiranges.
    package let rangeSubtypes: [UInt32: UInt32]
    package let multirangeRanges: [UInt32: UInt32]
    /// Indexes by the relation they belong to.
    package let indexes: [UInt32: [UInt32]]
    /// Children by their parent, in the catalog's order.
    package let children: [UInt32: [UInt32]]

    /// A label of an enumerated type.
    package struct EnumerationLabel: Sendable {
        package let number: UInt32
        package let rawName: [UInt8]
        package let order: Float
    }

    /// What users should know about rows of these catalogs that cannot be decoded, one sentence
    /// each.
    package let warnings: [String]

    /// The tables of which only versions are left that no transaction sees: dropped ones, ones
    /// that were never committed, and earlier files of others. Empty unless asked for.
    package let past: [PastRelation]

    /// Reads the catalogs of a database.
    ///
    /// - Parameters:
    ///   - damage: counts the damaged pages; nil if damage is an error.
    ///   - withPast: whether to read ``past``.
    package init(
        _ storage: DataDirectory, _ log: TransactionLog, _ database: Database, session: Session,
        damage: DamageCount? = nil, withPast: Bool = false
    ) throws(StorageError) {
        self.storage = storage
        self.log = log
        self.database = database
        do throws(ValueFault) {
            encoding = try TextEncoding(number: database.encoding)
        } catch {
            throw StorageError(
                .unsupported,
                "database \"\(database.name)\" has an encoding that cannot be read: \(error)",
                remedy: "Read its tables with a server.")
        }
        var reader = try CatalogReader(
            storage, log, database: database.number, tablespace: database.tablespace,
            session: session, damage: damage)
        relations = try CatalogLoading.relations(&reader, encoding)
        rawSchemas = try CatalogLoading.schemas(reader)
        let encoding = encoding
        schemas = rawSchemas.mapValues { encoding.string($0) }
        columns = try CatalogLoading.columns(reader, encoding)
        types = try CatalogLoading.types(reader, encoding)
        labels = try CatalogLoading.labels(reader)
        (rangeSubtypes, multirangeRanges) = try CatalogLoading.ranges(reader)
        indexes = try CatalogLoading.indexes(reader)
        children = try CatalogLoading.children(reader)
        past = withPast ? try PastRelation.all(reader, encoding) : []
        warnings =
            reader.faults.warnings + Self.incomplete(relations, columns)
            + (storage.control.state == .shutDown
                ? Self.unnamed(relations, columns, reader.faults) : [])
    }

    /// A sentence for each relation of which the catalogs describe other columns than it has.
    private static func incomplete(
        _ relations: [UInt32: Relation], _ columns: [UInt32: [Column]]
    ) -> [String] {
        let found = relations.values.filter { relation in
            relation.kind != UInt8(ascii: "i") && relation.kind != UInt8(ascii: "I")
                && columns[relation.number]?.count ?? 0 != relation.columnCount
        }
        return found.sorted { $0.number < $1.number }.map { relation in
            "the catalogs describe \(columns[relation.number]?.count ?? 0) of the"
                + " \(relation.columnCount) columns of \(relation.name)"
        }
    }

    /// A sentence about relations of which `pg_attribute` has columns and `pg_class` has no row.
    /// After a crash, one of the two may be ahead of the other.
    private static func unnamed(
        _ relations: [UInt32: Relation], _ columns: [UInt32: [Column]], _ faults: CatalogFaults
    ) -> [String] {
        let numbers = columns.keys.filter { relations[$0] == nil }.sorted()
        // Rows that cannot be decoded are named already.
        let known = faults.list.count { $0.catalog == Catalog.relations.name }
        if numbers.count <= known { return [] }
        let shown = numbers.prefix(10).map(String.init).joined(separator: ", ")
        return [
            "the catalogs describe columns of \(numbers.count)"
                + " \(numbers.count == 1 ? "relation" : "relations") that pg_class does not name:"
                + " \(shown)\(numbers.count > 10 ? " …" : "")"
        ]
    }

    /// A reader of further catalogs.
    func reader(session: Session) throws(StorageError) -> CatalogReader {
        var reader = try CatalogReader(
            storage, log, database: database.number, tablespace: database.tablespace,
            session: session)
        for (number, relation) in relations where Catalog(rawValue: number) != nil {
            reader.places[number] = relation.place
            reader.toastPlaces[number] = toastPlace(of: relation)
        }
        return reader
    }

    /// The place of a relation's values that are stored out of line.
    package func toastPlace(of relation: Relation) -> ToastPlace? {
        guard relation.toast != 0, let toast = relations[relation.toast], let heap = toast.place
        else { return nil }
        let index = indexes[relation.toast]?.first.flatMap { relations[$0]?.place }
        return ToastPlace(relation: relation.toast, heap: heap, index: index)
    }

    /// A relation by its schema and name.
    package func relation(schema: String, name: String) -> Relation? {
        relations.values.first { $0.name == name && schemas[$0.schema] == schema }
    }
}
