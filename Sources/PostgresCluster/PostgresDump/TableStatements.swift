internal import PostgresCatalogs

extension DumpScript {
    /// The statement that makes a table, without its place among other tables.
    mutating func statement(forTable table: Relation) -> String {
        let name = names.relation(table.number)
        var lines: [String] = []
        for column in catalog.columns[table.number] ?? [] where !column.isDropped {
            lines.append("    " + definition(of: column, in: table))
        }
        if table.kind == UInt8(ascii: "m") {
            omit("materialized view \(name)", "it becomes a table with its rows")
        }
        let unlogged = table.persistence == UInt8(ascii: "u") ? "UNLOGGED " : ""
        let body = lines.isEmpty ? "" : "\n\(lines.joined(separator: ",\n"))\n"
        return "CREATE \(unlogged)TABLE \(name) (\(body))\(partitioning(of: table));\n"
    }

    private mutating func definition(of column: Column, in table: Relation) -> String {
        var text = "\(Identifiers.quoted(column.name)) "
        text += names.type(column.type, modifier: column.modifier)
        text += collation(of: column, in: table.number)
        let label = "\(names.relation(table.number)).\(Identifiers.quoted(column.name))"
        if column.isVirtual {
            omit(
                "generated column \(label)",
                "its values are not stored; it becomes an ordinary column that is null")
        } else if column.generated != 0 {
            omit(
                "generation of column \(label)",
                "the expression cannot be said; it becomes an ordinary column with its values")
        } else if let tree = details.defaults[table.number]?[column.number] {
            if let expression = constants.expression(tree) {
                text += " DEFAULT \(expression)"
            } else {
                omit("default of column \(label)", "the expression cannot be said")
            }
        }
        if column.isNotNull && !column.isVirtual {
            if details.unvalidated[table.number]?.contains(column.number) == true {
                omit("NOT NULL of column \(label)", "it was never checked for all rows")
            } else {
                text += " NOT NULL"
            }
        }
        return text
    }

    /// Whether the script can make a partitioned table as one.
    func canPartition(_ table: UInt32) -> Bool {
        guard let key = details.partitionKeys[table] else { return false }
        return !key.columns.contains(0) && names.columns(key.columns, of: table) != nil
    }

    private mutating func partitioning(of table: Relation) -> String {
        guard table.kind == UInt8(ascii: "p") else { return "" }
        guard canPartition(table.number), let key = details.partitionKeys[table.number] else {
            omit(
                "partitioning of table \(names.relation(table.number))",
                "its expression cannot be said; the table and its partitions become ordinary ones")
            return ""
        }
        let strategy: String
        switch key.strategy {
        case UInt8(ascii: "r"): strategy = "RANGE"
        case UInt8(ascii: "l"): strategy = "LIST"
        default: strategy = "HASH"
        }
        var parts: [String] = []
        for (index, number) in key.columns.enumerated() {
            var part = names.column(number, of: table.number) ?? ""
            if key.collations.indices.contains(index) {
                part += names.collation(
                    key.collations[index],
                    usual: details.collations[table.number]?[number] ?? 0)
            }
            if key.operatorClasses.indices.contains(index) {
                part += names.operatorClass(key.operatorClasses[index])
            }
            parts.append(part)
        }
        return "\nPARTITION BY \(strategy) (\(parts.joined(separator: ", ")))"
    }

    /// The statements that give a table its parents.
    mutating func parents(of table: Relation) -> String {
        var text = ""
        let name = names.relation(table.number)
        for parent in details.parents[table.number] ?? [] {
            guard selection.contains(parent) else {
                omit("parent of table \(name)", "\(names.relation(parent)) is not in the script")
                continue
            }
            guard table.isPartition else {
                text += "ALTER TABLE ONLY \(name) INHERIT \(names.relation(parent));\n"
                continue
            }
            guard canPartition(parent) else { continue }
            if let bound = bound(of: table.number) {
                text +=
                    "ALTER TABLE ONLY \(names.relation(parent)) ATTACH PARTITION \(name)"
                    + " \(bound);\n"
            } else {
                omit("bound of partition \(name)", "it cannot be said; the table stands alone")
            }
        }
        return text
    }

    private mutating func bound(of table: UInt32) -> String? {
        guard let tree = details.bounds[table].flatMap({ NodeTree($0) }) else { return nil }
        if tree.text("is_default") == "true" { return "DEFAULT" }
        switch tree.text("strategy") {
        case "h":
            guard let modulus = tree.number("modulus"), let rest = tree.number("remainder") else {
                return nil
            }
            return "FOR VALUES WITH (MODULUS \(modulus), REMAINDER \(rest))"
        case "l":
            return values(tree.elements("listdatums")).map { "FOR VALUES IN (\($0))" }
        case "r":
            guard let lower = values(tree.elements("lowerdatums")),
                let upper = values(tree.elements("upperdatums"))
            else { return nil }
            return "FOR VALUES FROM (\(lower)) TO (\(upper))"
        default: return nil
        }
    }

    private mutating func values(_ nodes: [NodeTree]) -> String? {
        var parts: [String] = []
        for node in nodes {
            var constant = node
            if node.name == "PARTITIONRANGEDATUM" {
                switch node.number("kind") {
                case -1:
                    parts.append("MINVALUE")
                    continue
                case 1:
                    parts.append("MAXVALUE")
                    continue
                default:
                    guard let value = node.field("value") else { return nil }
                    constant = value
                }
            }
            guard constant.name == "CONST", let value = constants.constant(constant) else {
                return nil
            }
            parts.append(value.map(DumpNames.literal) ?? "NULL")
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
