/// Why a list of columns is not a schema.
public enum SchemaError: Error, Sendable, Hashable {
    /// The list is empty.
    case noColumns
    /// A heap tuple cannot hold that many attributes.
    case tooManyColumns(count: Int)
    /// The column at this position, counted from one, has no name.
    case emptyName(position: Int)
    /// The name is longer than 63 bytes or contains a NUL character.
    case invalidName(String)
    /// The name has control characters, which a terminal would execute.
    case controlCharacters(name: String)
    /// Two columns have this name.
    case duplicateName(String)
    /// No type has this name.
    case unknownType(String, column: String)
    /// The column is named but no type follows.
    case missingType(column: String)
    /// The type has no length or precision, or not this one, as in `varchar(0)`.
    case typeModifier(String, column: String)
    /// Values of the column's type are not spelled so.
    case spelling(Spelling, column: String)
    /// This text is not allowed here by the syntax; offset in bytes of UTF-8.
    case unexpected(String, offset: Int)
    /// A quoted name begins at this offset, in bytes of UTF-8, and does not end.
    case unterminatedName(offset: Int)
}

extension SchemaError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noColumns:
            "the schema has no columns; give it as \"name type, name type, …\""
        case .tooManyColumns(let count):
            "the schema has \(count) columns; at most \(Schema.maximumColumnCount) fit in a tuple"
        case .emptyName(let position):
            "column \(position) of the schema has an empty name"
        case .invalidName(let name):
            "\"\(name)\" cannot name a column: a name has at most \(Schema.maximumNameLength)"
                + " bytes and no NUL character"
        case .controlCharacters(let name):
            "\(name.debugDescription) cannot name a column: it has control characters"
        case .duplicateName(let name):
            "two columns of the schema are named \"\(name)\""
        case .unknownType(let type, let column):
            "column \"\(column)\" has the unknown type \"\(type)\"; the types are"
                + " \(ColumnType.knownNames)"
        case .missingType(let column):
            "column \"\(column)\" has no type; the types are \(ColumnType.knownNames)"
        case .typeModifier(let type, let column):
            "column \"\(column)\" gives the type \"\(type)\" a length or precision that it does not"
                + " have; write varchar(n), char(n), numeric(p,s), or seconds with up to 6 digits"
                + " as in timestamp(3)"
        case .spelling(let spelling, let column):
            "column \"\(column)\" has the spelling \(spelling), which its type does not have"
        case .unexpected(let text, let offset):
            "\"\(text)\" at byte \(offset) of the schema is not understood; a column is written"
                + " as name, type, and optionally NULL or NOT NULL"
        case .unterminatedName(let offset):
            "the quoted name at byte \(offset) of the schema has no closing quote"
        }
    }
}
