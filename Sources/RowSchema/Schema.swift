/// A column of a relation: its name, its type and whether it may be NULL.
public struct Column: Sendable, Hashable {
    /// The name, at most ``Schema/maximumNameLength`` bytes of UTF-8.
    public let name: String
    /// The type of its values.
    public let type: ColumnType
    /// What stands in parentheses behind the type's name; nil if nothing does.
    public let modifier: TypeModifier?
    /// Whether its values may be NULL.
    public let isNullable: Bool
    /// The only spelling of its values, so that every text comes back the same: that of a column
    /// whose type was inferred. Nil if the type was given: loads accept what PostgreSQL accepts,
    /// and scans write what PostgreSQL writes.
    public let spelling: Spelling?

    /// Describes a column. A ``Schema`` checks the name, the modifier and the spelling.
    public init(
        name: String, type: ColumnType, modifier: TypeModifier? = nil, isNullable: Bool = true,
        spelling: Spelling? = nil
    ) {
        self.name = name
        self.type = type
        self.modifier = modifier
        self.isNullable = isNullable
        self.spelling = spelling
    }
}

extension Column {
    /// The type as SQL writes it, such as `numeric(10,2)` or `varchar(5)[]`.
    public var sqlType: String {
        guard let modifier else { return type.sqlName }
        let scalar = type.element ?? type
        return (scalar == .char ? "char" : scalar.sqlName) + modifier.sqlText
            + (type.element == nil ? "" : "[]")
    }

    /// Whether a name has control characters, which new relations must not have.
    public static func hasControlCharacters(_ name: String) -> Bool {
        name.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }
}

/// The columns of a relation, in the order of their attributes in its tuples.
///
/// A schema is never empty, never has two columns of one name, and never has more columns than a
/// heap tuple can hold.
///
/// Its text form is the text between the parentheses of SQL's `CREATE TABLE`; ``init(parsing:)``
/// reads what ``sqlText`` wrote.
public struct Schema: Sendable, Hashable {
    /// PostgreSQL's `MaxHeapAttributeNumber`.
    public static let maximumColumnCount = 1600
    /// Bytes of UTF-8 in a name: PostgreSQL's `NAMEDATALEN` without the terminator.
    public static let maximumNameLength = 63

    /// The columns in order.
    public let columns: [Column]

    /// Makes a schema from columns.
    ///
    /// - Throws: ``SchemaError`` if there are no columns or too many, if a name is empty, too long
    ///   or contains a NUL character, if two columns share a name, or if a type has no such
    ///   modifier or spelling.
    public init(_ columns: [Column]) throws(SchemaError) {
        guard !columns.isEmpty else { throw .noColumns }
        guard columns.count <= Self.maximumColumnCount else {
            throw .tooManyColumns(count: columns.count)
        }
        var seen: Set<String> = []
        for (index, column) in columns.enumerated() {
            if column.name.isEmpty { throw .emptyName(position: index + 1) }
            if column.name.utf8.count > Self.maximumNameLength || column.name.utf8.contains(0) {
                throw .invalidName(column.name)
            }
            if let modifier = column.modifier, !modifier.isValid(for: column.type) {
                throw .typeModifier(column.type.sqlName, column: column.name)
            }
            if let spelling = column.spelling,
                !Spelling.spellings(of: column.type).contains(spelling)
            {
                throw .spelling(spelling, column: column.name)
            }
            if !seen.insert(column.name).inserted { throw .duplicateName(column.name) }
        }
        self.columns = columns
    }

    /// Throws if a name could control a terminal. Existing relations may have such names.
    ///
    /// - Throws: ``SchemaError/controlCharacters(name:)``.
    package func checkNames() throws(SchemaError) {
        for column in columns where Column.hasControlCharacters(column.name) {
            throw .controlCharacters(name: column.name)
        }
    }

    /// The position of the column with this exact name, counted from zero. O(columns).
    public func index(of name: String) -> Int? {
        columns.firstIndex { $0.name == name }
    }

    /// Whether the columns have the same names and types, and NULL is allowed in the same ones. How
    /// values are spelled does not matter.
    public func hasColumns(of other: Schema) -> Bool {
        columns.count == other.columns.count
            && zip(columns, other.columns).allSatisfy {
                $0.name == $1.name && $0.type == $1.type && $0.modifier == $1.modifier
                    && $0.isNullable == $1.isNullable
            }
    }

    /// The schema as SQL writes it: `id bigint, "Full Name" text NOT NULL`. The spelling of values
    /// is not part of it.
    public var sqlText: String {
        columns.map { column in
            let suffix = column.isNullable ? "" : " NOT NULL"
            return "\(Self.quoted(column.name)) \(column.sqlType)\(suffix)"
        }.joined(separator: ", ")
    }

    /// A name in SQL's spelling: bare if it consists of lower-case letters, digits and underscores,
    /// else in double quotes. Mirrors PostgreSQL's `quote_identifier`, except for reserved words.
    public static func quoted(_ name: String) -> String {
        let bytes = name.utf8
        let plain = bytes.enumerated().allSatisfy { position, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): position > 0
            default: false
            }
        }
        if plain && !bytes.isEmpty { return name }
        var result = "\""
        for scalar in name.unicodeScalars {
            if scalar == "\"" { result += "\"" }
            result.unicodeScalars.append(scalar)
        }
        return result + "\""
    }
}

extension Schema: CustomStringConvertible {
    public var description: String { sqlText }
}
