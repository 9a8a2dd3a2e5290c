public import AsyncIO
internal import PostgresCatalogs
internal import PostgresTypes
internal import RowSchema

/// A stored attribute of a table's tuples.
struct RescueAttribute: Sendable {
    let layout: ValueLayout
    /// How its values are written.
    let form: ValueForm
    /// The column type whose values' bytes can be checked more strictly than writing them does.
    let check: ColumnType?
    let isArray: Bool
    /// Whether it belongs to a dropped column, so that nothing is known but its layout.
    let isDropped: Bool

    init(
        layout: ValueLayout, form: ValueForm, type: UInt32 = 0, isArray: Bool = false,
        isDropped: Bool = false
    ) {
        self.layout = layout
        self.form = form
        self.isArray = isArray
        self.isDropped = isDropped
        check = isDropped ? nil : RescueTypes.checked[type]
    }
}

extension RescueAttribute {
    /// What keeps bytes from being a value, where that can be told without writing it; nil for
    /// nothing.
    func fault(in value: RawSpan, isUTF8: Bool) -> String? {
        guard let check else { return nil }
        let isText = check == .text || check == .varchar || check == .char || check == .json
        guard isText && !isUTF8 else { return check.fault(in: value) }
        return value.contains(where: { $0 == 0 }) ? "text contains a zero" : nil
    }
}

/// A column of rescued rows.
public struct RescueColumn: Sendable {
    /// Its name.
    public let name: String
    /// The attribute that it shows; nil if nothing is stored for it.
    let attribute: Int?
    /// Its value in rows that are older than the column.
    let missing: MissingValue
    /// Whether its text is a number, except for NaN and the infinities.
    public let isNumber: Bool
    /// Whether its text is `t` or `f`.
    public let isBoolean: Bool

    init(_ name: String, attribute: Int?, missing: MissingValue = .null, form: ValueForm) {
        self.name = name
        self.attribute = attribute
        self.missing = missing
        switch form {
        case .smallint, .integer, .bigint, .real, .double, .numeric, .unsigned: isNumber = true
        default: isNumber = false
        }
        if case .boolean = form { isBoolean = true } else { isBoolean = false }
    }
}

/// How a table's tuples are laid out, and the columns that are made of them.
struct RescueShape: Sendable {
    let attributes: [RescueAttribute]
    let columns: [RescueColumn]
    /// Whether text may be checked for being UTF-8.
    var isUTF8 = true

    /// The rows of a TOAST relation: value, number of the chunk, bytes.
    static let toast: RescueShape = {
        let attributes = ["oid", "integer", "bytea"].compactMap { RescueTypes.attribute($0) }
        return RescueShape(attributes: attributes, columns: [])
    }()
}

/// Columns given as text, for tables that no catalog describes: `id bigint, name text NOT NULL`.
public struct RescueSchema: Sendable {
    let shape: RescueShape
    /// The columns.
    public var columns: [RescueColumn] { shape.columns }
    /// The columns' names.
    public var columnNames: [String] { shape.columns.map(\.name) }

    /// Reads a column list as SQL writes it. Every type that all servers have can be named, arrays
    /// of them, `hstore`, `citext` and `ltree`; `enum` stands for any enumerated type, whose values
    /// are shown as numbers. Columns that were dropped from the table must be named too, with their
    /// types. Modifiers and constraints are passed over.
    ///
    /// - Throws: `invalidSchema` with the column at fault.
    public init(parsing text: String) throws(StorageError) {
        var attributes: [RescueAttribute] = []
        var columns: [RescueColumn] = []
        for part in try SchemaText.parts(of: text) {
            guard let attribute = RescueTypes.attribute(part.type) else {
                throw SchemaText.invalid(
                    "column \"\(part.name)\" has the unknown type \"\(part.type)\"",
                    "Known are \(RescueTypes.knownNames), and arrays of them.")
            }
            columns.append(
                RescueColumn(part.name, attribute: attributes.count, form: attribute.form))
            attributes.append(attribute)
        }
        shape = RescueShape(attributes: attributes, columns: columns)
    }
}
