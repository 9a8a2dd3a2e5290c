internal import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// Reads the catalogs that a database's tables need, each into a table of its own.
enum CatalogLoading {
    /// Reads `pg_class`, and tells the reader where the other catalogs are.
    static func relations(
        _ reader: inout CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) -> [UInt32: Relation] {
        var relations: [UInt32: Relation] = [:]
        let source = reader
        try source.forEachRow(of: .relations, relationColumns) { row, toast throws(StorageError) in
            let bound = row.flag(12) ? row.bytes(16, &toast).map { PartitionBound($0) } : nil
            let relation = Self.relation(row, bound, source, encoding)
            if !kinds.contains(relation.kind) || relation.number == 0 {
                row.report("its number or kind is impossible")
            }
            relations[relation.number] = relation
        }
        for (number, relation) in relations where Catalog(rawValue: number) != nil {
            reader.places[number] = relation.place
        }
        // The catalogs' own indexes are not known yet; long values are found without them.
        for (number, relation) in relations where Catalog(rawValue: number) != nil {
            guard let heap = relations[relation.toast]?.place else { continue }
            reader.toastPlaces[number] = ToastPlace(
                relation: relation.toast, heap: heap, index: nil)
        }
        return relations
    }

    /// The kinds of relations (`relkind`).
    private static let kinds = Set("rmtiSvpfcI".utf8)

    /// The columns of `pg_class` that ``relation(_:_:_:_:)`` needs.
    static let relationColumns = [
        "oid", "relname", "relnamespace", "reltype", "relkind", "relpersistence",
        "reltablespace", "relfilenode", "relpages", "reltuples", "reltoastrelid", "relnatts",
        "relispartition", "relispopulated", "relisshared", "relam", "relpartbound",
        "relfrozenxid", "relminmxid",
    ]

    static func relation(
        _ row: borrowing CatalogRow, _ bound: PartitionBound?, _ reader: CatalogReader,
        _ encoding: TextEncoding
    ) -> Relation {
        let number = row.number(0)
        let rawName = row.name(1)
        let kind = row.letter(4)
        let tablespace = row.number(6)
        let file = row.number(7)
        let isShared = row.flag(14)
        return Relation(
            number: number, name: encoding.string(rawName), rawName: rawName,
            schema: row.number(2), rowType: row.number(3), kind: kind, persistence: row.letter(5),
            tablespace: tablespace,
            place: place(number, kind, tablespace, file, isShared, reader),
            estimatedPages: row.integer(8) ?? 0, estimatedRows: row.real(9) ?? -1,
            toast: row.number(10), columnCount: row.integer(11) ?? 0, isPartition: row.flag(12),
            isPopulated: row.flag(13), isShared: isShared, accessMethod: row.number(15),
            bound: bound, frozenTransaction: row.number(17), oldestMultixact: row.number(18))
    }

    /// Returns where a relation's files are.
    private static func place(
        _ number: UInt32, _ kind: UInt8, _ tablespace: UInt32, _ file: UInt32, _ isShared: Bool,
        _ reader: CatalogReader
    ) -> RelationPlace? {
        let kinds = Array("rmtiS".utf8)
        guard kinds.contains(kind) else { return nil }
        if file == 0 {
            return isShared ? reader.sharedPlace(number) : reader.mappedPlace(number)
        }
        let shared = isShared || tablespace == RelationPlace.globalTablespace
        return RelationPlace(
            tablespace: tablespace == 0 ? reader.tablespace : tablespace,
            database: shared ? 0 : reader.database, number: file)
    }

    static func schemas(_ reader: CatalogReader) throws(StorageError) -> [UInt32: [UInt8]] {
        var schemas: [UInt32: [UInt8]] = [:]
        try reader.forEachRow(of: .schemas, ["oid", "nspname"]) { row, _ throws(StorageError) in
            schemas[row.number(0)] = row.name(1)
        }
        return schemas
    }

    static func columns(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) -> [UInt32: [Column]] {
        var columns: [UInt32: [Column]] = [:]
        try reader.forEachRow(of: .attributes, columnColumns) { row, toast throws(StorageError) in
            if let column = column(row, &toast, encoding) {
                columns[row.number(0), default: []].append(column)
            }
        }
        return columns.mapValues { list in
            // As a rule they were written in order.
            if list.indices.allSatisfy({ list[$0].number == $0 + 1 }) { return list }
            // In a running server's files, two versions of a row may exist.
            let latest = Dictionary(list.map { ($0.number, $0) }) { _, later in later }
            let sorted = latest.values.sorted { $0.number < $1.number }
            // A missing number would shift all columns after it.
            let count = sorted.enumerated().prefix { $0.offset + 1 == $0.element.number }.count
            return Array(sorted.prefix(count))
        }
    }

    /// The columns of `pg_attribute` that ``column(_:_:_:)`` needs.
    static let columnColumns = [
        "attrelid", "attname", "atttypid", "attnum", "atttypmod", "attlen", "attalign",
        "attisdropped", "attnotnull", "atthasdef", "attidentity", "attgenerated",
        "atthasmissing", "attmissingval",
    ]

    /// Makes a column; nil if the row is impossible, or describes a system column.
    static func column(
        _ row: borrowing CatalogRow, _ toast: inout ToastReader, _ encoding: TextEncoding
    ) -> Column? {
        let number = row.integer(3) ?? 0
        if number == 0 { row.report("no column has number 0") }
        // System columns have negative numbers.
        if number <= 0 { return nil }
        guard let length = row.integer(5).flatMap({ Int16(exactly: $0) }),
            let layout = ValueLayout(length: length, alignment: row.letter(6))
        else {
            row.report("no value has its length and alignment")
            return nil
        }
        let missing = row.flag(12) ? missingValue(row, &toast, layout) : .null
        return Column(
            name: encoding.string(row.name(1)), type: row.number(2), number: number,
            modifier: row.integer(4) ?? -1, layout: layout, isDropped: row.flag(7),
            isNotNull: row.flag(8), hasDefault: row.flag(9), identity: row.letter(10),
            generated: row.letter(11), missing: missing)
    }

