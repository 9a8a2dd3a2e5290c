/// Names as SQL writes them.
package enum Identifiers {
    /// A name, quoted if necessary. Mirrors `quote_identifier`.
    package static func quoted(_ name: [UInt8]) -> [UInt8] {
        if isPlain(name) { return name }
        var result = [UInt8(ascii: "\"")]
        for byte in name {
            if byte == UInt8(ascii: "\"") { result.append(byte) }
            result.append(byte)
        }
        result.append(UInt8(ascii: "\""))
        return result
    }

    /// A name, quoted if necessary.
    package static func quoted(_ name: String) -> String {
        String(decoding: quoted(Array(name.utf8)), as: UTF8.self)
    }

    private static func isPlain(_ name: [UInt8]) -> Bool {
        guard let first = name.first else { return false }
        let isStart = isLower(first) || first == UInt8(ascii: "_")
        let isRest = name.allSatisfy {
            isLower($0) || $0 == UInt8(ascii: "_")
                || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
        }
        return isStart && isRest && !keywords.contains(String(decoding: name, as: UTF8.self))
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
    }

    /// The keywords that need quotes as a name.
    private static let keywords: Set<String> = Set(
        """
        all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
        boolean both case cast char character check coalesce collate collation column concurrently
        constraint create cross current_catalog current_date current_role current_schema
        current_time current_timestamp current_user dec decimal default deferrable desc distinct do
        else end except exists extract false fetch float for foreign freeze from full grant greatest
        group grouping having ilike in initially inner inout int integer intersect interval into is
        isnull join json json_array json_arrayagg json_exists json_object json_objectagg json_query
        json_scalar json_serialize json_table json_value lateral leading least left like limit
        localtime localtimestamp merge_action national natural nchar none normalize not notnull
        null nullif numeric offset on only or order out outer overlaps overlay placing position
        precision primary real references returning right row select session_user setof similar
        smallint some substring symmetric system_user table tablesample then time timestamp to
        trailing treat trim true union unique user using values varchar variadic verbose when where
        window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse
        xmlpi xmlroot xmlserialize xmltable
        """.split(whereSeparator: \.isWhitespace).map(String.init))
}
