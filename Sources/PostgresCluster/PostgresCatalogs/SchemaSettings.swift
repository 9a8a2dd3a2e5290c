package import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// What the catalogs say about how objects are kept and described: storage parameters, comments,
/// collations, and the names of objects of the rarer kinds. Any thread may use it.
package struct SchemaSettings: Sendable {
    /// The storage parameters of relations (`reloptions`).
    package private(set) var parameters: [UInt32: [Parameter]] = [:]
    /// How the columns of relations are kept.
    package private(set) var columns: [UInt32: [Int: ColumnSettings]] = [:]
    /// How values of types are kept unless a column says otherwise (`typstorage`).
    package private(set) var typeStorage: [UInt32: UInt8] = [:]
    /// The comments, by catalog, object and column.
    package private(set) var comments: [Comment] = []
    package private(set) var collations: [CollationEntry] = []
    /// How the changes of tables are told from each other by subscribers (`relreplident`), where
    /// this is not the default.
    package private(set) var identities: [UInt32: UInt8] = [:]
    /// The indexes by which subscribers do, and those that tables are clustered on, by table.
    package private(set) var identityIndexes: [UInt32: UInt32] = [:]
    package private(set) var clusterIndexes: [UInt32: UInt32] = [:]
    /// The tables with row security, and those made of a type.
    package private(set) var securedTables: Set<UInt32> = []
    package private(set) var typedTables: Set<UInt32> = []
    /// Objects of users that are of the rarer kinds.
    package private(set) var others: [OtherObject] = []
    /// How many large objects there are.
    package private(set) var largeObjectCount = 0
    /// What users should know about rows of these catalogs that cannot be decoded, one sentence
    /// each.
    package private(set) var warnings: [String] = []

    /// A storage parameter, such as `fillfactor`.
    package struct Parameter: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    /// How a column is kept.
    package struct ColumnSettings: Sendable {
        /// `attstorage`: `p` plain, `e` external, `m` main, `x` extended.
        package let storage: UInt8
        /// `attcompression`: `p` pglz, `l` lz4, zero for the server's setting.
        package let compression: UInt8
        /// The target of its statistics; nil for the server's setting.
        package let statistics: Int?
        package let parameters: [Parameter]
    }

    /// A comment: a row of `pg_description`.
    package struct Comment: Sendable {
        package let catalog: UInt32
        package let object: UInt32
        /// The column's number; zero for the object itself.
        package let column: Int
        package let text: String
    }

    /// An object of which only the name is said.
    package struct OtherObject: Sendable {
        package let kind: String
        package let name: String
        /// Its schema; zero if it is in none.
        package let schema: UInt32
    }

    /// Reads the catalogs. Takes time proportional to the number of objects.
    package init(
        _ catalog: DatabaseCatalog, _ details: SchemaDetails, session: Session
    ) throws(StorageError) {
        let reader = try catalog.reader(session: session)
        let encoding = catalog.encoding
        try readRelations(reader, encoding)
        try readColumns(reader, encoding)
        try readTypes(reader)
        try readIndexes(reader)
        try readComments(reader, encoding)
        collations = try Self.collations(reader, encoding)
        for source in OtherCatalog.all { try readOthers(source, reader, details, encoding) }
        var count = 0
        try reader.forEachRow(of: .largeObjects, ["oid"]) { _, _ throws(StorageError) in
            count += 1
        }
        largeObjectCount = count
        let known = Set(catalog.warnings + details.warnings)
        warnings = reader.faults.warnings.filter { !known.contains($0) }
    }

    private static func parameters(
        _ texts: [[UInt8]], _ encoding: TextEncoding
    ) -> [Parameter] {
        texts.compactMap { text in
            guard let sign = text.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            return Parameter(
                name: encoding.string(Array(text[..<sign])),
                value: encoding.string(Array(text[(sign + 1)...])))
        }
    }

    private mutating func readRelations(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) {
        let names = ["oid", "reloptions", "relreplident", "relrowsecurity", "reloftype", "relkind"]
        var found = self
        try reader.forEachRow(of: .relations, names) { row, toast throws(StorageError) in
            let number = row.number(0)
            // The options of a view are part of its text.
            guard number >= SchemaDetails.firstUserNumber, row.letter(5) != UInt8(ascii: "v") else {
                return
            }
            let parameters = Self.parameters(row.texts(1, &toast), encoding)
            if !parameters.isEmpty { found.parameters[number] = parameters }
            if row.letter(5) == UInt8(ascii: "r") || row.letter(5) == UInt8(ascii: "p"),
                row.letter(2) != UInt8(ascii: "d")
            {
                found.identities[number] = row.letter(2)
            }
            if row.flag(3) { found.securedTables.insert(number) }
            if row.number(4) != 0 { found.typedTables.insert(number) }
        }
        self = found
    }

    private mutating func readColumns(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) {
        let names = [
            "attrelid", "attnum", "attstorage", "attcompression", "attstattarget", "attoptions",
            "attisdropped",
        ]
        var columns: [UInt32: [Int: ColumnSettings]] = [:]
        try reader.forEachRow(of: .attributes, names) { row, toast throws(StorageError) in
            let relation = row.number(0)
            guard relation >= SchemaDetails.firstUserNumber, let column = row.integer(1),
                column > 0, !row.flag(6)
            else { return }
            let target = row.integer(4)
            columns[relation, default: [:]][column] = ColumnSettings(
                storage: row.letter(2), compression: row.letter(3),
                // Up to PostgreSQL 16, -1 stands for the server's setting.
                statistics: target == -1 ? nil : target,
                parameters: Self.parameters(row.texts(5, &toast), encoding))
        }
        self.columns = columns
    }

    private mutating func readTypes(_ reader: CatalogReader) throws(StorageError) {
        var storage: [UInt32: UInt8] = [:]
        try reader.forEachRow(of: .types, ["oid", "typstorage"]) { row, _ throws(StorageError) in
            storage[row.number(0)] = row.letter(1)
        }
        typeStorage = storage
    }

    private mutating func readIndexes(_ reader: CatalogReader) throws(StorageError) {
        var identities: [UInt32: UInt32] = [:]
        var clusters: [UInt32: UInt32] = [:]
        let names = ["indexrelid", "indrelid", "indisreplident", "indisclustered"]
        try reader.forEachRow(of: .indexes, names) { row, _ throws(StorageError) in
            if row.flag(2) { identities[row.number(1)] = row.number(0) }
            if row.flag(3) { clusters[row.number(1)] = row.number(0) }
        }
        (identityIndexes, clusterIndexes) = (identities, clusters)
    }

    private mutating func readComments(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) {
        var comments: [Comment] = []
        let names = ["classoid", "objoid", "objsubid", "description"]
        try reader.forEachRow(of: .comments, names) { row, toast throws(StorageError) in
            guard let text = row.bytes(3, &toast) else { return }
            // Those of the server's own objects come with the server.
            let isOwn =
                row.number(1) >= SchemaDetails.firstUserNumber
                || row.number(0) == Catalog.schemas.rawValue
            if !isOwn { return }
            comments.append(
                Comment(
                    catalog: row.number(0), object: row.number(1), column: row.integer(2) ?? 0,
                    text: encoding.string(text)))
        }
        self.comments = comments.sorted {
            ($0.catalog, $0.object, $0.column) < ($1.catalog, $1.object, $1.column)
        }
    }

    private mutating func readOthers(
        _ source: OtherCatalog, _ reader: CatalogReader, _ details: SchemaDetails,
        _ encoding: TextEncoding
    ) throws(StorageError) {
        let members = details.members[source.catalog.rawValue] ?? []
        var found: [OtherObject] = []
        let names = ["oid", source.name, source.schema ?? source.name]
        try reader.forEachRow(of: source.catalog, names) { row, _ throws(StorageError) in
            let number = row.number(0)
            guard number >= SchemaDetails.firstUserNumber, !members.contains(number) else { return }
            found.append(
                OtherObject(
                    kind: source.kind, name: encoding.string(row.name(1)),
                    schema: source.schema == nil ? 0 : row.number(2)))
        }
        others += found.sorted { ($0.schema, $0.name) < ($1.schema, $1.name) }
    }

    /// A catalog of objects of which only the name is said.
    private struct OtherCatalog {
        let catalog: Catalog
        let kind: String
        /// The columns with the name and the schema.
        let name: String
        let schema: String?

        init(_ catalog: Catalog, _ kind: String, _ name: String, _ schema: String? = nil) {
            self.catalog = catalog
            self.kind = kind
            self.name = name
            self.schema = schema
        }

        static let all = [
            OtherCatalog(.statistics, "statistics object", "stxname", "stxnamespace"),
            OtherCatalog(.eventTriggers, "event trigger", "evtname"),
            OtherCatalog(.publications, "publication", "pubname"),
            OtherCatalog(.foreignWrappers, "foreign-data wrapper", "fdwname"),
            OtherCatalog(.foreignServers, "foreign server", "srvname"),
            OtherCatalog(.languages, "language", "lanname"),
            OtherCatalog(.accessMethods, "access method", "amname"),
            OtherCatalog(.conversions, "conversion", "conname", "connamespace"),
            OtherCatalog(.operators, "operator", "oprname", "oprnamespace"),
            OtherCatalog(.operatorClasses, "operator class", "opcname", "opcnamespace"),
            OtherCatalog(.searchParsers, "text search parser", "prsname", "prsnamespace"),
            OtherCatalog(.searchTemplates, "text search template", "tmplname", "tmplnamespace"),
            OtherCatalog(
                .searchDictionaries, "text search dictionary", "dictname", "dictnamespace"),
            OtherCatalog(
                .searchConfigurations, "text search configuration", "cfgname", "cfgnamespace"),
        ]
    }
}

