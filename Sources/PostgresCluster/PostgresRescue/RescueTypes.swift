internal import PostgresTypes
internal import RowSchema

/// The types that a schema given as text can name, with their layouts. They are the same in all
/// servers, so that no catalog is needed.
enum RescueTypes {
    /// A type: its number, `typlen` and `typalign`.
    struct Entry {
        let number: UInt32
        let length: Int16
        let alignment: UInt8

        init(_ number: UInt32, _ length: Int16, _ alignment: Unicode.Scalar) {
            self.number = number
            self.length = length
            self.alignment = UInt8(truncatingIfNeeded: alignment.value)
        }

        var layout: ValueLayout? { ValueLayout(length: length, alignment: alignment) }
    }

    /// The types by name, aliases included.
    static let entries: [String: Entry] = {
        var entries: [String: Entry] = [:]
        func add(_ names: [String], _ entry: Entry) { for name in names { entries[name] = entry } }
        add(["boolean", "bool"], Entry(16, 1, "c"))
        add(["bytea"], Entry(17, -1, "i"))
        add(["\"char\""], Entry(18, 1, "c"))
        add(["name"], Entry(19, 64, "c"))
        add(["bigint", "int8", "bigserial", "serial8"], Entry(20, 8, "d"))
        add(["smallint", "int2", "smallserial", "serial2"], Entry(21, 2, "s"))
        add(["integer", "int", "int4", "serial", "serial4"], Entry(23, 4, "i"))
        add(["real", "float4"], Entry(700, 4, "i"))
        add(["double precision", "float8", "float"], Entry(701, 8, "d"))
        add(["numeric", "decimal", "dec"], Entry(1700, -1, "i"))
        add(["money"], Entry(790, 8, "d"))
        add(["text"], Entry(25, -1, "i"))
        add(["varchar", "character varying", "char varying"], Entry(1043, -1, "i"))
        add(["char", "character", "bpchar"], Entry(1042, -1, "i"))
        add(["date"], Entry(1082, 4, "i"))
        add(["time", "time without time zone"], Entry(1083, 8, "d"))
        add(["timetz", "time with time zone"], Entry(1266, 12, "d"))
        add(["timestamp", "timestamp without time zone"], Entry(1114, 8, "d"))
        add(["timestamptz", "timestamp with time zone"], Entry(1184, 8, "d"))
        add(["interval"], Entry(1186, 16, "d"))
        add(["bit"], Entry(1560, -1, "i"))
        add(["varbit", "bit varying"], Entry(1562, -1, "i"))
        add(["uuid"], Entry(2950, 16, "c"))
        add(["json"], Entry(114, -1, "i"))
        add(["jsonb"], Entry(3802, -1, "i"))
        add(["jsonpath"], Entry(4072, -1, "i"))
        add(["xml"], Entry(142, -1, "i"))
        add(["inet"], Entry(869, -1, "i"))
        add(["cidr"], Entry(650, -1, "i"))
        add(["macaddr"], Entry(829, 6, "i"))
        add(["macaddr8"], Entry(774, 8, "i"))
        add(["point"], Entry(600, 16, "d"))
        add(["lseg"], Entry(601, 32, "d"))
        add(["path"], Entry(602, -1, "d"))
        add(["box"], Entry(603, 32, "d"))
        add(["polygon"], Entry(604, -1, "d"))
        add(["line"], Entry(628, 24, "d"))
        add(["circle"], Entry(718, 24, "d"))
        add(["tsvector"], Entry(3614, -1, "i"))
        add(["tsquery"], Entry(3615, -1, "i"))
        add(["oid", "regclass", "regtype", "regproc", "regrole"], Entry(26, 4, "i"))
        add(["xid"], Entry(28, 4, "i"))
        add(["xid8"], Entry(5069, 8, "d"))
        add(["cid"], Entry(29, 4, "i"))
        add(["tid"], Entry(27, 6, "s"))
        add(["pg_lsn"], Entry(3220, 8, "d"))
        // A label's number; only catalogs know the label.
        add(["enum"], Entry(26, 4, "i"))
        return entries
    }()

    /// The types of ranges: the name of the subtype, and the range's alignment.
    private static let ranges: [String: (subtype: String, alignment: Unicode.Scalar)] = [
        "int4range": ("integer", "i"), "int8range": ("bigint", "d"),
        "numrange": ("numeric", "i"), "daterange": ("date", "i"),
        "tsrange": ("timestamp", "d"), "tstzrange": ("timestamptz", "d"),
    ]

    /// A type by its name, without modifier; nil if it is not known.
    static func attribute(_ name: String) -> RescueAttribute? {
        if name.hasSuffix("[]") {
            guard let element = attribute(String(name.dropLast(2))),
                !name.dropLast(2).hasSuffix("[]") || element.isArray
            else { return nil }
            // A type has the same array type in any number of dimensions.
            if element.isArray { return element }
            let form = ElementForm(
                element.form, layout: element.layout,
                delimiter: name == "box[]" ? UInt8(ascii: ";") : UInt8(ascii: ","))
            return RescueAttribute(
                layout: varlena(element.layout.alignment == 8 ? "d" : "i"), form: .array(form),
                isArray: true)
        }
        if let range = ranges[name] { return Self.range(range.subtype, range.alignment, false) }
        if name.hasSuffix("multirange"),
            let range = ranges[String(name.dropLast("multirange".count)) + "range"]
        {
            return Self.range(range.subtype, range.alignment, true)
        }
        if let form = BuiltinTypes.extensionForm(named: name) {
            return RescueAttribute(layout: varlena("i"), form: form)
        }
        guard let entry = entries[name], let layout = entry.layout,
            let form = BuiltinTypes.form(of: entry.number)
        else { return nil }
        return RescueAttribute(layout: layout, form: form, type: entry.number)
    }

    private static func range(
        _ subtype: String, _ alignment: Unicode.Scalar, _ isMultirange: Bool
    ) -> RescueAttribute? {
        guard let element = attribute(subtype) else { return nil }
        let form = ElementForm(element.form, layout: element.layout)
        return RescueAttribute(
            layout: varlena(alignment), form: isMultirange ? .multirange(form) : .range(form))
    }

    private static func varlena(_ alignment: Unicode.Scalar) -> ValueLayout {
        Entry(0, -1, alignment).layout ?? .varlena
    }

    /// The column type whose values' bytes can be checked; nil for others.
    static let checked: [UInt32: ColumnType] = Dictionary(
        ColumnType.scalars.map { ($0.objectIdentifier, $0) }
    ) { first, _ in first }

    /// Names for a message.
    static var knownNames: String {
        entries.keys.filter { !$0.contains(" ") }.sorted().joined(separator: ", ")
    }
}
