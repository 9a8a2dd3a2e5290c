internal import AsyncIO
internal import PostgresCatalogs
internal import PostgresCluster
internal import PostgresReading
internal import PostgresTypes
internal import StorageManager

/// Makes targets of what is left of a database's catalogs.
struct CatalogTargets {
    private let rescue: ClusterRescue
    private let catalog: DatabaseCatalog
    private var forms: TypeForms
    private(set) var notes: [String] = []

    /// The access method `heap`; only its tables can be read.
    private static let heap: UInt32 = 2
    private static let utf8: Int32 = 6
    private static let mostDomains = 32

    init(_ database: RescueDatabase) {
        rescue = database.rescue
        catalog = database.catalog
        let damagedPages = database.damagedPages
        forms = TypeForms(
            catalog, version: rescue.directory.version ?? DataDirectory.versions.upperBound,
            unknownAsHexadecimal: true)
        if damagedPages > 0 {
            notes.append(
                "\(damagedPages) \(damagedPages == 1 ? "page" : "pages") of the catalogs of"
                    + " database \(catalog.database.name) are damaged: what they say may be missing"
                    + " or wrong")
        }
    }

    /// A table by its name.
    mutating func table(
        _ name: TableName, _ options: SalvageOptions
    ) throws(StorageError) -> RescueTarget {
        let relation = try relation(name)
        guard relation.place != nil || relation.kind == UInt8(ascii: "p") else {
            throw StorageError(.unsupported, "\(name) has no rows on disk")
        }
        let root = try columns(of: relation)
        let members =
            options.onlyOwnRows ? [relation] : Descendants(catalog).all(of: relation)
        var sources: [RescueSource] = []
        for member in members {
            let isRoot = member.number == relation.number
            guard let place = member.place else { continue }
            do throws(StorageError) {
                let own = isRoot ? root : try columns(of: member)
                sources.append(try source(member, place, own, shown: root))
            } catch {
                if isRoot { throw error }
                notes.append("the rows of \(member.name) are not rescued: \(error.message)")
            }
        }
        return RescueTarget("\(name)", sources, in: rescue.directory, notes: notes)
    }

    private func relation(_ name: TableName) throws(StorageError) -> Relation {
        for schema in name.schema.map({ [$0] }) ?? ["public", "pg_catalog"] {
            if let found = catalog.relation(schema: schema, name: name.name) { return found }
        }
        // A schema's own row may be what is lost.
        let others = catalog.relations.values.filter {
            $0.name == name.name && catalog.schemas[$0.schema] == nil && $0.place != nil
        }
        if others.count == 1, let only = others.first { return only }
        let past = catalog.past.last { $0.relation.name == name.name }?.relation.place
        throw StorageError(
            .noSuchObject,
            "the catalogs of database \"\(catalog.database.name)\" tell of no table \(name)",
            remedy: past.map {
                "There was one: give its file with --file \(rescue.directory.path($0))."
            }
                ?? "Give its file with --file, and its columns with --schema.")
    }

    /// The columns of a table, all of them.
    private func columns(of relation: Relation) throws(StorageError) -> [Column] {
        let columns = catalog.columns[relation.number] ?? []
        guard columns.count == relation.columnCount else {
            let file = relation.place.map { rescue.directory.path($0) }
            throw StorageError(
                .clusterDamaged,
                "the catalogs describe \(columns.count) of the \(relation.columnCount) columns of"
                    + " \(relation.name)",
                remedy: "Give its file with --file\(file.map { " \($0)" } ?? "") and all its"
                    + " columns with --schema.",
                at: StorageError.Location(relation: relation.name))
        }
        return columns
    }

