internal import PostgresCatalogs
internal import PostgresTypes

/// Writes expressions that consist of constants, conversions and PostgreSQL's own functions and
/// operators as SQL. Mirrors `get_rule_expr` for these nodes.
struct ConstantText {
    private let names: DumpNames
    private let writer: ValueWriter
    private let objects: NameTable
    private var forms: TypeForms

    init(_ names: DumpNames, _ objects: NameTable, version: Int) {
        self.names = names
        self.objects = objects
        writer = ValueWriter(version: version, names: objects)
        forms = TypeForms(names.catalog, version: version, unknownAsHexadecimal: false)
    }

    /// How deeply expressions may nest.
    private static let nesting = 64
    /// Forms of conversions and calls (`CoercionForm`).
    private enum CallForm { static let call = 0, explicitCast = 1, implicitCast = 2 }

    /// The expression in a tree; nil if it cannot be said.
    mutating func expression(_ tree: [UInt8]) -> String? {
        NodeTree(tree).flatMap { sql($0, 0) }
    }

    private mutating func sql(_ node: NodeTree, _ depth: Int) -> String? {
        guard depth < Self.nesting, let name = node.name else { return nil }
        switch name {
        case "CONST":
            guard let type = self.type(node, "consttype") else { return nil }
            return constant(node).map { value in
                value.map { typed($0, type, node) } ?? "NULL::\(names.type(type))"
            }
        case "RELABELTYPE": return cast(node, "resulttype", "resulttypmod", "relabelformat", depth)
        case "COERCEVIAIO": return cast(node, "resulttype", nil, "coerceformat", depth)
        case "COERCETODOMAIN":
            return cast(node, "resulttype", "resulttypmod", "coercionformat", depth)
        case "ARRAYCOERCEEXPR":
            return cast(node, "resulttype", "resulttypmod", "coerceformat", depth)
        case "FUNCEXPR": return call(node, depth)
        case "OPEXPR": return operation(node, depth)
        case "SQLVALUEFUNCTION": return valueFunction(node)
        case "ARRAY", "ARRAYEXPR":
            guard let type = self.type(node, "array_typeid"),
                let elements = list(node.elements("elements"), depth)
            else { return nil }
            return "ARRAY[\(elements)]::\(names.type(type))"
        case "ROW", "ROWEXPR":
            guard let type = self.type(node, "row_typeid"),
                let parts = list(fields(node, of: type), depth)
            else { return nil }
            return type == Self.record ? "ROW(\(parts))" : "ROW(\(parts))::\(names.type(type))"
        default: return nil
        }
    }

    private static let record: UInt32 = 2249
    private static let integer: UInt32 = 23
    private static let boolean: UInt32 = 16

    private func type(_ node: NodeTree, _ field: String) -> UInt32? {
        node.number(field).flatMap { UInt32(exactly: $0) }
    }

    /// The fields of a row that its type still has. Mirrors `get_rule_expr`.
    private func fields(_ node: NodeTree, of type: UInt32) -> [NodeTree] {
        let fields = node.elements("args")
        guard let composite = names.catalog.types[type]?.relation,
            let columns = names.catalog.columns[composite]
        else { return fields }
        return fields.enumerated().filter { index, _ in
            !columns.indices.contains(index) || !columns[index].isDropped
        }.map(\.element)
    }

    private mutating func list(_ nodes: [NodeTree], _ depth: Int) -> String? {
        var parts: [String] = []
        for node in nodes {
            guard let part = sql(node, depth + 1) else { return nil }
            parts.append(part)
        }
        return parts.joined(separator: ", ")
    }

    /// A constant's text; nil within for null, and nil if it cannot be said.
    mutating func constant(_ node: NodeTree) -> String?? {
        guard let type = type(node, "consttype") else { return nil }
        if node.text("constisnull") == "true" { return .some(nil) }
        guard let datum = node.datum("constvalue") else { return nil }
        let form = forms.form(of: type)
        var output = TextOutput()
        do throws(ValueFault) {
            let bytes = unsafe datum.span.bytes
            if node.number("constlen") == -1 {
                let extent = try ValueLayout(-1, 1).extent(in: bytes, from: 0)
                guard case .plain(let range) = try Varlena.form(of: bytes, extent) else {
                    return nil
                }
                try writer.write(
                    try bytes.part(range.lowerBound, range.count), as: form, to: &output)
            } else if node.number("constlen") == -2 {
                output.append(try bytes.part(0, bytes.terminator(from: 0)))
            } else {
                try writer.write(bytes, as: form, to: &output)
            }
        } catch {
            return nil
        }
        return names.catalog.encoding.string(output.bytes)
    }

