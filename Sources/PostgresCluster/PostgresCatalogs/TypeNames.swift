internal import PostgresTypes

extension DatabaseCatalog {
    /// The numbers of `pg_catalog` and of `public`.
    package static let systemSchema: UInt32 = 11

    /// Whether a schema is searched for names without a schema.
    func isOnPath(_ schema: UInt32) -> Bool {
        schema == Self.systemSchema || schemas[schema] == "public"
    }

    /// A name, preceded by its schema if it is not found without.
    func qualified(_ name: [UInt8], _ schema: UInt32, isVisible: Bool) -> [UInt8] {
        let quoted = Identifiers.quoted(name)
        if isVisible { return quoted }
        return Identifiers.quoted(rawSchemas[schema] ?? []) + [UInt8(ascii: ".")] + quoted
    }

    /// A type's name in SQL. Mirrors `format_type_be`.
    package func typeName(_ type: UInt32) -> [UInt8]? {
        if let name = Self.standardName(type) { return Array(name.utf8) }
        guard let entry = types[type] else { return nil }
        if entry.element != 0, entry.length == -1, types[entry.element]?.array == type {
            return typeName(entry.element).map { $0 + Array("[]".utf8) }
        }
        return qualified(entry.rawName, entry.schema, isVisible: isOnPath(entry.schema))
    }

    /// The standard's names of types.
    private static func standardName(_ type: UInt32) -> String? {
        switch type {
        case 16: "boolean"
        case 1042: "character"
        case 700: "real"
        case 701: "double precision"
        case 21: "smallint"
        case 23: "integer"
        case 20: "bigint"
        case 1083: "time without time zone"
        case 1266: "time with time zone"
        case 1114: "timestamp without time zone"
        case 1184: "timestamp with time zone"
        case 1562: "bit varying"
        case 1560: "bit"
        case 1043: "character varying"
        case 1186: "interval"
        case 1700: "numeric"
        default: nil
        }
    }

    /// A type's name with its modifier: `numeric(10,2)`. Mirrors `format_type`.
    package func typeName(_ type: UInt32, modifier: Int) -> String {
        let plain = typeName(type).map { encoding.string($0) } ?? "number \(type)"
        if let entry = types[type], entry.element != 0, entry.length == -1,
            types[entry.element]?.array == type
        {
            return typeName(entry.element, modifier: modifier) + "[]"
        }
        guard modifier >= 0 else {
            return type == 1042 ? "bpchar" : plain
        }
        switch type {
        case 1042, 1043: return "\(plain)(\(modifier - 4))"
        case 1560, 1562: return "\(plain)(\(modifier))"
        case 1700:
            let bits = modifier - 4
            // The scale has eleven bits, the highest of them its sign.
            let scale = ((bits & 0x7FF) ^ 0x400) - 0x400
            return "numeric(\(bits >> 16 & 0xFFFF),\(scale))"
        case 1083: return "time(\(modifier)) without time zone"
        case 1266: return "time(\(modifier)) with time zone"
        case 1114: return "timestamp(\(modifier)) without time zone"
        case 1184: return "timestamp(\(modifier)) with time zone"
        case 1186: return Self.intervalName(modifier)
        default: return plain
        }
    }

    private static func intervalName(_ modifier: Int) -> String {
        let fields = modifier >> 16 & 0x7FFF
        let precision = modifier & 0xFFFF
        let names: [Int: String] = [
            0x0004: " year", 0x0002: " month", 0x0008: " day", 0x0400: " hour", 0x0800: " minute",
            0x1000: " second", 0x0006: " year to month", 0x0408: " day to hour",
            0x0C08: " day to minute", 0x1C08: " day to second", 0x0C00: " hour to minute",
            0x1C00: " hour to second", 0x1800: " minute to second",
        ]
        let digits = precision == 0xFFFF ? "" : "(\(precision))"
        return "interval" + (names[fields] ?? "") + digits
    }
}