    /// Returns the only element of the array in `attmissingval`.
    private static func missingValue(
        _ row: borrowing CatalogRow, _ toast: inout ToastReader, _ layout: ValueLayout
    ) -> MissingValue {
        do throws(ValueFault) {
            guard let array = row.bytes(13, &toast) else {
                throw .malformed("the value of older rows is missing")
            }
            return .value(try onlyElement(unsafe array.span.bytes, layout))
        } catch {
            row.report(error.description)
            return .damaged(error)
        }
    }

    private static func onlyElement(
        _ array: RawSpan, _ layout: ValueLayout
    ) throws(ValueFault) -> [UInt8] {
        guard try array.load(0, as: Int32.self) == 1, try array.load(4, as: Int32.self) == 0,
            try array.load(12, as: Int32.self) == 1
        else { throw .malformed("the value of older rows is no array of one element") }
        // The element follows 20 bytes, aligned as if after the length word.
        let elements = try array.rest(20)
        let extent = try layout.extent(in: elements, from: 0)
        guard layout.isVarlena else {
            return try elements.part(extent.lowerBound, extent.count).copied
        }
        switch try Varlena.form(of: elements, extent) {
        case .plain(let range): return try elements.part(range.lowerBound, range.count).copied
        case .compressed(let range, let compression):
            return try compression.decompress(try elements.part(range.lowerBound, range.count))
        case .external: throw .nestedPointer
        }
    }

    /// The kinds of types (`typtype`).
    private static let typeKinds = Set("bcdermp".utf8)

    static func types(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) -> [UInt32: TypeEntry] {
        let names = [
            "oid", "typname", "typnamespace", "typlen", "typalign", "typtype", "typdelim",
            "typrelid", "typelem", "typarray", "typbasetype", "typtypmod", "typnotnull",
        ]
        var types: [UInt32: TypeEntry] = [:]
        try reader.forEachRow(of: .types, names) { row, _ throws(StorageError) in
            let rawName = row.name(1)
            if !typeKinds.contains(row.letter(5)) || row.number(0) == 0 {
                row.report("its number or kind is impossible")
            }
            types[row.number(0)] = TypeEntry(
                number: row.number(0), name: encoding.string(rawName), rawName: rawName,
                schema: row.number(2),
                length: row.integer(3).flatMap { Int16(exactly: $0) } ?? 0,
                alignment: row.letter(4), kind: row.letter(5), delimiter: row.letter(6),
                relation: row.number(7), element: row.number(8), array: row.number(9),
                base: row.number(10), modifier: row.integer(11) ?? -1, isNotNull: row.flag(12))
        }
        return types
    }

    static func labels(
        _ reader: CatalogReader
    ) throws(StorageError) -> [UInt32: [DatabaseCatalog.EnumerationLabel]] {
        var labels: [UInt32: [DatabaseCatalog.EnumerationLabel]] = [:]
        let names = ["oid", "enumtypid", "enumsortorder", "enumlabel"]
        try reader.forEachRow(of: .enumerations, names) { row, _ throws(StorageError) in
            labels[row.number(1), default: []].append(
                DatabaseCatalog.EnumerationLabel(
                    number: row.number(0), rawName: row.name(3), order: row.real(2) ?? 0))
        }
        return labels.mapValues { list in list.sorted { $0.order < $1.order } }
    }

    static func ranges(
        _ reader: CatalogReader
    ) throws(StorageError) -> (subtypes: [UInt32: UInt32], multiranges: [UInt32: UInt32]) {
        var subtypes: [UInt32: UInt32] = [:]
        var multiranges: [UInt32: UInt32] = [:]
        let names = ["rngtypid", "rngsubtype", "rngmultitypid"]
        try reader.forEachRow(of: .ranges, names) { row, _ throws(StorageError) in
            subtypes[row.number(0)] = row.number(1)
            if row.number(2) != 0 { multiranges[row.number(2)] = row.number(0) }
        }
        return (subtypes, multiranges)
    }

    /// The tables of the indexes that are complete.
    static func validIndexes(
        _ reader: CatalogReader
    ) throws(StorageError) -> [UInt32: UInt32] {
        var valid: [UInt32: UInt32] = [:]
        try reader.forEachRow(of: .indexes, ["indexrelid", "indisvalid", "indrelid"]) {
            row, _ throws(StorageError) in
            if row.flag(1) { valid[row.number(0)] = row.number(2) }
        }
        return valid
    }

    static func indexes(_ reader: CatalogReader) throws(StorageError) -> [UInt32: [UInt32]] {
        var indexes: [UInt32: [UInt32]] = [:]
        try reader.forEachRow(of: .indexes, ["indexrelid", "indrelid"]) {
            row, _ throws(StorageError) in
            indexes[row.number(1), default: []].append(row.number(0))
        }
        return indexes
    }

    static func children(_ reader: CatalogReader) throws(StorageError) -> [UInt32: [UInt32]] {
        var children: [UInt32: [UInt32]] = [:]
        try reader.forEachRow(of: .inheritance, ["inhrelid", "inhparent"]) {
            row, _ throws(StorageError) in
            children[row.number(1), default: []].append(row.number(0))
        }
        return children.mapValues { $0.sorted() }
    }
}
