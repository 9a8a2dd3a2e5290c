package import PostgresTypes

/// A column of a table, or an attribute of a row type: a row of `pg_attribute`.
package struct Column: Sendable {
    /// The name; of a dropped column what the server made of it.
    package let name: String
    /// The number of its type; zero for a dropped column.
    package let type: UInt32
    /// The number of the column, counted from one.
    package let number: Int
    /// What restricts the type: a length, a precision; -1 for nothing.
    package let modifier: Int
    /// How its values lie.
    package let layout: ValueLayout
    package let isDropped: Bool
    package let isNotNull: Bool
    package let hasDefault: Bool
    /// `attidentity`: `a` or `d` for an identity column, else zero.
    package let identity: UInt8
    /// `attgenerated`: `s` stored, `v` virtual, else zero.
    package let generated: UInt8
    /// What rows have that are older than the column: the value as it would be stored, without a
    /// length; nil for null.
    package let missing: [UInt8]?

    /// Whether the column's values are computed when they are read and not stored.
    package var isVirtual: Bool { generated == UInt8(ascii: "v") }
}
