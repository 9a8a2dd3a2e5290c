internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes

/// What the catalogs say of a relation with files.
struct KnownRelation: Sendable {
    /// Such as `table public.t of database app`.
    let owner: String
    /// Its first file, relative to the data directory.
    let path: String
    /// Its database's name if a server may have been dropping or moving that; nil otherwise.
    let changingDatabase: String?
    /// The kind of its pages; nil if its access method is not known.
    let kind: PostgresPageKind?
    /// Whether a crash empties it; then it has an init fork.
    let isUnlogged: Bool
    /// The server's last estimate of its length.
    let estimatedPages: Int
    /// Whether it is an index that was built completely.
    let isValidIndex: Bool
    /// The first file of the table of such an index.
    let table: String?
    /// Whether its file can never be empty: it is a complete index or a sequence.
    let hasPages: Bool
    /// The number of its TOAST relation and that relation's first file; nil if it has none.
    let toast: Toast?
    /// The layouts of a table's or B-tree's columns; nil if they were not asked for.
    let layouts: [ValueLayout]?
    /// The limits of the transactions in its rows; zero if there are none.
    let frozenTransaction: UInt32
    let oldestMultixact: UInt32

    struct Toast: Sendable {
        let number: UInt32
        let path: String
    }

    init(
        _ relation: Relation, _ place: RelationPlace, in inventory: RelationInventory,
        of directory: DataDirectory, isDeep: Bool
    ) {
        let schema = inventory.schemas[relation.schema].map { $0 + "." } ?? ""
        owner =
            "\(Self.word(relation.kind)) \(schema)\(relation.name) of database"
            + " \(inventory.database.name)"
        path = directory.path(place)
        changingDatabase = inventory.database.isBeingChanged ? inventory.database.name : nil
        kind = PostgresPageKind(relationKind: relation.kind, accessMethod: relation.accessMethod)
        isUnlogged = relation.persistence == UInt8(ascii: "u")
        estimatedPages = relation.estimatedPages
        let indexed =
            relation.kind == UInt8(ascii: "i") ? inventory.validIndexes[relation.number] : nil
        isValidIndex = indexed != nil
        table = indexed.flatMap { inventory.relations[$0]?.place }.map { directory.path($0) }
        hasPages = relation.kind == UInt8(ascii: "S") || isValidIndex && kind != nil
        toast = inventory.relations[relation.toast].flatMap { toast in
            toast.place.map { Toast(number: toast.number, path: directory.path($0)) }
        }
        let columns = inventory.columns[relation.number] ?? []
        // Without all its columns, values cannot be found.
        layouts =
            isDeep && (kind == .heap || kind == .btree) && columns.count == relation.columnCount
            ? columns.map(\.layout) : nil
        frozenTransaction = relation.frozenTransaction
        oldestMultixact = relation.oldestMultixact
    }

    private static func word(_ kind: UInt8) -> String {
        switch kind {
        case UInt8(ascii: "i"): "index"
        case UInt8(ascii: "S"): "sequence"
        case UInt8(ascii: "m"): "materialized view"
        case UInt8(ascii: "t"): "TOAST table"
        default: "table"
        }
    }
}
