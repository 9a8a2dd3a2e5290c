internal import AsyncIO
internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes

/// What one column of a scan shows.
struct PlannedColumn: Sendable {
    let name: String
    let form: ValueForm
    let isVarlena: Bool
    let source: Source
    /// Whether the value's stored bytes are shown, which are no text.
    var isBinary = false

    enum Source: Sendable {
        /// The attribute of that index, and its value in rows older than the column.
        case attribute(Int, missing: MissingValue)
        /// Nothing is stored for the column.
        case null
        /// A field of the row version's header.
        case insertedBy, deletedBy, state
    }

    /// Whether its text is never empty and never contains a character that CSV quotes.
    var isPlain: Bool {
        switch form {
        case .boolean, .smallint, .integer, .bigint, .real, .double, .numeric, .uuid, .date, .time,
            .timeTZ, .timestamp, .timestampTZ, .unsigned, .unsignedLong, .bytea:
            true
        default: false
        }
    }

    /// Whether JSON shows it as a number.
    var isNumber: Bool {
        switch form {
        case .smallint, .integer, .bigint, .real, .double, .numeric, .unsigned: true
        default: false
        }
    }

    var isBoolean: Bool { if case .boolean = form { true } else { false } }
}

/// How the rows of one relation become the columns of a scan. Any thread may use it.
struct RelationPlan: Sendable {
    let relation: Relation
    let place: RelationPlace
    let toast: ToastPlace?
    /// How its tuples are laid out.
    let layouts: [ValueLayout]
    let columns: [PlannedColumn]
    /// The last attribute that is needed.
    let last: Int
}

/// Plans the scan of a table and of those below it.
struct Planner {
    private let database: PostgresDatabase
    private let options: TableScanOptions
    private var forms: TypeForms
    var catalog: DatabaseCatalog { database.catalog }
    /// Notes about the result for the user.
    private(set) var notes: [String] = []
    /// Whether writing the values needs names of objects.
    var needsNames: Bool { forms.needsNames }
    /// The access method `heap`; only its tables can be read.
    private static let heap: UInt32 = 2

    init(_ database: PostgresDatabase, _ options: TableScanOptions) {
        self.database = database
        self.options = options
        forms = TypeForms(
            database.catalog, version: database.directory.version,
            unknownAsHexadecimal: options.unknownTypesAsHexadecimal)
    }

    /// The columns of the table to show.
    func shown(_ table: PostgresTable) throws(StorageError) -> [Column] {
        let all = columns(of: table.number)
        let present = all.filter { !$0.isDropped }
        var shown = present
        if let names = options.columns {
            shown = []
            for name in names {
                guard let column = present.first(where: { $0.name == name }) else {
                    throw StorageError(
                        .noSuchObject,
                        "table \(table.schema).\(table.name) has no column \"\(name)\"",
                        remedy: "It has: \(present.map(\.name).joined(separator: ", ")).")
                }
                shown.append(column)
            }
        }
        if options.includesDropped { shown += all.filter(\.isDropped) }
        return shown
    }

    /// The columns of a relation. A sequence's differ between versions but are in the catalog.
    private func columns(of relation: UInt32) -> [Column] { catalog.columns[relation] ?? [] }

    /// The plan of a relation; nil if it has no rows to show.
    mutating func plan(
        _ relation: Relation, _ shown: [Column], isRoot: Bool
    ) throws(StorageError) -> RelationPlan? {
        guard let place = relation.place else {
            if relation.kind == UInt8(ascii: "f") {
                notes.append(
                    "\(relation.name) is a foreign table: its rows are not in this directory and"
                        + " are not shown")
            }
            return nil
        }
        guard relation.accessMethod == Self.heap || relation.kind == UInt8(ascii: "S") else {
            throw StorageError(
                .unsupported, "\(relation.name) is kept by an access method other than heap",
                remedy: "Read it with a server that has the access method.")
        }
        if relation.persistence == UInt8(ascii: "u") && !database.directory.isShutDown {
            notes.append(
                "\(relation.name) is unlogged: recovery would empty it, so no rows are shown")
            return nil
        }
        let own = columns(of: relation.number)
        guard own.count == relation.columnCount else {
            throw StorageError(
                .clusterDamaged,
                "the catalogs describe \(own.count) of the \(relation.columnCount) columns of"
                    + " \(relation.name)",
                remedy: "If a server is changing the table, try again; else the catalogs are"
                    + " damaged: restore them from a backup.",
                at: StorageError.Location(relation: relation.name))
        }
        var planned: [PlannedColumn] = []
        var last = -1
        for column in shown {
            let match =
                isRoot ? column : own.first { $0.name == column.name && !$0.isDropped } ?? column
            let isOwn = isRoot || own.contains { $0.name == column.name && !$0.isDropped }
            planned.append(try self.column(match, isOwn: isOwn, of: relation, &last))
        }
        if options.includesDead {
            for (name, source) in [
                ("xmin", .insertedBy), ("xmax", .deletedBy), ("state", .state),
            ] as [(String, PlannedColumn.Source)] {
                planned.append(
                    PlannedColumn(name: name, form: .unsigned, isVarlena: false, source: source))
            }
        }
        return RelationPlan(
            relation: relation, place: place, toast: catalog.toastPlace(of: relation),
            layouts: own.map(\.layout), columns: planned, last: last)
    }

    private mutating func column(
        _ column: Column, isOwn: Bool, of relation: Relation, _ last: inout Int
    ) throws(StorageError) -> PlannedColumn {
        let isVarlena = column.layout.isVarlena
        if column.isVirtual || !isOwn {
            if column.isVirtual {
                notes.append(
                    "column \(column.name) of \(relation.name) is computed on reading and not"
                        + " stored: it is shown as null")
            }
            return PlannedColumn(
                name: column.name, form: .text, isVarlena: isVarlena, source: .null)
        }
        let form: ValueForm = column.isDropped ? .hexadecimal : forms.form(of: column.type)
        if case .unsupported(let type) = form {
            throw StorageError(
                .unsupported,
                "column \(column.name) of \(relation.name) has type \(type), which cannot be"
                    + " printed",
                remedy: "Omit it with --columns, or show it in hexadecimal with"
                    + " --unknown-types hex.")
        }
        last = max(last, column.number - 1)
        let source = PlannedColumn.Source.attribute(column.number - 1, missing: column.missing)
        if options.keepsStoredValues, let kept = KeptType(column, catalog), !kept.isText {
            // The form `text` leaves bytes as they are.
            return PlannedColumn(
                name: column.name, form: .text, isVarlena: isVarlena, source: source,
                isBinary: kept.isBinary)
        }
        return PlannedColumn(
            name: column.name, form: form, isVarlena: isVarlena, source: source)
    }
}
