package import PostgresTypes

/// A column of a table, or an attribute of a row type: a row of `pg_attribute`.
package struct Column: Sendable {
    /// The name. A dropped column has the name that the server gave it.
    package let name: String
    /// The number of its type; zero for a dropped column.
    package let type: UInt32
    /// The number of the column, counted from one.
    package let number: Int
    /// The type's modifier, such as a length or precision; -1 for none.
    package let modifier: Int
    /// How its values are laid out.
    package let layout: ValueLayout
    package let isDropped: Bool
    package let isNotNull: Bool
    package let hasDefault: Bool
    /// `attidentity`: `a` or `d` for an identity column, else zero.
    package let identity: UInt8
    /// `attgenerated`: `s` stored, `v` virtual, else zero.
    package let generated: UInt8
    /// What the column is in rows older than the column.
    package let missing: MissingValue

    /// Whether the column's values are computed on reading and not stored.
    package var isVirtual: Bool { generated == UInt8(ascii: "v") }
}

/// What a column is in rows that are older than the column.
package enum MissingValue: Sendable {
    case null
    /// The value as it would be stored, without a length word.
    case value([UInt8])
    /// There is one that cannot be decoded, for this reason.
    case damaged(ValueFault)
}