    private func typed(_ text: String, _ type: UInt32, _ node: NodeTree) -> String {
        if type == Self.integer, !text.hasPrefix("-") { return text }
        if type == Self.boolean { return text == "t" ? "true" : "false" }
        // The modifier of a constant was applied already.
        return "\(DumpNames.literal(text))::\(names.type(type))"
    }

    /// A conversion. The server makes implicit ones itself.
    private mutating func cast(
        _ node: NodeTree, _ type: String, _ modifier: String?, _ format: String, _ depth: Int
    ) -> String? {
        guard let argument = node.field("arg"), let inner = sql(argument, depth + 1),
            let type = self.type(node, type)
        else { return nil }
        if node.number(format) == CallForm.implicitCast { return inner }
        let modifier = modifier.flatMap { node.number($0) } ?? -1
        return "(\(inner))::\(names.type(type, modifier: modifier))"
    }

    /// A call of one of PostgreSQL's own functions.
    private mutating func call(_ node: NodeTree, _ depth: Int) -> String? {
        let arguments = node.elements("args")
        guard let function = type(node, "funcid"), let result = type(node, "funcresulttype") else {
            return nil
        }
        switch node.number("funcformat") {
        case CallForm.implicitCast:
            return arguments.first.flatMap { sql($0, depth + 1) }
        case CallForm.explicitCast:
            guard let first = arguments.first, let inner = sql(first, depth + 1) else {
                return nil
            }
            return "(\(inner))::\(names.type(result, modifier: lengthModifier(arguments)))"
        case CallForm.call:
            guard function < SchemaDetails.firstUserNumber,
                node.text("funcvariadic") != "true",
                let name = objects.plainName(ofFunction: function),
                let parts = list(arguments, depth)
            else { return nil }
            return "pg_catalog.\(Identifiers.quoted(names.catalog.encoding.string(name)))(\(parts))"
        default: return nil
        }
    }

    /// The modifier that a conversion to a type with a length applies: its second argument.
    private mutating func lengthModifier(_ arguments: [NodeTree]) -> Int {
        guard arguments.count == 2 || arguments.count == 3,
            type(arguments[1], "consttype") == Self.integer,
            let value = constant(arguments[1]), let text = value
        else { return -1 }
        return Int(text) ?? -1
    }

    /// An operator of PostgreSQL's own.
    private mutating func operation(_ node: NodeTree, _ depth: Int) -> String? {
        guard let number = type(node, "opno"), number < SchemaDetails.firstUserNumber,
            let name = objects.plainName(ofOperator: number)
        else { return nil }
        let sign = "OPERATOR(pg_catalog.\(String(decoding: name, as: UTF8.self)))"
        var parts: [String] = []
        for argument in node.elements("args") {
            guard let part = sql(argument, depth + 1) else { return nil }
            parts.append(part)
        }
        switch parts.count {
        case 1: return "(\(sign) \(parts[0]))"
        case 2: return "(\(parts[0]) \(sign) \(parts[1]))"
        default: return nil
        }
    }

    /// Functions that SQL writes without parentheses (`SQLValueFunctionOp`).
    private func valueFunction(_ node: NodeTree) -> String? {
        let words = [
            "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIME", "CURRENT_TIMESTAMP",
            "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIME", "LOCALTIMESTAMP", "LOCALTIMESTAMP",
            "CURRENT_ROLE", "CURRENT_USER", "USER", "SESSION_USER", "CURRENT_CATALOG",
            "CURRENT_SCHEMA",
        ]
        guard let number = node.number("op"), words.indices.contains(number) else { return nil }
        // Those with a precision come after those without.
        let precision = [2, 4, 6, 8].contains(number) ? node.number("typmod") ?? -1 : -1
        return precision >= 0 ? "\(words[number])(\(precision))" : words[number]
    }
}
