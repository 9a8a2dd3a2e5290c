/// A relation of a database, as listed.
public struct PostgresTable: Sendable, Hashable {
    /// What a relation is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// An ordinary table.
        case table
        /// A table whose rows are in its partitions.
        case partitionedTable = "partitioned table"
        /// A view whose rows are stored.
        case materializedView = "materialized view"
        /// A generator of numbers.
        case sequence
        /// A named query.
        case view
        /// A table stored elsewhere.
        case foreignTable = "foreign table"

        /// The kind that `relkind` names.
        init?(_ letter: UInt8) {
            switch letter {
            case UInt8(ascii: "r"): self = .table
            case UInt8(ascii: "p"): self = .partitionedTable
            case UInt8(ascii: "m"): self = .materializedView
            case UInt8(ascii: "S"): self = .sequence
            case UInt8(ascii: "v"): self = .view
            case UInt8(ascii: "f"): self = .foreignTable
            case UInt8(ascii: "t"): self = .table
            default: return nil
            }
        }

        /// Whether the relation has rows of its own on disk.
        public var isStored: Bool {
            self == .table || self == .materializedView || self == .sequence
        }
    }

    /// The schema's name.
    public let schema: String
    /// The relation's name.
    public let name: String
    /// What it is.
    public let kind: Kind
    /// Its number in `pg_class`.
    public let number: UInt32
    /// Its first file, relative to the data directory; nil if it has none.
    public let file: String?
    /// The tablespace's name; nil if the relation has no file.
    public let tablespace: String?
    /// How many pages its main fork has on disk.
    public let pages: Int
    /// The server's last estimate; nil if there is none.
    public let estimatedRows: Double?
    /// Whether recovery from a crash empties it.
    public let isUnlogged: Bool
    /// Whether it is a partition of another table.
    public let isPartition: Bool
    /// Its columns, without dropped ones.
    public let columns: [PostgresColumn]
}

/// A column of a table.
public struct PostgresColumn: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its type, as SQL writes it: `numeric(10,2)`.
    public let type: String
    /// Whether it may be null.
    public let isNullable: Bool
}