/// A collation that users made: a row of `pg_collation`.
package struct CollationEntry: Sendable {
    package let number: UInt32
    package let name: String
    package let schema: UInt32
    /// `collprovider`: `c` the C library, `i` ICU, `b` the server.
    package let provider: UInt8
    package let isDeterministic: Bool
    /// The locale of ICU or the server; empty for the C library.
    package let locale: String
    /// The locales of the C library.
    package let order: String
    package let characters: String
    package let rules: String
}

extension SchemaSettings {
    private static func collations(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) -> [CollationEntry] {
        let names = [
            "oid", "collname", "collnamespace", "collprovider", "collisdeterministic",
            "collcollate", "collctype", "colliculocale", "colllocale", "collicurules",
        ]
        var found: [CollationEntry] = []
        try reader.forEachRow(of: .collations, names) { row, toast throws(StorageError) in
            guard row.number(0) >= SchemaDetails.firstUserNumber else { return }
            let provider = row.letter(3)
            let order = encoding.string(row.text(5, &toast))
            // PostgreSQL 15 and 16 have a column for ICU's locale, later ones another one.
            let locales = [7, 8].map { encoding.string(row.text($0, &toast)) }
            let locale = locales.first { !$0.isEmpty } ?? order
            found.append(
                CollationEntry(
                    number: row.number(0), name: encoding.string(row.name(1)),
                    schema: row.number(2), provider: provider, isDeterministic: row.flag(4),
                    locale: provider == UInt8(ascii: "c") ? "" : locale, order: order,
                    characters: encoding.string(row.text(6, &toast)),
                    rules: encoding.string(row.text(9, &toast))))
        }
        return found.sorted { $0.number < $1.number }
    }
}
