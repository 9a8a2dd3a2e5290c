package import PostgresReading
internal import PostgresTypes

/// A database of the cluster.
package struct Database: Sendable {
    package let number: UInt32
    package let name: String
    package let tablespace: UInt32
    /// The number of its encoding.
    package let encoding: Int32
    /// Whether clients may connect to it; false for `template0`.
    package let allowsConnections: Bool
    package let isTemplate: Bool
    /// Whether a transaction, whatever its outcome, has begun to drop or change it. Its folder may
    /// be gone before the catalog on disk says so.
    package let isBeingChanged: Bool
}

extension Database {
    /// A database of which only the number is known: in the default tablespace, and in UTF-8.
    package init(unnamed number: UInt32) {
        self.init(
            number: number, name: "number \(number)",
            tablespace: RelationPlace.defaultTablespace, encoding: TextEncoding.utf8.number,
            allowsConnections: true, isTemplate: false, isBeingChanged: false)
    }
}

/// A relation: a row of `pg_class`.
package struct Relation: Sendable {
    package let number: UInt32
    package let name: String
    /// The name in the database's encoding.
    package let rawName: [UInt8]
    package let schema: UInt32
    /// The number of its row type.
    package let rowType: UInt32
    /// `relkind`: `r` table, `p` partitioned, `m` materialized view, `S` sequence, and so on.
    package let kind: UInt8
    /// `relpersistence`: `p` permanent, `u` unlogged, `t` temporary.
    package let persistence: UInt8
    /// Its tablespace, as the catalog records it: zero for the database's own.
    package let tablespace: UInt32
    /// Where its files are; nil if it has none.
    package let place: RelationPlace?
    /// The server's last estimates; -1 rows if there is none.
    package let estimatedPages: Int
    package let estimatedRows: Float
    /// The TOAST relation; zero if there is none.
    package let toast: UInt32
    /// How many columns it has, including dropped ones.
    package let columnCount: Int
    package let isPartition: Bool
    package let isPopulated: Bool
    package let isShared: Bool
    /// The number of its access method: 2 for `heap`.
    package let accessMethod: UInt32
    /// Which rows it accepts, if it is a partition.
    package let bound: PartitionBound?
    /// No transaction before this one is named in its rows, and no multixact before that one; zero
    /// if it has no rows.
    package let frozenTransaction: UInt32
    package let oldestMultixact: UInt32
}

/// A type: a row of `pg_type`.
package struct TypeEntry: Sendable {
    package let number: UInt32
    package let name: String
    package let rawName: [UInt8]
    package let schema: UInt32
    package let length: Int16
    package let alignment: UInt8
    /// `typtype`: `b` base, `c` composite, `d` domain, `e` enumeration, `r` range, `m` multirange,
    /// `p` pseudo.
    package let kind: UInt8
    package let delimiter: UInt8
    /// The relation of a composite type.
    package let relation: UInt32
    package let element: UInt32
    package let array: UInt32
    /// The type that a domain restricts.
    package let base: UInt32
    package let modifier: Int
    package let isNotNull: Bool
}
