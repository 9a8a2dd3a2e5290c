/// The types of every server, by their numbers in `pg_type`, which never change.
public enum BuiltinTypes {
    /// The form of a base type's values. Nil if the type is not known, or consists of other types,
    /// which the catalogs describe.
    public static func form(of type: UInt32) -> ValueForm? {
        scalar(type) ?? special(type)
    }

    private static func scalar(_ type: UInt32) -> ValueForm? {
        switch type {
        case 16: .boolean
        case 17: .bytea
        case 18: .character
        case 19: .name
        case 20: .bigint
        case 21: .smallint
        case 23: .integer
        // text, json, unknown, refcursor, bpchar, varchar, pg_node_tree
        case 25, 114, 705, 1790, 1042, 1043, 194: .text
        case 700: .real
        case 701: .double
        case 790: .money
        case 1700: .numeric
        case 1082: .date
        case 1083: .time
        case 1114: .timestamp
        case 1184: .timestampTZ
        case 1186: .interval
        case 1266: .timeTZ
        case 1560, 1562: .bits
        case 2950: .uuid
        case 869: .inet
        case 650: .cidr
        case 829: .macaddr
        case 774: .macaddr8
        case 142: .xml
        case 3802: .jsonb
        case 4072: .jsonpath
        default: nil
        }
    }

    private static func special(_ type: UInt32) -> ValueForm? {
        switch type {
        case 600: .point
        case 601: .segment
        case 602: .path
        case 603: .box
        case 604: .polygon
        case 628: .line
        case 718: .circle
        case 3614: .searchVector
        case 3615: .searchQuery
        case 26, 28, 29: .unsigned
        case 5069: .unsignedLong
        case 27: .rowID
        case 3220: .logPosition
        case 2970, 5038: .snapshot
        case 1033: .rights
        case 22: .smallintVector
        case 30: .oidVector
        case 2205: .object(.relation)
        case 2206: .object(.type)
        case 24: .object(.function)
        case 2202: .object(.functionWithArguments)
        case 2203: .object(.operator)
        case 2204: .object(.operatorWithArguments)
        case 4089: .object(.schema)
        case 4096: .object(.role)
        case 3734: .object(.searchConfiguration)
        case 3769: .object(.searchDictionary)
        case 4191: .object(.collation)
        default: nil
        }
    }

    /// The form of an extension type's values; nil if the name is not known.
    public static func extensionForm(named name: String) -> ValueForm? {
        switch name {
        case "citext": .text
        case "hstore": .hstore
        case "ltree": .tree
        case "lquery": .treeQuery
        case "ltxtquery": .treeTextQuery
        default: nil
        }
    }
}
