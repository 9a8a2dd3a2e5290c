package import PostgresTypes

/// Makes the forms of a database's types, which say how their values are written. Caches them.
/// Belongs to one thread at a time.
package struct TypeForms {
    private let catalog: DatabaseCatalog
    /// The server's major version.
    private let version: Int
    /// How types without a text form are treated.
    private let unknownAsHexadecimal: Bool
    private var made: [UInt32: ValueForm] = [:]
    /// Whether a requested type's values are, or contain, object numbers.
    package private(set) var needsNames = false

    package init(_ catalog: DatabaseCatalog, version: Int, unknownAsHexadecimal: Bool) {
        self.catalog = catalog
        self.version = version
        self.unknownAsHexadecimal = unknownAsHexadecimal
    }

    /// The form of a type.
    package mutating func form(of type: UInt32) -> ValueForm { form(of: type, depth: 0) }

    private mutating func form(of type: UInt32, depth: Int) -> ValueForm {
        if let form = BuiltinTypes.form(of: type) {
            if form.namesObjects { needsNames = true }
            if case .interval = form, version < 17 { return .finiteInterval }
            return form
        }
        if let form = made[type] { return form }
        // A damaged catalog may define a type by itself; this ends the recursion.
        made[type] = unknown(catalog.types[type]?.name ?? "number \(type)")
        let form = make(type, depth)
        made[type] = form
        return form
    }

    private func unknown(_ name: String) -> ValueForm {
        unknownAsHexadecimal ? .hexadecimal : .unsupported(name)
    }

    private mutating func make(_ type: UInt32, _ depth: Int) -> ValueForm {
        guard let entry = catalog.types[type] else { return unknown("number \(type)") }
        guard depth < ValueLimits.nesting else { return unknown(entry.name) }
        switch entry.kind {
        case UInt8(ascii: "d"): return form(of: entry.base, depth: depth + 1)
        case UInt8(ascii: "e"): return enumeration(entry)
        case UInt8(ascii: "c"): return composite(entry, depth)
        case UInt8(ascii: "r"):
            guard let bound = catalog.rangeSubtypes[type],
                let element = element(bound, depth)
            else { return unknown(entry.name) }
            return .range(element)
        case UInt8(ascii: "m"):
            guard let range = catalog.multirangeRanges[type],
                let bound = catalog.rangeSubtypes[range], let element = element(bound, depth)
            else { return unknown(entry.name) }
            return .multirange(element)
        case UInt8(ascii: "b"):
            if entry.element != 0, entry.length == -1, isArray(entry) {
                return element(entry.element, depth).map { .array($0) } ?? unknown(entry.name)
            }
            return BuiltinTypes.extensionForm(named: entry.name) ?? unknown(entry.name)
        case UInt8(ascii: "p") where type == Self.anyArray: return anyArray()
        default: return unknown(entry.name)
        }
    }

    /// The number of `anyarray`.
    private static let anyArray: UInt32 = 2277

    private mutating func anyArray() -> ValueForm {
        var elements: [UInt32: ElementForm] = [:]
        for type in catalog.types.keys { elements[type] = element(type, 0) }
        return .anyArray(AnyArrayForm(elements))
    }

    /// Whether a type is the array type of its elements, rather than another type with elements.
    private func isArray(_ entry: TypeEntry) -> Bool {
        catalog.types[entry.element]?.array == entry.number
    }

    private func enumeration(_ entry: TypeEntry) -> ValueForm {
        var labels: [UInt32: [UInt8]] = [:]
        for label in catalog.labels[entry.number] ?? [] { labels[label.number] = label.rawName }
        return .enumeration(EnumerationForm(name: entry.name, labels: labels))
    }

    private mutating func composite(_ entry: TypeEntry, _ depth: Int) -> ValueForm {
        var attributes: [CompositeForm.Attribute] = []
        for column in catalog.columns[entry.relation] ?? [] {
            let form = column.isDropped ? nil : form(of: column.type, depth: depth + 1)
            attributes.append(CompositeForm.Attribute(form, layout: column.layout))
        }
        return .composite(CompositeForm(attributes))
    }

    private mutating func element(_ type: UInt32, _ depth: Int) -> ElementForm? {
        guard let entry = catalog.types[type],
            let layout = ValueLayout(length: entry.length, alignment: entry.alignment)
        else { return nil }
        return ElementForm(
            form(of: type, depth: depth + 1), layout: layout, delimiter: entry.delimiter)
    }
}
