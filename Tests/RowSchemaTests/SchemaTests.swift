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
        let array = ColumnType.bigint.array
        #expect(array.storedLength == nil && array.alignment == 8 && array.element == .bigint)
        #expect(array.array == array && ColumnType.uuid.array.alignment == 4)
        #expect(ColumnType(sqlName: "int8 [][]") == array && ColumnType(sqlName: "x[]") == nil)
        #expect(ArrayElement(array) == nil)
        let numbers = Set(ColumnType.allCases.map(\.objectIdentifier))
        #expect(numbers.count == 2 * ColumnType.scalars.count && !numbers.contains(0))
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
        "Lengths and precisions, and PostgreSQL's names",
        arguments: [
            ("varchar(20)", "varchar(20)"), ("character varying (20)", "varchar(20)"),
            ("varchar", "varchar"), ("char(3)", "char(3)"), ("CHARACTER ( 3 )", "char(3)"),
            ("char", "char(1)"), ("bpchar", "bpchar"), ("bpchar(4)", "char(4)"),
            ("numeric(10,2)", "numeric(10,2)"), ("DECIMAL(5)", "numeric(5,0)"),
            ("dec(3, -2)", "numeric(3,-2)"), ("timestamp(3) with time zone", "timestamptz(3)"),
            ("timestamp (0) without time zone", "timestamp(0)"),
            ("timestamptz(6)", "timestamptz(6)"),
            ("time(2)", "time(2)"), ("interval(1)", "interval(1)"), ("interval", "interval"),
            ("json", "json"), ("jsonb", "jsonb"), ("float4", "real"), ("int8", "bigint"),
            ("bool", "boolean"), ("int4[]", "integer[]"), ("TEXT [ ]", "text[]"),
            ("integer[3][4]", "integer[]"), ("numeric(10,2)[]", "numeric(10,2)[]"),
            ("varchar(5)[2]", "varchar(5)[]"), ("char[]", "char(1)[]"), ("bpchar[]", "bpchar[]"),
            ("interval(1)[]", "interval(1)[]"),
            ("timestamp(3) with time zone[]", "timestamptz(3)[]"),
            ("float(1)", "real"), ("FLOAT (24)", "real"), ("float(25)", "double precision"),
            ("float(53)", "double precision"), ("float", "double precision"),
            ("float(3)[]", "real[]"), ("integer ARRAY", "integer[]"), ("text array[3]", "text[]"),
            ("varchar(5) array", "varchar(5)[]"), ("_int4", "integer[]"), ("_bpchar", "bpchar[]"),
            ("_timestamptz(2)", "timestamptz(2)[]"),
            ("national character varying(7)", "varchar(7)"), ("nchar varying", "varchar"),
            ("nchar(3)", "char(3)"), ("NATIONAL CHAR", "char(1)"), ("nchar", "char(1)"),
        ])
    func modifiers(_ written: String, _ name: String) throws {
        let schema = try Schema(parsing: "v \(written) NOT NULL, w text")
        #expect(schema.sqlText == "v \(name) NOT NULL, w text")
        #expect(try Schema(parsing: schema.sqlText) == schema)
        let column = schema.columns[0]
        guard let modifier = column.modifier else { return }
        let number = modifier.storedNumber(of: column.type)
        #expect(TypeModifier(storedNumber: number, of: column.type) == modifier)
    }

    @Test("The numbers that PostgreSQL stores for modifiers")
    func storedModifiers() {
        #expect(TypeModifier.length(20).storedNumber(of: .varchar) == 24)
        #expect(TypeModifier.precision(10, scale: 2).storedNumber(of: .numeric) == 655_366)
        #expect(TypeModifier.precision(3, scale: -2).storedNumber(of: .numeric) == 198_658)
        #expect(TypeModifier.fractionDigits(3).storedNumber(of: .timestamp) == 3)
        #expect(TypeModifier.fractionDigits(3).storedNumber(of: .interval) == 2_147_418_115)
        for number in [-1, 0, 3, 4, 2_147_483_647] as [Int32] {
            #expect(TypeModifier(storedNumber: number, of: .varchar) == nil)
        }
        #expect(TypeModifier(storedNumber: 24, of: .integer) == nil)
    }

    @Test(
        "Nonsense is refused with its reason",
        arguments: [
            ("", .noColumns), ("  ", .noColumns), ("id", .missingType(column: "id")),
            ("id bigint,", .emptyName(position: 2)), (",id bigint", .emptyName(position: 1)),
            ("id bigint, id text", .duplicateName("id")),
            ("id bigint, ID text", .duplicateName("id")),
            ("id money", .unknownType("money", column: "id")),
            ("id integer(3)", .typeModifier("integer", column: "id")),
            ("id varchar(0)", .typeModifier("varchar", column: "id")),
            ("id varchar(10485761)", .typeModifier("varchar", column: "id")),
            ("id float(0)", .typeModifier("float", column: "id")),
            ("id float(54)", .typeModifier("float", column: "id")),
            ("id float(1,2)", .typeModifier("float", column: "id")),
            ("id _money", .unknownType("_money", column: "id")),
            ("id array", .unknownType("array", column: "id")),
            ("id varchar()", .typeModifier("varchar", column: "id")),
            ("id varchar(1,2)", .typeModifier("varchar", column: "id")),
            ("id numeric(1001)", .typeModifier("numeric", column: "id")),
            ("id numeric(2,x)", .typeModifier("numeric", column: "id")),
            ("id timestamp(7)", .typeModifier("timestamp", column: "id")),
            ("id char(2)(3)", .unexpected("(", offset: 10)),
            ("id char(2", .unexpected("(2", offset: 7)),
            ("id (2)", .missingType(column: "id")),
            ("id bigint not", .unexpected("end of text", offset: 13)),
            ("id bigint null not null", .unexpected("not", offset: 15)),
            ("id not null", .missingType(column: "id")),
            ("\"id bigint", .unterminatedName(offset: 0)),
            ("\"\" text", .emptyName(position: 1)),
            ("id bigint; drop", .unexpected(";", offset: 9)),
            ("id bigint default", .unknownType("bigint default", column: "id")),
            ("id text \"x\"", .unexpected("\"x\"", offset: 8)),
            ("id []", .missingType(column: "id")), ("id integer[", .unexpected("[", offset: 10)),
            ("id integer[x]", .unexpected("[", offset: 10)),
            ("id integer[] big", .unexpected("big", offset: 13)),
            ("id numeric[](3)", .unexpected("(", offset: 12)),
            ("id integer not null[]", .unexpected("[]", offset: 19)),
            ("id money[]", .unknownType("money", column: "id")),
        ] as [(String, SchemaError)])
    func errors(_ text: String, _ expected: SchemaError) {
        let error = #expect(throws: SchemaError.self) { try Schema(parsing: text) }
        #expect(error == expected)
        #expect(error?.description.isEmpty == false)
    }

    @Test("A column has only spellings of its type")
    func spellings() throws {
        for (type, spelling) in [
            (.integer, .words), (.uuid, .zulu), (.timestamp, .zulu), (.text, .uppercase),
            (.varchar, .standard), (.json, .standard),
        ] as [(ColumnType, Spelling)] {
            #expect(throws: SchemaError.spelling(spelling, column: "v")) {
                try Schema([Column(name: "v", type: type, spelling: spelling)])
            }
        }
        for type in ColumnType.allCases {
            for spelling in Spelling.spellings(of: type) {
                #expect(throws: Never.self) {
                    try Schema([Column(name: "v", type: type, spelling: spelling)])
                }
            }
        }
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
