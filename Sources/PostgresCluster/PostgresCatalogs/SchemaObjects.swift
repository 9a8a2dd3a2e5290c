/// A constraint: a row of `pg_constraint`.
package struct Constraint: Sendable {
    package let number: UInt32
    package let name: String
    /// `contype`: `p` primary key, `u` unique, `f` foreign key, `c` check, `x` exclusion, `n` not
    /// null, `t` trigger.
    package let kind: UInt8
    /// The table; zero for a domain's constraint.
    package let relation: UInt32
    /// The domain; zero for a table's constraint.
    package let domain: UInt32
    package let index: UInt32
    /// The constraint of the partitioned table that it is part of; zero if it stands alone.
    package let parent: UInt32
    package let columns: [Int]
    package let otherRelation: UInt32
    package let otherColumns: [Int]
    /// What updating or deleting the other row does: `a` nothing, `r` restrict, `c` cascade, `n`
    /// set null, `d` set default.
    package let onUpdate: UInt8
    package let onDelete: UInt8
    /// `f` if all columns must be null together.
    package let match: UInt8
    package let isDeferrable: Bool
    package let isDeferred: Bool
    package let isValidated: Bool
    /// Whether its last column is a period without overlaps (PostgreSQL 18).
    package let hasPeriod: Bool
    /// The columns that `ON DELETE SET …` sets, if not all.
    package let setColumns: [Int]
}

/// An index: a row of `pg_index`.
package struct IndexEntry: Sendable {
    package let number: UInt32
    package let relation: UInt32
    package let isUnique: Bool
    package let isPrimary: Bool
    package let isExclusion: Bool
    package let isValid: Bool
    /// Whether nulls are equal to each other.
    package let nullsAreEqual: Bool
    /// How many of the columns are keys; the others are only included.
    package let keyCount: Int
    /// The columns' numbers; zero for an expression.
    package let columns: [Int]
    package let collations: [UInt32]
    package let operatorClasses: [UInt32]
    /// Bit 0: descending; bit 1: nulls first.
    package let options: [Int]
    package let hasPredicate: Bool

    /// Whether it is one of plain columns.
    package var isPlain: Bool { !hasPredicate && !columns.contains(0) && !columns.isEmpty }
}

/// The settings of a sequence: a row of `pg_sequence`.
package struct SequenceEntry: Sendable {
    package let type: UInt32
    package let start: Int64
    package let increment: Int64
    package let maximum: Int64
    package let minimum: Int64
    package let cache: Int64
    package let cycles: Bool
}

/// The column that a sequence belongs to.
package struct SequenceOwner: Sendable {
    package let relation: UInt32
    package let column: Int
    /// Whether it is the sequence of an identity column.
    package let isIdentity: Bool
}

/// An extension: a row of `pg_extension`.
package struct ExtensionEntry: Sendable {
    package let number: UInt32
    package let name: String
    package let schema: UInt32
}

/// How a table is partitioned: a row of `pg_partitioned_table`.
package struct PartitionKey: Sendable {
    /// `r` range, `l` list, `h` hash.
    package let strategy: UInt8
    /// The columns' numbers; zero for an expression.
    package let columns: [Int]
    package let operatorClasses: [UInt32]
    package let collations: [UInt32]
}

/// An object with a name in a schema, by what it is called elsewhere.
package struct NamedEntry: Sendable {
    package let name: String
    package let schema: UInt32
    /// Whether it is the default of its kind.
    package let isDefault: Bool
}

/// The parts of a range type: a row of `pg_range`.
package struct RangeEntry: Sendable {
    package let subtype: UInt32
    package let multirange: UInt32
    package let collation: UInt32
    package let operatorClass: UInt32
    package let canonical: UInt32
    package let difference: UInt32
}
