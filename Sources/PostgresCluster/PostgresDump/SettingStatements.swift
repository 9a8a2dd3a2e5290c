internal import PostgresCatalogs

/// Statements about how tables and their columns are kept, and comments.
extension DumpScript {
    /// The statements that say how a table and its columns are kept.
    mutating func settings(of table: Relation) -> String {
        let name = names.relation(table.number)
        var text = ""
        // Each stands alone, since another version may not know it.
        for parameter in settings.parameters[table.number] ?? [] {
            text += "ALTER TABLE \(name) SET (\(Self.setting(parameter)));\n"
        }
        for parameter in settings.parameters[table.toast] ?? [] {
            text += "ALTER TABLE \(name) SET (toast.\(Self.setting(parameter)));\n"
        }
        for column in catalog.columns[table.number] ?? [] where !column.isDropped {
            text += settings(of: column, in: table)
        }
        if settings.securedTables.contains(table.number) {
            omit(
                "row security of table \(name)",
                "it is off, since it would hide all rows without its policies")
        }
        if settings.typedTables.contains(table.number) {
            omit("type of table \(name)", "the table has the type's columns as its own")
        }
        return text
    }

    /// The parameters that columns of tables have. Servers of some vendors keep others there, which
    /// differ from column to column.
    private static let columnParameters: Set<String> = ["n_distinct", "n_distinct_inherited"]

    private mutating func settings(of column: Column, in table: Relation) -> String {
        guard let own = settings.columns[table.number]?[column.number] else { return "" }
        let start =
            "ALTER TABLE ONLY \(names.relation(table.number)) ALTER COLUMN"
            + " \(Identifiers.quoted(column.name)) SET "
        var text = ""
        if own.storage != settings.typeStorage[column.type], let word = Self.storage(own.storage) {
            text += start + "STORAGE \(word);\n"
        }
        switch own.compression {
        case UInt8(ascii: "p"): text += start + "COMPRESSION pglz;\n"
        case UInt8(ascii: "l"): text += start + "COMPRESSION lz4;\n"
        default: break
        }
        if let target = own.statistics { text += start + "STATISTICS \(target);\n" }
        for parameter in own.parameters where parameter.name != Self.columnVersion {
            if Self.columnParameters.contains(parameter.name) {
                text += start + "(\(Self.setting(parameter)));\n"
            } else {
                omit("parameter \(parameter.name) of columns", "servers do not know it")
            }
        }
        return text
    }

    /// The entry in which servers from 15.20 and its contemporaries on number a column's versions.
    /// They make it themselves, and `pg_dump` leaves it out.
    private static let columnVersion = "pg_attver"

    private static func storage(_ letter: UInt8) -> String? {
        switch letter {
        case UInt8(ascii: "p"): "PLAIN"
        case UInt8(ascii: "e"): "EXTERNAL"
        case UInt8(ascii: "m"): "MAIN"
        case UInt8(ascii: "x"): "EXTENDED"
        default: nil
        }
    }

    private static func setting(_ parameter: SchemaSettings.Parameter) -> String {
        "\(Identifiers.quoted(parameter.name)) = \(DumpNames.literal(parameter.value))"
    }

    /// The clause for an index's storage parameters, with a blank before it; empty if it has none.
    func parameters(ofIndex index: UInt32) -> String {
        let list = settings.parameters[index] ?? []
        if list.isEmpty { return "" }
        return " WITH (\(list.map(Self.setting).joined(separator: ", ")))"
    }

    /// The clause for the operator class of an index's column, counted from one.
    func operatorClass(_ number: UInt32, ofColumn column: Int, in index: UInt32) -> String {
        let list = settings.columns[index]?[column]?.parameters ?? []
        guard !list.isEmpty, let entry = details.operatorClasses[number] else {
            return names.operatorClass(number)
        }
        return " \(names.qualified(entry.name, entry.schema))"
            + " (\(list.map(Self.setting).joined(separator: ", ")))"
    }

