internal import PostgresCatalogs

extension DumpScript {
    /// The statement that adds a primary key or unique constraint; nil if it cannot be said.
    mutating func statement(forKey constraint: Constraint) -> String? {
        guard let index = details.index(constraint.index),
            let columns = names.columns(
                Array(index.columns.prefix(index.keyCount)), of: constraint.relation),
            let included = names.columns(
                Array(index.columns.dropFirst(index.keyCount)), of: constraint.relation),
            !constraint.hasPeriod
        else { return nil }
        var text = "ALTER TABLE \(target(constraint.relation))"
        text += " ADD CONSTRAINT \(Identifiers.quoted(constraint.name))"
        text += constraint.kind == UInt8(ascii: "p") ? " PRIMARY KEY" : " UNIQUE"
        if index.nullsAreEqual { text += " NULLS NOT DISTINCT" }
        text += " (\(columns))"
        if !included.isEmpty { text += " INCLUDE (\(included))" }
        text += parameters(ofIndex: index.number)
        return text + deferral(constraint) + ";\n"
    }

    /// A table that is changed. A change of a partitioned table is one of its partitions too.
    private func target(_ table: UInt32) -> String {
        let isPartitioned = catalog.relations[table]?.kind == UInt8(ascii: "p")
        return (isPartitioned ? "" : "ONLY ") + names.relation(table)
    }

    private func deferral(_ constraint: Constraint) -> String {
        if !constraint.isDeferrable { return "" }
        return constraint.isDeferred ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE"
    }

    /// The statement that adds a foreign key; nil if it cannot be said.
    mutating func statement(forForeignKey constraint: Constraint) -> String? {
        guard selection.contains(constraint.otherRelation), !constraint.hasPeriod,
            let columns = names.columns(constraint.columns, of: constraint.relation),
            let others = names.columns(constraint.otherColumns, of: constraint.otherRelation),
            let setColumns = names.columns(constraint.setColumns, of: constraint.relation)
        else { return nil }
        var text = "ALTER TABLE \(target(constraint.relation))"
        text += " ADD CONSTRAINT \(Identifiers.quoted(constraint.name))"
        text += " FOREIGN KEY (\(columns))"
        text += " REFERENCES \(names.relation(constraint.otherRelation)) (\(others))"
        if constraint.match == UInt8(ascii: "f") { text += " MATCH FULL" }
        if let action = Self.action(constraint.onUpdate) { text += " ON UPDATE \(action)" }
        if let action = Self.action(constraint.onDelete) {
            text += " ON DELETE \(action)"
            if !setColumns.isEmpty { text += " (\(setColumns))" }
        }
        text += deferral(constraint)
        if !constraint.isValidated { text += " NOT VALID" }
        return text + ";\n"
    }

    private static func action(_ letter: UInt8) -> String? {
        switch letter {
        case UInt8(ascii: "r"): "RESTRICT"
        case UInt8(ascii: "c"): "CASCADE"
        case UInt8(ascii: "n"): "SET NULL"
        case UInt8(ascii: "d"): "SET DEFAULT"
        default: nil
        }
    }

    /// The statement that makes an index on plain columns; nil if it cannot be said.
    func statement(forIndex index: IndexEntry) -> String? {
        guard let relation = catalog.relations[index.number],
            let method = details.accessMethods[relation.accessMethod], index.isPlain
        else { return nil }
        var keys: [String] = []
        for (position, number) in index.columns.prefix(index.keyCount).enumerated() {
            guard var key = names.column(number, of: index.relation) else { return nil }
            if index.collations.indices.contains(position) {
                key += names.collation(
                    index.collations[position],
                    usual: details.collations[index.relation]?[number] ?? 0)
            }
            if index.operatorClasses.indices.contains(position) {
                key += operatorClass(
                    index.operatorClasses[position], ofColumn: position + 1, in: index.number)
            }
            if index.options.indices.contains(position) {
                key += Self.order(index.options[position])
            }
            keys.append(key)
        }
        guard
            let included = names.columns(
                Array(index.columns.dropFirst(index.keyCount)), of: index.relation)
        else { return nil }
        var text = "CREATE \(index.isUnique ? "UNIQUE " : "")INDEX"
        text += " \(Identifiers.quoted(relation.name)) ON \(names.relation(index.relation))"
        text += " USING \(Identifiers.quoted(method)) (\(keys.joined(separator: ", ")))"
        if !included.isEmpty { text += " INCLUDE (\(included))" }
        if index.nullsAreEqual { text += " NULLS NOT DISTINCT" }
        return text + parameters(ofIndex: index.number) + ";\n"
    }

    /// The clause for an order other than ascending with nulls last.
    private static func order(_ options: Int) -> String {
        switch options & 3 {
        case 1: " DESC NULLS LAST"
        case 2: " NULLS FIRST"
        case 3: " DESC"
        default: ""
        }
    }
}
