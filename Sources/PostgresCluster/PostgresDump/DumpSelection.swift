internal import PostgresCatalogs

/// The objects of a database that a script makes, in an order in which each has what it needs.
struct DumpSelection {
    /// An object that others need.
    enum Object: Hashable {
        case type(UInt32)
        case table(UInt32)
    }

    /// Types and tables in order.
    private(set) var objects: [Object] = []
    /// The sequences.
    private(set) var sequences: [Relation] = []

    private let catalog: DatabaseCatalog
    private let details: SchemaDetails
    private let only: Set<UInt32>?
    private var seen: Set<Object> = []

    /// - Parameter only: the numbers of the tables to select; nil for all objects.
    init(_ catalog: DatabaseCatalog, _ details: SchemaDetails, only: Set<UInt32>?) {
        self.catalog = catalog
        self.details = details
        self.only = only
        let relations = catalog.relations.values.filter { isOwn($0) }
            .sorted { $0.number < $1.number }
        if only == nil {
            for type in catalog.types.values.sorted(by: { $0.number < $1.number }) {
                if let object = object(type.number), case .type = object { add(object) }
            }
        }
        for relation in relations where isTable(relation) && isChosen(relation.number) {
            add(.table(relation.number))
        }
        sequences = relations.filter { relation in
            guard relation.kind == UInt8(ascii: "S") else { return false }
            return isChosen(details.owners[relation.number]?.relation ?? relation.number)
        }
    }

    /// The tables, in order.
    var tables: [Relation] {
        objects.compactMap { object in
            if case .table(let number) = object { catalog.relations[number] } else { nil }
        }
    }

    func contains(_ table: UInt32) -> Bool { seen.contains(.table(table)) }

    func contains(type: UInt32) -> Bool { seen.contains(.type(type)) }

    /// The collations of users that the selected objects need, or all of them.
    func collations(_ settings: SchemaSettings) -> [CollationEntry] {
        var used: Set<UInt32> = []
        for object in objects {
            switch object {
            case .table(let number):
                used.formUnion(details.collations[number]?.values.map { $0 } ?? [])
                for index in details.indexes where index.relation == number {
                    used.formUnion(index.collations)
                }
                used.formUnion(details.partitionKeys[number]?.collations ?? [])
            case .type(let number):
                used.insert(details.typeCollations[number] ?? 0)
                used.insert(details.ranges[number]?.collation ?? 0)
                let relation = catalog.types[number]?.relation ?? 0
                used.formUnion(details.collations[relation]?.values.map { $0 } ?? [])
            }
        }
        let members = details.members[Catalog.collations.rawValue] ?? []
        return settings.collations.filter {
            !members.contains($0.number) && isUserSchema($0.schema)
                && (only == nil || used.contains($0.number))
        }
    }

    private func isChosen(_ number: UInt32) -> Bool { only.map { $0.contains(number) } ?? true }

    /// Whether users made a relation, and no extension did.
    func isOwn(_ relation: Relation) -> Bool {
        relation.number >= SchemaDetails.firstUserNumber
            && relation.persistence != UInt8(ascii: "t")
            && isUserSchema(relation.schema)
            && details.members[Catalog.relations.rawValue]?.contains(relation.number) != true
    }

    func isUserSchema(_ schema: UInt32) -> Bool {
        guard let name = catalog.schemas[schema] else { return false }
        return !name.hasPrefix("pg_") && name != "information_schema"
    }

    /// Whether a relation becomes a table: those with rows, and partitioned ones.
    private func isTable(_ relation: Relation) -> Bool {
        switch relation.kind {
        case UInt8(ascii: "r"), UInt8(ascii: "p"): true
        case UInt8(ascii: "m"): relation.isPopulated
        default: false
        }
    }

    /// The object that makes a type; nil for types that every server has, those of extensions, and
    /// those that cannot be made.
    private func object(_ type: UInt32) -> Object? {
        guard let entry = catalog.types[type], type >= SchemaDetails.firstUserNumber,
            details.members[Catalog.types.rawValue]?.contains(type) != true,
            isUserSchema(entry.schema)
        else { return nil }
        switch entry.kind {
        case UInt8(ascii: "b"):
            guard entry.element != 0, catalog.types[entry.element]?.array == type else {
                return nil
            }
            return object(entry.element)
        case UInt8(ascii: "c"):
            guard let relation = catalog.relations[entry.relation] else { return nil }
            if relation.kind == UInt8(ascii: "c") { return .type(type) }
            return isOwn(relation) && isTable(relation) ? .table(relation.number) : nil
        case UInt8(ascii: "m"): return catalog.multirangeRanges[type].flatMap { object($0) }
        case UInt8(ascii: "d"), UInt8(ascii: "e"), UInt8(ascii: "r"): return .type(type)
        default: return nil
        }
    }

    /// Adds what an object needs, and then the object. Objects that need each other, which only
    /// damaged catalogs have, come in any order.
    private mutating func add(_ first: Object) {
        // A list, not the stack, holds what is begun.
        var open: [(object: Object, needs: ArraySlice<Object>)] = []
        func begin(_ object: Object) {
            if seen.insert(object).inserted { open.append((object, needs(of: object)[...])) }
        }
        begin(first)
        while let last = open.indices.last {
            if let next = open[last].needs.popFirst() {
                begin(next)
            } else {
                objects.append(open.removeLast().object)
            }
        }
    }

    private func needs(of object: Object) -> [Object] {
        var types: [UInt32] = []
        switch object {
        case .table(let number): types = columnTypes(number)
        case .type(let number):
            guard let entry = catalog.types[number] else { return [] }
            switch entry.kind {
            case UInt8(ascii: "d"): types = [entry.base]
            case UInt8(ascii: "r"): types = catalog.rangeSubtypes[number].map { [$0] } ?? []
            case UInt8(ascii: "c"): types = columnTypes(entry.relation)
            default: break
            }
        }
        return types.compactMap { self.object($0) }
    }

    private func columnTypes(_ relation: UInt32) -> [UInt32] {
        (catalog.columns[relation] ?? []).filter { !$0.isDropped }.map(\.type)
    }
}
