import RowSchema
import Testing

@Suite("Schema")
struct SchemaTests {
    @Test("Types are found by name and alias, and know their layout in a tuple")
    func types() {
        for type in ColumnType.allCases {
            #expect(ColumnType(sqlName: type.sqlName) == type)
            #expect(ColumnType(sqlName: type.sqlName.uppercased()) == type)
        }
        #expect(ColumnType(sqlName: "INT4") == .integer)
        #expect(ColumnType(sqlName: "Double   Precision") == .doublePrecision)
        #expect(ColumnType(sqlName: "timestamp without time zone") == .timestamp)
        #expect(ColumnType(sqlName: "timestamp with time zone") == .timestampTZ)
        #expect(ColumnType(sqlName: "time without time zone") == .time)
        #expect(ColumnType(sqlName: "money") == nil)
        #expect(ColumnType.uuid.storedLength == 16 && ColumnType.uuid.alignment == 1)
        #expect(ColumnType.text.storedLength == nil && ColumnType.text.alignment == 4)
    }

    @Test("A schema reads back what it writes")
    func roundTrip() throws {
        let text =
            "id bigint NOT NULL, \"Full \"\"Name\" text, \"2nd\" double precision, zażółć date"
        let schema = try Schema(parsing: text)
        #expect(schema.columns.map(\.name) == ["id", "Full \"Name", "2nd", "zażółć"])
        #expect(!schema.columns[0].isNullable && schema.columns[1].isNullable)
        #expect(try Schema(parsing: schema.sqlText) == schema)
        #expect(
            try Schema(parsing: " ID  Int8\n,\tv NUMERIC null ").sqlText
                == "id bigint, v numeric")
        #expect(schema.index(of: "2nd") == 2 && schema.index(of: "x") == nil)
    }

    @Test(
        "Nonsense is refused with its reason",
        arguments: [
            ("", .noColumns), ("  ", .noColumns), ("id", .missingType(column: "id")),
            ("id bigint,", .emptyName(position: 2)), (",id bigint", .emptyName(position: 1)),
            ("id bigint, id text", .duplicateName("id")),
            ("id bigint, ID text", .duplicateName("id")),
            ("id varchar", .unknownType("varchar", column: "id")),
            ("id numeric(10,2)", .typeModifier("numeric", column: "id")),
            ("id bigint not", .unexpected("end of text", offset: 13)),
            ("id bigint null not null", .unexpected("not", offset: 15)),
            ("id not null", .missingType(column: "id")),
            ("\"id bigint", .unterminatedName(offset: 0)),
            ("\"\" text", .emptyName(position: 1)),
            ("id bigint; drop", .unexpected(";", offset: 9)),
            ("id bigint default", .unknownType("bigint default", column: "id")),
            ("id text \"x\"", .unexpected("\"x\"", offset: 8)),
        ] as [(String, SchemaError)])
    func errors(_ text: String, _ expected: SchemaError) {
        let error = #expect(throws: SchemaError.self) { try Schema(parsing: text) }
        #expect(error == expected)
        #expect(error?.description.isEmpty == false)
    }

    @Test("Limits: 1600 columns, 63 bytes of name")
    func limits() throws {
        let columns = (0..<1601).map { Column(name: "c\($0)", type: .integer) }
        #expect(try Schema(Array(columns.dropLast())).columns.count == 1600)
        #expect(throws: SchemaError.tooManyColumns(count: 1601)) { try Schema(columns) }
        let name = String(repeating: "n", count: 63)
        #expect(try Schema(parsing: "\(name) text").columns[0].name == name)
        #expect(throws: SchemaError.invalidName(name + "n")) {
            try Schema(parsing: "\(name)n text")
        }
    }
}