    /// The relation in a file; nil if no catalog tells of it.
    mutating func file(
        _ place: RelationPlace, _ path: String
    ) throws(StorageError) -> RescueTarget? {
        if let relation = catalog.relations.values.first(where: { $0.place == place }) {
            let columns = try columns(of: relation)
            let source = try source(relation, place, columns, shown: columns)
            return RescueTarget(path, [source], in: rescue.directory, notes: notes)
        }
        guard let past = catalog.past(at: place), !past.columns.isEmpty else { return nil }
        if past.columns.count < past.relation.columnCount {
            notes.append(
                "only \(past.columns.count) of the \(past.relation.columnCount) columns of"
                    + " \(past.relation.name) are known")
        }
        let source = try source(past.relation, place, past.columns, shown: past.columns)
        notes.append(
            "no transaction sees the table any more: it is known as"
                + " \(catalog.schemas[past.relation.schema] ?? "?").\(past.relation.name)")
        return RescueTarget(path, [source], in: rescue.directory, notes: notes)
    }

    private mutating func source(
        _ relation: Relation, _ place: RelationPlace, _ own: [Column], shown: [Column]
    ) throws(StorageError) -> RescueSource {
        let isSequence = relation.kind == UInt8(ascii: "S")
        guard relation.accessMethod == Self.heap || isSequence else {
            throw StorageError(
                .unsupported, "\(relation.name) is kept by an access method other than heap",
                remedy: "Read it with a server that has the access method.")
        }
        if relation.persistence == UInt8(ascii: "u"),
            rescue.directory.control.state == .notShutDown
        {
            notes.append("\(relation.name) is unlogged: recovery would empty it")
        }
        var attributes: [RescueAttribute] = []
        for column in own {
            attributes.append(
                RescueAttribute(
                    layout: column.layout,
                    form: column.isDropped ? .hexadecimal : forms.form(of: column.type),
                    type: base(column.type), isDropped: column.isDropped))
        }
        var columns: [RescueColumn] = []
        for column in shown where !column.isDropped {
            let match = own.first { $0.name == column.name && !$0.isDropped && !$0.isVirtual }
            if match == nil {
                notes.append(
                    "column \(column.name) of \(relation.name) is not stored: it is shown as null")
            }
            columns.append(
                RescueColumn(
                    column.name, attribute: match.map { $0.number - 1 },
                    missing: match?.missing ?? .null,
                    form: match.map { forms.form(of: $0.type) } ?? .text))
        }
        var shape = RescueShape(attributes: attributes, columns: columns)
        shape.isUTF8 = catalog.encoding.number == Self.utf8
        return RescueSource(
            place: place, shape: shape, writer: try writer(), encoding: catalog.encoding,
            isSequence: isSequence, locateToast: { [catalog] in catalog.anyToast($0) })
    }

    /// The type that a domain restricts, or the type itself.
    private func base(_ type: UInt32) -> UInt32 {
        var type = type
        for _ in 0..<Self.mostDomains {
            guard let entry = catalog.types[type], entry.kind == UInt8(ascii: "d") else { break }
            type = entry.base
        }
        return type
    }

    private mutating func writer() throws(StorageError) -> ValueWriter {
        let version = rescue.directory.version ?? DataDirectory.versions.upperBound
        guard forms.needsNames else { return ValueWriter(version: version) }
        let session = try rescue.directory.makeSession()
        defer { session.close() }
        guard let names = try? NameTable(catalog, session: session) else {
            notes.append("the names of objects cannot be read: their numbers are shown")
            return ValueWriter(version: version)
        }
        return ValueWriter(version: version, names: names)
    }
}

extension DatabaseCatalog {
    /// The latest table that was at a place, of those that no transaction sees.
    func past(at place: RelationPlace) -> PastRelation? {
        past.filter { $0.relation.place == place }.max {
            // Later transactions' numbers are ahead, modulo 2^32.
            Int32(bitPattern: $1.insertedBy &- $0.insertedBy) > 0
        }
    }

    /// Where a TOAST relation is or was.
    func anyToast(_ number: UInt32) -> ToastPlace? {
        let place =
            relations[number]?.place ?? past.last { $0.relation.number == number }?.relation.place
        guard let place else { return nil }
        let index = indexes[number]?.first.flatMap { relations[$0]?.place }
        return ToastPlace(relation: number, heap: place, index: index)
    }
}
