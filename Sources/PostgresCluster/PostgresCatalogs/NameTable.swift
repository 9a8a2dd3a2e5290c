package import AsyncIO
internal import PostgresReading
package import PostgresTypes

/// The names of a database's objects, for types whose values are object numbers. Making it reads
/// functions, operators and so on. Any thread may use it.
package final class NameTable: ObjectNames {
    private let catalog: DatabaseCatalog
    private let functions: [UInt32: Routine]
    private let operators: [UInt32: Routine]
    /// How many functions or operators share a name.
    private let functionCounts: [[UInt8]: Int]
    private let operatorCounts: [[UInt8]: Int]
    private let configurations: [UInt32: Named]
    private let dictionaries: [UInt32: Named]
    private let collations: [UInt32: Named]
    private let roles: [UInt32: [UInt8]]

    private struct Named {
        let name: [UInt8]
        let schema: UInt32
    }

    /// A function or an operator.
    private struct Routine {
        let name: [UInt8]
        let schema: UInt32
        let arguments: [UInt32]
    }

    /// What users should know about rows of these catalogs that cannot be decoded, one sentence
    /// each.
    package let warnings: [String]

    /// Reads the names.
    package init(_ catalog: DatabaseCatalog, session: Session) throws(StorageError) {
        self.catalog = catalog
        let reader = try catalog.reader(session: session)
        functions = try Self.functions(reader)
        operators = try Self.operators(reader)
        functionCounts = Self.counts(functions, catalog)
        operatorCounts = Self.counts(operators, catalog)
        configurations = try Self.named(
            reader, .searchConfigurations, ["oid", "cfgname", "cfgnamespace"])
        dictionaries = try Self.named(
            reader, .searchDictionaries, ["oid", "dictname", "dictnamespace"])
        collations = try Self.named(
            reader, .collations, ["oid", "collname", "collnamespace"])
        var roles: [UInt32: [UInt8]] = [:]
        try reader.forEachRow(of: .roles, ["oid", "rolname"]) { row, _ throws(StorageError) in
            roles[row.number(0)] = row.name(1)
        }
        self.roles = roles
        warnings = reader.faults.warnings
    }

    private static func functions(
        _ reader: CatalogReader
    ) throws(StorageError) -> [UInt32: Routine] {
        var functions: [UInt32: Routine] = [:]
        let names = ["oid", "proname", "pronamespace", "proargtypes"]
        try reader.forEachRow(of: .functions, names) { row, toast throws(StorageError) in
            functions[row.number(0)] = Routine(
                name: row.name(1), schema: row.number(2),
                arguments: row.integers(3, &toast).map { UInt32(truncatingIfNeeded: $0) })
        }
        return functions
    }

    private static func operators(
        _ reader: CatalogReader
    ) throws(StorageError) -> [UInt32: Routine] {
        var operators: [UInt32: Routine] = [:]
        let names = ["oid", "oprname", "oprnamespace", "oprleft", "oprright"]
        try reader.forEachRow(of: .operators, names) { row, _ throws(StorageError) in
            operators[row.number(0)] = Routine(
                name: row.name(1), schema: row.number(2),
                arguments: [row.number(3), row.number(4)])
        }
        return operators
    }

    private static func named(
        _ reader: CatalogReader, _ catalog: Catalog, _ columns: [String]
    ) throws(StorageError) -> [UInt32: Named] {
        var result: [UInt32: Named] = [:]
        try reader.forEachRow(of: catalog, columns) { row, _ throws(StorageError) in
            result[row.number(0)] = Named(name: row.name(1), schema: row.number(2))
        }
        return result
    }

    private static func counts(
        _ routines: [UInt32: Routine], _ catalog: DatabaseCatalog
    ) -> [[UInt8]: Int] {
        var counts: [[UInt8]: Int] = [:]
        for routine in routines.values where catalog.isOnPath(routine.schema) {
            counts[routine.name, default: 0] += 1
        }
        return counts
    }
}

extension NameTable {
    /// The name of a function without its schema; nil if there is none.
    package func plainName(ofFunction number: UInt32) -> [UInt8]? { functions[number]?.name }

    /// The name of an operator without its schema; nil if there is none.
    package func plainName(ofOperator number: UInt32) -> [UInt8]? { operators[number]?.name }

    /// A role's plain name.
    package func roleName(_ number: UInt32) -> [UInt8]? { roles[number] }

    /// The name of an object, as the server prints it.
    package func name(of kind: ObjectKind, _ number: UInt32) -> [UInt8]? {
        switch kind {
        case .relation:
            return catalog.relations[number].map {
                catalog.qualified($0.rawName, $0.schema, isVisible: catalog.isOnPath($0.schema))
            }
        case .type: return catalog.typeName(number)
        case .schema: return catalog.rawSchemas[number].map { Identifiers.quoted($0) }
        case .role: return roles[number].map { Identifiers.quoted($0) }
        case .searchConfiguration: return name(configurations[number])
        case .searchDictionary: return name(dictionaries[number])
        case .collation: return name(collations[number])
        case .function:
            return functions[number].map {
                let isOnly = catalog.isOnPath($0.schema) && functionCounts[$0.name] == 1
                return catalog.qualified($0.name, $0.schema, isVisible: isOnly)
            }
        case .functionWithArguments:
            return functions[number].map {
                catalog.qualified($0.name, $0.schema, isVisible: catalog.isOnPath($0.schema))
                    + arguments($0.arguments)
            }
        case .operator:
            return operators[number].map {
                let isOnly = catalog.isOnPath($0.schema) && operatorCounts[$0.name] == 1
                return operatorName($0, isVisible: isOnly)
            }
        case .operatorWithArguments:
            return operators[number].map {
                operatorName($0, isVisible: catalog.isOnPath($0.schema)) + arguments($0.arguments)
            }
        }
    }

    private func name(_ object: Named?) -> [UInt8]? {
        object.map {
            catalog.qualified($0.name, $0.schema, isVisible: catalog.isOnPath($0.schema))
        }
    }

    /// An operator's name, which is never quoted.
    private func operatorName(_ routine: Routine, isVisible: Bool) -> [UInt8] {
        if isVisible { return routine.name }
        let schema = Identifiers.quoted(catalog.rawSchemas[routine.schema] ?? [])
        return schema + [UInt8(ascii: ".")] + routine.name
    }

    private func arguments(_ types: [UInt32]) -> [UInt8] {
        let names = types.map { type in
            type == 0 ? Array("NONE".utf8) : catalog.typeName(type) ?? Array("???".utf8)
        }
        return [UInt8(ascii: "(")] + Array(names.joined(separator: [UInt8(ascii: ",")]))
            + [UInt8(ascii: ")")]
    }
}
