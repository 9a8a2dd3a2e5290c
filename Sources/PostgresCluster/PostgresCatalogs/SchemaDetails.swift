package import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// What the catalogs say about a database's objects beyond what reading its rows needs: what a
/// script that makes them again must say. Any thread may use it.
package struct SchemaDetails: Sendable {
    /// Defaults by relation and column, as trees of nodes.
    package private(set) var defaults: [UInt32: [Int: [UInt8]]] = [:]
    /// Collations of columns by relation and column.
    package private(set) var collations: [UInt32: [Int: UInt32]] = [:]
    package private(set) var constraints: [Constraint] = []
    package private(set) var indexes: [IndexEntry] = []
    private var indexPlaces: [UInt32: Int] = [:]
    /// The columns that must not be null in rows written from now on, though nobody has checked the
    /// others, by relation (PostgreSQL 18).
    package private(set) var unvalidated: [UInt32: Set<Int>] = [:]
    package private(set) var sequences: [UInt32: SequenceEntry] = [:]
    /// The owners of sequences, by sequence.
    package private(set) var owners: [UInt32: SequenceOwner] = [:]
    package private(set) var extensions: [ExtensionEntry] = []
    /// The numbers of objects that extensions brought along, by catalog.
    package private(set) var members: [UInt32: Set<UInt32>] = [:]
    package private(set) var partitionKeys: [UInt32: PartitionKey] = [:]
    /// The bounds of partitions, as trees of nodes.
    package private(set) var bounds: [UInt32: [UInt8]] = [:]
    /// The parents of relations, in order.
    package private(set) var parents: [UInt32: [UInt32]] = [:]
    package private(set) var accessMethods: [UInt32: String] = [:]
    package private(set) var operatorClasses: [UInt32: NamedEntry] = [:]
    package private(set) var collationNames: [UInt32: NamedEntry] = [:]
    package private(set) var ranges: [UInt32: RangeEntry] = [:]
    /// The defaults and collations of domains.
    package private(set) var typeDefaults: [UInt32: [UInt8]] = [:]
    package private(set) var typeCollations: [UInt32: UInt32] = [:]
    /// The functions of users, and the tables' triggers, rules and policies.
    package private(set) var functions: [NamedEntry] = []
    package private(set) var attachments: [(kind: String, name: String, relation: UInt32)] = []

    /// What users should know about rows of these catalogs that cannot be decoded, one sentence
    /// each.
    package private(set) var warnings: [String] = []

    /// The first number of objects that users made.
    package static let firstUserNumber: UInt32 = 16_384

    /// Reads the catalogs. Takes time proportional to the number of objects.
    package init(_ catalog: DatabaseCatalog, session: Session) throws(StorageError) {
        let reader = try catalog.reader(session: session)
        let encoding = catalog.encoding
        try readColumns(reader)
        try readConstraints(reader, encoding)
        try readIndexes(reader)
        try readSequences(reader)
        try readDependencies(reader)
        try readNames(reader, encoding)
        try readPartitions(reader)
        try readTypes(reader)
        try readOthers(reader, encoding)
        // The others were met when the catalog was read.
        let known = Set(catalog.warnings)
        warnings = reader.faults.warnings.filter { !known.contains($0) }
    }

    private mutating func readColumns(_ reader: CatalogReader) throws(StorageError) {
        var defaults: [UInt32: [Int: [UInt8]]] = [:]
        try reader.forEachRow(of: .columnDefaults, ["adrelid", "adnum", "adbin"]) {
            row, toast throws(StorageError) in
            guard let column = row.integer(1), let tree = row.bytes(2, &toast) else { return }
            defaults[row.number(0), default: [:]][column] = tree
        }
        self.defaults = defaults
        var collations: [UInt32: [Int: UInt32]] = [:]
        try reader.forEachRow(of: .attributes, ["attrelid", "attnum", "attcollation"]) {
            row, _ throws(StorageError) in
            let relation = row.number(0)
            guard relation >= Self.firstUserNumber, let column = row.integer(1), column > 0,
                row.number(2) != 0
            else { return }
            collations[relation, default: [:]][column] = row.number(2)
        }
        self.collations = collations
    }

    private mutating func readConstraints(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) {
        let names = [
            "oid", "conname", "contype", "conrelid", "contypid", "conindid", "conparentid",
            "conkey", "confrelid", "confkey", "confupdtype", "confdeltype", "confmatchtype",
            "condeferrable", "condeferred", "convalidated", "conperiod", "confdelsetcols",
        ]
        var constraints: [Constraint] = []
        try reader.forEachRow(of: .constraints, names) { row, toast throws(StorageError) in
            constraints.append(
                Constraint(
                    number: row.number(0), name: encoding.string(row.name(1)),
                    kind: row.letter(2), relation: row.number(3), domain: row.number(4),
                    index: row.number(5), parent: row.number(6),
                    columns: row.integers(7, &toast), otherRelation: row.number(8),
                    otherColumns: row.integers(9, &toast), onUpdate: row.letter(10),
                    onDelete: row.letter(11), match: row.letter(12), isDeferrable: row.flag(13),
                    isDeferred: row.flag(14), isValidated: row.flag(15), hasPeriod: row.flag(16),
                    setColumns: row.integers(17, &toast)))
        }
        self.constraints = constraints.sorted { $0.number < $1.number }
        unvalidated = try Self.unvalidated(reader)
    }

    /// Reads which columns must not be null although older rows may be, by relation.
    package static func unvalidated(
        _ catalog: DatabaseCatalog, session: Session
    ) throws(StorageError) -> [UInt32: Set<Int>] {
        try unvalidated(try catalog.reader(session: session))
    }

    private static func unvalidated(
        _ reader: CatalogReader
    ) throws(StorageError) -> [UInt32: Set<Int>] {
        var columns: [UInt32: Set<Int>] = [:]
        try reader.forEachRow(of: .constraints, ["conrelid", "contype", "convalidated", "conkey"]) {
            row, toast throws(StorageError) in
            guard row.letter(1) == UInt8(ascii: "n"), !row.flag(2) else { return }
            columns[row.number(0), default: []].formUnion(row.integers(3, &toast))
        }
        return columns
    }

    private mutating func readIndexes(_ reader: CatalogReader) throws(StorageError) {
        let names = [
            "indexrelid", "indrelid", "indisunique", "indisprimary", "indisexclusion",
            "indisvalid", "indnullsnotdistinct", "indnkeyatts", "indkey", "indcollation",
            "indclass", "indoption", "indpred",
        ]
        var indexes: [IndexEntry] = []
        try reader.forEachRow(of: .indexes, names) { row, toast throws(StorageError) in
            guard row.number(1) >= Self.firstUserNumber else { return }
            indexes.append(
                IndexEntry(
                    number: row.number(0), relation: row.number(1), isUnique: row.flag(2),
                    isPrimary: row.flag(3), isExclusion: row.flag(4), isValid: row.flag(5),
                    nullsAreEqual: row.flag(6), keyCount: row.integer(7) ?? 0,
                    columns: row.integers(8, &toast),
                    collations: Self.numbers(row.integers(9, &toast)),
                    operatorClasses: Self.numbers(row.integers(10, &toast)),
                    options: row.integers(11, &toast),
                    hasPredicate: row.bytes(12, &toast) != nil))
        }
        self.indexes = indexes.sorted { $0.number < $1.number }
        for (place, index) in self.indexes.enumerated() { indexPlaces[index.number] = place }
    }

    /// The index of that number.
    package func index(_ number: UInt32) -> IndexEntry? { indexPlaces[number].map { indexes[$0] } }

    private static func numbers(_ integers: [Int]) -> [UInt32] {
        integers.map { UInt32(truncatingIfNeeded: $0) }
    }

    private mutating func readSequences(_ reader: CatalogReader) throws(StorageError) {
        let names = [
            "seqrelid", "seqtypid", "seqstart", "seqincrement", "seqmax", "seqmin", "seqcache",
            "seqcycle",
        ]
        var sequences: [UInt32: SequenceEntry] = [:]
        try reader.forEachRow(of: .sequences, names) { row, _ throws(StorageError) in
            sequences[row.number(0)] = SequenceEntry(
                type: row.number(1), start: row.long(2) ?? 1, increment: row.long(3) ?? 1,
                maximum: row.long(4) ?? .max, minimum: row.long(5) ?? 1, cache: row.long(6) ?? 1,
                cycles: row.flag(7))
        }
        self.sequences = sequences
    }

    private mutating func readDependencies(_ reader: CatalogReader) throws(StorageError) {
        let names = ["classid", "objid", "refclassid", "refobjid", "refobjsubid", "deptype"]
        var owners: [UInt32: SequenceOwner] = [:]
        var members: [UInt32: Set<UInt32>] = [:]
        let relations = Catalog.relations.rawValue
        try reader.forEachRow(of: .dependencies, names) { row, _ throws(StorageError) in
            let kind = row.letter(5)
            if kind == UInt8(ascii: "e"), row.number(2) == Catalog.extensions.rawValue {
                members[row.number(0), default: []].insert(row.number(1))
                return
            }
            guard kind == UInt8(ascii: "a") || kind == UInt8(ascii: "i"),
                row.number(0) == relations, row.number(2) == relations,
                let column = row.integer(4), column > 0
            else { return }
            owners[row.number(1)] = SequenceOwner(
                relation: row.number(3), column: column, isIdentity: kind == UInt8(ascii: "i"))
        }
        self.owners = owners.filter { sequences[$0.key] != nil }
        self.members = members
    }

    private mutating func readPartitions(_ reader: CatalogReader) throws(StorageError) {
        var keys: [UInt32: PartitionKey] = [:]
        let names = ["partrelid", "partstrat", "partattrs", "partclass", "partcollation"]
        try reader.forEachRow(of: .partitions, names) { row, toast throws(StorageError) in
            keys[row.number(0)] = PartitionKey(
                strategy: row.letter(1), columns: row.integers(2, &toast),
                operatorClasses: Self.numbers(row.integers(3, &toast)),
                collations: Self.numbers(row.integers(4, &toast)))
        }
        partitionKeys = keys
        var bounds: [UInt32: [UInt8]] = [:]
        try reader.forEachRow(of: .relations, ["oid", "relpartbound", "relispartition"]) {
            row, toast throws(StorageError) in
            guard row.flag(2), let tree = row.bytes(1, &toast) else { return }
            bounds[row.number(0)] = tree
        }
        self.bounds = bounds
        var parents: [UInt32: [(order: Int, parent: UInt32)]] = [:]
        try reader.forEachRow(of: .inheritance, ["inhrelid", "inhparent", "inhseqno"]) {
            row, _ throws(StorageError) in
            parents[row.number(0), default: []].append((row.integer(2) ?? 0, row.number(1)))
        }
        self.parents = parents.mapValues { list in
            list.sorted { $0.order < $1.order }.map(\.parent)
        }
    }
}

