internal import PostgresCatalogs
internal import PostgresCluster

/// Names and types as a script writes them. The names of users' objects always have their schema.
struct DumpNames {
    let catalog: DatabaseCatalog
    let details: SchemaDetails

    /// The schema of the system's own objects.
    private static let system = DatabaseCatalog.systemSchema

    /// A name within a schema.
    func qualified(_ name: String, _ schema: UInt32) -> String {
        "\(Identifiers.quoted(catalog.schemas[schema] ?? "")).\(Identifiers.quoted(name))"
    }

    func relation(_ number: UInt32) -> String {
        guard let relation = catalog.relations[number] else { return "number \(number)" }
        return qualified(relation.name, relation.schema)
    }

    /// A type with its modifier, such as `numeric(10,2)` or `public.mood[]`.
    func type(_ number: UInt32, modifier: Int = -1) -> String {
        guard let entry = catalog.types[number] else { return "number \(number)" }
        if entry.element != 0, entry.length == -1,
            catalog.types[entry.element]?.array == number
        {
            return type(entry.element, modifier: modifier) + "[]"
        }
        guard entry.schema == Self.system else { return qualified(entry.name, entry.schema) }
        // Without quotes, `bit` means `bit(1)`.
        if number == Self.bit && modifier < 0 { return "pg_catalog.\"bit\"" }
        return catalog.typeName(number, modifier: modifier)
    }

    private static let bit: UInt32 = 1560

    /// The columns of a relation by their numbers, separated by commas; nil if one is missing.
    func columns(_ numbers: [Int], of relation: UInt32) -> String? {
        var names: [String] = []
        for number in numbers {
            guard let name = column(number, of: relation) else { return nil }
            names.append(name)
        }
        return names.joined(separator: ", ")
    }

    /// The name of a column; nil if it was dropped or never existed.
    func column(_ number: Int, of relation: UInt32) -> String? {
        guard let columns = catalog.columns[relation], number >= 1, number <= columns.count,
            !columns[number - 1].isDropped
        else { return nil }
        return Identifiers.quoted(columns[number - 1].name)
    }

    /// The clause for a collation, with a blank before it; empty if it is the usual one.
    func collation(_ number: UInt32, usual: UInt32) -> String {
        guard number != 0, number != usual, let entry = details.collationNames[number] else {
            return ""
        }
        return " COLLATE \(qualified(entry.name, entry.schema))"
    }

    /// The clause for an operator class, with a blank before it; empty if it is the default.
    func operatorClass(_ number: UInt32) -> String {
        guard let entry = details.operatorClasses[number], !entry.isDefault else { return "" }
        return " \(qualified(entry.name, entry.schema))"
    }

    /// A text as a literal.
    static func literal(_ text: String) -> String {
        "'\(text.replacing("'", with: "''"))'"
    }

    /// A text within a comment, which a line break would end.
    static func comment(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
    }
}
