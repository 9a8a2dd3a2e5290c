internal import PostgresCatalogs
internal import PostgresTypes

extension DumpScript {
    /// The statement that makes a type; nil if it cannot be said.
    mutating func statement(forType number: UInt32) -> String? {
        guard let entry = catalog.types[number] else { return nil }
        let name = names.qualified(entry.name, entry.schema)
        switch entry.kind {
        case UInt8(ascii: "e"):
            let labels = (catalog.labels[number] ?? []).map {
                "    \(DumpNames.literal(catalog.encoding.string($0.rawName)))"
            }
            return "CREATE TYPE \(name) AS ENUM (\n\(labels.joined(separator: ",\n"))\n);\n"
        case UInt8(ascii: "c"):
            let columns = (catalog.columns[entry.relation] ?? []).filter { !$0.isDropped }.map {
                "    \(Identifiers.quoted($0.name)) \(names.type($0.type, modifier: $0.modifier))"
                    + collation(of: $0, in: entry.relation)
            }
            return "CREATE TYPE \(name) AS (\n\(columns.joined(separator: ",\n"))\n);\n"
        case UInt8(ascii: "d"): return domain(entry, name)
        case UInt8(ascii: "r"): return range(number, name)
        default: return nil
        }
    }

    /// The clause for a column's collation.
    func collation(of column: Column, in relation: UInt32) -> String {
        names.collation(
            details.collations[relation]?[column.number] ?? 0,
            usual: details.typeCollations[column.type] ?? 0)
    }

    private mutating func domain(_ entry: TypeEntry, _ name: String) -> String {
        var text =
            "CREATE DOMAIN \(name) AS \(names.type(entry.base, modifier: entry.modifier))"
        text += names.collation(
            details.typeCollations[entry.number] ?? 0,
            usual: details.typeCollations[entry.base] ?? 0)
        if let tree = details.typeDefaults[entry.number] {
            if let expression = constants.expression(tree) {
                text += " DEFAULT \(expression)"
            } else {
                omit("default of domain \(name)", "the expression cannot be said")
            }
        }
        if entry.isNotNull { text += " NOT NULL" }
        return text + ";\n"
    }

    private mutating func range(_ number: UInt32, _ name: String) -> String? {
        guard let range = details.ranges[number] else { return nil }
        var parts = ["SUBTYPE = \(names.type(range.subtype))"]
        if let multirange = catalog.types[range.multirange] {
            parts.append(
                "MULTIRANGE_TYPE_NAME = \(names.qualified(multirange.name, multirange.schema))")
        }
        let operators = names.operatorClass(range.operatorClass)
        if !operators.isEmpty { parts.append("SUBTYPE_OPCLASS =\(operators)") }
        if range.collation != 0, range.collation != SchemaDetails.defaultCollation,
            let collation = details.collationNames[range.collation]
        {
            parts.append("COLLATION = \(names.qualified(collation.name, collation.schema))")
        }
        if range.difference != 0 {
            if range.difference < SchemaDetails.firstUserNumber,
                let function = objects.plainName(ofFunction: range.difference)
            {
                parts.append(
                    "SUBTYPE_DIFF = pg_catalog.\(catalog.encoding.string(function))")
            } else {
                omit("difference function of range type \(name)", "functions cannot be said")
            }
        }
        if range.canonical != 0 {
            omit("canonical function of range type \(name)", "functions cannot be said")
        }
        return "CREATE TYPE \(name) AS RANGE (\n    \(parts.joined(separator: ",\n    "))\n);\n"
    }
}