extension SchemaDetails {
    private mutating func readNames(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) {
        var extensions: [ExtensionEntry] = []
        try reader.forEachRow(of: .extensions, ["oid", "extname", "extnamespace"]) {
            row, _ throws(StorageError) in
            extensions.append(
                ExtensionEntry(
                    number: row.number(0), name: encoding.string(row.name(1)),
                    schema: row.number(2)))
        }
        self.extensions = extensions.sorted { $0.number < $1.number }
        var methods: [UInt32: String] = [:]
        try reader.forEachRow(of: .accessMethods, ["oid", "amname"]) {
            row, _ throws(StorageError) in
            methods[row.number(0)] = encoding.string(row.name(1))
        }
        accessMethods = methods
        var classes: [UInt32: NamedEntry] = [:]
        try reader.forEachRow(
            of: .operatorClasses, ["oid", "opcname", "opcnamespace", "opcdefault"]
        ) { row, _ throws(StorageError) in
            classes[row.number(0)] = NamedEntry(
                name: encoding.string(row.name(1)), schema: row.number(2), isDefault: row.flag(3))
        }
        operatorClasses = classes
        var collations: [UInt32: NamedEntry] = [:]
        try reader.forEachRow(of: .collations, ["oid", "collname", "collnamespace"]) {
            row, _ throws(StorageError) in
            collations[row.number(0)] = NamedEntry(
                name: encoding.string(row.name(1)), schema: row.number(2),
                isDefault: row.number(0) == Self.defaultCollation)
        }
        collationNames = collations
    }

