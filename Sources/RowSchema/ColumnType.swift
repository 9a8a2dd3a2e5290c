/// The type of a column: the form of its text, and the layout of its datum in a heap tuple.
///
/// Lengths and alignments are those of PostgreSQL's `pg_type`, so PostgreSQL can read the tuples.
public enum ColumnType: Sendable, Hashable, CaseIterable {
    case boolean
    case smallint
    case integer
    case bigint
    case real
    case doublePrecision
    case text
    case date
    case timestamp
    case uuid
    case bytea
    case numeric
    case time
    case timestampTZ
    case interval
    case varchar
    /// `char(n)`, which PostgreSQL calls `bpchar`: padded with blanks.
    case char
    case json
    case jsonb
    /// An array of values of another type, in any number of dimensions.
    case array(of: ArrayElement)

    /// The type's SQL name, as PostgreSQL's `format_type` prints it (`timestamp` is short for
    /// `timestamp without time zone`, `timestamptz` for `timestamp with time zone`, `time` for
    /// `time without time zone`, `varchar` for `character varying`).
    public var sqlName: String {
        switch self {
        case .boolean: "boolean"
        case .smallint: "smallint"
        case .integer: "integer"
        case .bigint: "bigint"
        case .real: "real"
        case .doublePrecision: "double precision"
        case .text: "text"
        case .date: "date"
        case .timestamp: "timestamp"
        case .uuid: "uuid"
        case .bytea: "bytea"
        case .numeric: "numeric"
        case .time: "time"
        case .timestampTZ: "timestamptz"
        case .interval: "interval"
        case .varchar: "varchar"
        case .char: "bpchar"
        case .json: "json"
        case .jsonb: "jsonb"
        case .array(let element): "\(element.type.sqlName)[]"
        }
    }

    /// The length of a datum in bytes; nil if every datum carries its own (varlena). Mirrors
    /// `pg_type.typlen`.
    public var storedLength: Int? {
        switch self {
        case .boolean: 1
        case .smallint: 2
        case .integer, .real, .date: 4
        case .bigint, .doublePrecision, .time, .timestamp, .timestampTZ: 8
        case .uuid, .interval: 16
        case .text, .bytea, .numeric, .varchar, .char, .json, .jsonb, .array: nil
        }
    }

    /// The alignment in bytes of a datum within the tuple's data. A varlena with a one-byte header
    /// ignores it. Mirrors `pg_type.typalign`.
    public var alignment: Int {
        switch self {
        case .boolean, .uuid: 1
        case .smallint: 2
        case .integer, .real, .date, .text, .bytea, .numeric, .varchar, .char, .json, .jsonb: 4
        case .bigint, .doublePrecision, .time, .timestamp, .timestampTZ, .interval: 8
        case .array(let element): max(4, element.type.alignment)
        }
    }

    /// The type's object id in every PostgreSQL cluster (`pg_type.oid`).
    public var objectIdentifier: UInt32 {
        switch self {
        case .boolean: 16
        case .bytea: 17
        case .bigint: 20
        case .smallint: 21
        case .integer: 23
        case .text: 25
        case .json: 114
        case .real: 700
        case .doublePrecision: 701
        case .char: 1042
        case .varchar: 1043
        case .date: 1082
        case .time: 1083
        case .timestamp: 1114
        case .timestampTZ: 1184
        case .interval: 1186
        case .numeric: 1700
        case .uuid: 2950
        case .jsonb: 3802
        case .array(let element): element.arrayIdentifier
        }
    }

    /// Finds a type by its SQL name or a common alias, ignoring letter case and the width of white
    /// space; nil if there is none.
    public init?(sqlName: String) {
        let words = sqlName.split(whereSeparator: \.isWhitespace).map { $0.lowercased() }
        let name = words.joined(separator: " ")
        if name.hasSuffix("[]") {
            guard let element = ColumnType(sqlName: String(name.dropLast(2))) else { return nil }
            self = element.array
            return
        }
        // The names that arrays have in PostgreSQL's catalog.
        if name.first == "_", Self.catalogNames.contains(String(name.dropFirst())) {
            guard let element = ColumnType(sqlName: String(name.dropFirst())) else { return nil }
            self = element.array
            return
        }
        switch name {
        case "boolean", "bool": self = .boolean
        case "smallint", "int2": self = .smallint
        case "integer", "int", "int4": self = .integer
        case "bigint", "int8": self = .bigint
        case "real", "float4": self = .real
        case "double precision", "float8", "float": self = .doublePrecision
        case "text": self = .text
        case "date": self = .date
        case "timestamp", "timestamp without time zone": self = .timestamp
        case "timestamptz", "timestamp with time zone": self = .timestampTZ
        case "time", "time without time zone": self = .time
        case "interval": self = .interval
        case "varchar", "character varying", "char varying", "national character varying",
            "national char varying", "nchar varying":
            self = .varchar
        case "char", "character", "bpchar", "national character", "national char", "nchar":
            self = .char
        case "json": self = .json
        case "jsonb": self = .jsonb
        case "uuid": self = .uuid
        case "bytea": self = .bytea
        case "numeric", "decimal", "dec": self = .numeric
        default: return nil
        }
    }

    private static let catalogNames: Set<String> = [
        "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "numeric",
        "date", "time", "timestamp", "timestamptz", "interval", "uuid", "bytea", "json", "jsonb",
    ]

    /// Every type's SQL name, separated by commas, for messages.
    public static var knownNames: String {
        scalars.map(\.sqlName).joined(separator: ", ") + ", and arrays of these such as integer[]"
    }
}

extension ColumnType: CustomStringConvertible {
    public var description: String { sqlName }
}