    /// The statements about tables that need their indexes.
    func statementsAboutIndexes(of table: Relation) -> String {
        let start = "ALTER TABLE ONLY \(names.relation(table.number)) "
        var text = ""
        if let index = settings.clusterIndexes[table.number], said.contains(index),
            let relation = catalog.relations[index]
        {
            text +=
                "ALTER TABLE \(names.relation(table.number)) CLUSTER ON"
                + " \(Identifiers.quoted(relation.name));\n"
        }
        switch settings.identities[table.number] {
        case UInt8(ascii: "f"): text += start + "REPLICA IDENTITY FULL;\n"
        case UInt8(ascii: "n"): text += start + "REPLICA IDENTITY NOTHING;\n"
        case UInt8(ascii: "i"):
            if let index = settings.identityIndexes[table.number], said.contains(index),
                let relation = catalog.relations[index]
            {
                text +=
                    start + "REPLICA IDENTITY USING INDEX"
                    + " \(Identifiers.quoted(relation.name));\n"
            }
        default: break
        }
        return text
    }

    /// The statement that makes a collation.
    func statement(forCollation entry: CollationEntry) -> String {
        var parts: [String] = []
        switch entry.provider {
        case UInt8(ascii: "c"):
            parts.append("lc_collate = \(DumpNames.literal(entry.order))")
            parts.append("lc_ctype = \(DumpNames.literal(entry.characters))")
        case UInt8(ascii: "b"):
            parts.append("provider = builtin, locale = \(DumpNames.literal(entry.locale))")
        default: parts.append("provider = icu, locale = \(DumpNames.literal(entry.locale))")
        }
        if !entry.isDeterministic { parts.append("deterministic = false") }
        if !entry.rules.isEmpty { parts.append("rules = \(DumpNames.literal(entry.rules))") }
        return "CREATE COLLATION \(names.qualified(entry.name, entry.schema))"
            + " (\(parts.joined(separator: ", ")));\n"
    }
}

extension DumpScript {
    /// The text of the comment that every new database has on schema `public`.
    private static let usualComment = "standard public schema"

    /// The statement that makes a comment; nil if its object is not in the script.
    func statement(forComment comment: SchemaSettings.Comment) -> String? {
        guard let object = object(of: comment) else { return nil }
        return "COMMENT ON \(object) IS \(DumpNames.literal(comment.text));\n"
    }

    private func object(of comment: SchemaSettings.Comment) -> String? {
        let number = comment.object
        switch Catalog(rawValue: comment.catalog) {
        case .schemas:
            guard let name = catalog.schemas[number],
                isWanted(schema: name) || name == "public" && comment.text != Self.usualComment
            else { return nil }
            return "SCHEMA \(Identifiers.quoted(name))"
        case .extensions:
            return details.extensions.first { $0.number == number && $0.name != "plpgsql" }
                .map { "EXTENSION \(Identifiers.quoted($0.name))" }
        case .types:
            guard selection.contains(type: number), let entry = catalog.types[number] else {
                return nil
            }
            let kind = entry.kind == UInt8(ascii: "d") ? "DOMAIN" : "TYPE"
            return "\(kind) \(names.qualified(entry.name, entry.schema))"
        case .collations where said.contains(number):
            return details.collationNames[number].map {
                "COLLATION \(names.qualified($0.name, $0.schema))"
            }
        case .relations: return relation(number, column: comment.column)
        case .constraints where said.contains(number):
            return details.constraints.first { $0.number == number }.map {
                "CONSTRAINT \(Identifiers.quoted($0.name)) ON \(names.relation($0.relation))"
            }
        default: return nil
        }
    }

    private func relation(_ number: UInt32, column: Int) -> String? {
        guard let relation = catalog.relations[number] else { return nil }
        let name = names.relation(number)
        if column > 0 {
            let isThere =
                selection.contains(number)
                || relation.kind == UInt8(ascii: "c") && selection.contains(type: relation.rowType)
            guard isThere, let column = names.column(column, of: number) else { return nil }
            return "COLUMN \(name).\(column)"
        }
        if selection.contains(number) { return "TABLE \(name)" }
        if said.contains(number) { return "INDEX \(name)" }
        return selection.sequences.contains { $0.number == number } ? "SEQUENCE \(name)" : nil
    }
}