    /// The number of the collation `default`.
    package static let defaultCollation: UInt32 = 100

    private mutating func readTypes(_ reader: CatalogReader) throws(StorageError) {
        var ranges: [UInt32: RangeEntry] = [:]
        let names = [
            "rngtypid", "rngsubtype", "rngmultitypid", "rngcollation", "rngsubopc",
            "rngcanonical", "rngsubdiff",
        ]
        try reader.forEachRow(of: .ranges, names) { row, _ throws(StorageError) in
            ranges[row.number(0)] = RangeEntry(
                subtype: row.number(1), multirange: row.number(2), collation: row.number(3),
                operatorClass: row.number(4), canonical: row.number(5),
                difference: row.number(6))
        }
        self.ranges = ranges
        var defaults: [UInt32: [UInt8]] = [:]
        var collations: [UInt32: UInt32] = [:]
        try reader.forEachRow(of: .types, ["oid", "typdefaultbin", "typcollation"]) {
            row, toast throws(StorageError) in
            if let tree = row.bytes(1, &toast) { defaults[row.number(0)] = tree }
            if row.number(2) != 0 { collations[row.number(0)] = row.number(2) }
        }
        typeDefaults = defaults
        typeCollations = collations
    }

    private mutating func readOthers(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) {
        let functions = members[Catalog.functions.rawValue] ?? []
        var found: [NamedEntry] = []
        try reader.forEachRow(of: .functions, ["oid", "proname", "pronamespace"]) {
            row, _ throws(StorageError) in
            let number = row.number(0)
            guard number >= Self.firstUserNumber, !functions.contains(number) else { return }
            found.append(
                NamedEntry(
                    name: encoding.string(row.name(1)), schema: row.number(2), isDefault: false))
        }
        self.functions = found
        var attached: [(kind: String, name: String, relation: UInt32)] = []
        let viewRule = Array("_RETURN".utf8)
        try reader.forEachRow(of: .rules, ["ev_class", "rulename"]) { row, _ throws(StorageError) in
            // A view's own text is not a rule to its user.
            if row.name(1) == viewRule { return }
            attached.append(("rule", encoding.string(row.name(1)), row.number(0)))
        }
        try reader.forEachRow(of: .triggers, ["tgrelid", "tgname", "tgisinternal"]) {
            row, _ throws(StorageError) in
            if !row.flag(2) {
                attached.append(("trigger", encoding.string(row.name(1)), row.number(0)))
            }
        }
        try reader.forEachRow(of: .policies, ["polrelid", "polname"]) {
            row, _ throws(StorageError) in
            attached.append(("policy", encoding.string(row.name(1)), row.number(0)))
        }
        attachments = attached
    }
}
