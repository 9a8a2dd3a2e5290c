internal import PostgresReading
internal import PostgresTypes

/// The layout of `pg_attribute` itself, derived from its own rows. The position of its fixed
/// columns differs between versions, but the first three never moved, and the next two have two
/// known positions. After that, every catalog is read by column name.
struct AttributeLayouts {
    /// A column, as far as bootstrapping needs it.
    struct Raw {
        var name: String
        var type: UInt32
        var length: Int16
        var number: Int16
        /// The alignment's letter; nil while unknown.
        var alignment: UInt8?
    }

    /// The offsets of `attlen` and `attnum`: up to PostgreSQL 15, and from 16 on.
    private static let places = [(length: 76, number: 78), (length: 72, number: 74)]

    /// The relation that a row of `pg_attribute` describes a column of.
    static func relation(_ data: RawSpan) -> UInt32? { try? data.load(0, as: UInt32.self) }

    /// Reads a row of `pg_attribute` in a version whose `attlen` is at one of the two offsets.
    static func raw(_ data: RawSpan, era: Int) -> Raw? {
        let place = places[era]
        guard let nameBytes = try? data.part(4, 64),
            let type = try? data.load(68, as: UInt32.self),
            let length = try? data.load(place.length, as: Int16.self),
            let number = try? data.load(place.number, as: Int16.self)
        else { return nil }
        let name = String(decoding: nameBytes.copiedName, as: UTF8.self)
        return Raw(name: name, type: type, length: length, number: number)
    }

    /// Whether the row, one of those of `pg_attribute` itself, describes `attrelid` as it must.
    static func isRight(_ raw: Raw) -> Bool {
        raw.name == "attrelid" && raw.length == 4 && raw.number == 1
    }

    /// The alignment of a type in PostgreSQL's own catalogs, derived from its length.
    static func alignment(_ raw: Raw) -> UInt8 {
        switch (raw.length, raw.type) {
        case (1, _), (64, _): UInt8(ascii: "c")
        case (2, _): UInt8(ascii: "s")
        case (8, _), (-1, 2277): UInt8(ascii: "d")
        default: UInt8(ascii: "i")
        }
    }

    /// The offset of a fixed column in a row, given all columns in order.
    static func offset(of name: String, in columns: [Raw]) -> Int? {
        var offset = 0
        for column in columns {
            guard column.length > 0,
                let layout = ValueLayout(length: column.length, alignment: alignment(column))
            else { return nil }
            offset = aligned(offset, layout.alignment)
            if column.name == name { return offset }
            offset += layout.length
        }
        return nil
    }
}
