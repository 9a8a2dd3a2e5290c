import PageFormat
import RowSchema
import RowText
import Testing

@Suite("Rows: against files that PostgreSQL wrote")
struct RowTests {
    static let tables = ["every_type", "every_type_nulls", "numbers", "vacuumed", "widened"]

    @Test("A relation is written as the CSV that COPY wrote", arguments: tables)
    func decode(_ name: String) throws {
        let (schema, file) = try Fixtures.table(name)
        var writer = RowWriter(schema: schema)
        var output = ByteOutput()
        writer.writeHeader(to: &output)
        try forEachTuple(of: file) { try writer.write($0, to: &output) }
        let expected = try Fixtures.bytes("postgres/csv/\(name).csv")
        #expect(output.bytes == expected)
    }

    @Test(
        "COPY's CSV is encoded to the bytes of the tuples",
        arguments: ["every_type", "every_type_nulls", "numbers", "vacuumed"])
    func encode(_ name: String) throws {
        let (schema, file) = try Fixtures.table(name)
        var reader = try CSVReader(
            source: FileSource(path: Fixtures.root + "/postgres/csv/\(name).csv"),
            expectedFieldCount: schema.columns.count)
        #expect(try reader.readHeader() == schema.columns.map(\.name))
        var encoder = RowEncoder(schema: schema)
        try forEachTuple(of: file) { original in
            #expect(try reader.next())
            try encoder.encode(&reader)
            try withTuple(of: &encoder.builder) { tuple in
                #expect(tuple.dataOffset == original.dataOffset)
                #expect(tuple.attributeCount == original.attributeCount)
                // The null bitmap and the data, which follow the fixed header's 23 bytes.
                #expect(
                    hex(tuple.bytes.extracting(23...))
                        == hex(original.bytes.extracting(23...)),
                    "record \(reader.recordNumber)")
            }
        }
        #expect(try !reader.next())
    }
}

@Suite("Rows: what cannot be encoded, and other formats")
struct RowFormatTests {
    /// The error that encoding the first record of `text` throws.
    private func failure(_ text: String, _ schema: String) throws -> LoadError? {
        var reader = try CSVReader(source: MemorySource(text, name: "rows.csv"))
        var encoder = RowEncoder(schema: try Schema(parsing: schema))
        do throws(LoadError) {
            while try reader.next() { try encoder.encode(&reader) }
            return nil
        } catch {
            return error
        }
    }

    @Test("An invalid value is reported with line, column and text")
    func values() throws {
        let error = try #require(
            try failure("1,ok\n2,\"a\nb\"\n99999,x\n", "id smallint, name text"))
        #expect(error.reason == .value(ValueError(.smallint, .outOfRange)))
        #expect(error.location?.line == 4 && error.location?.record == 3)
        #expect(error.column == "id" && error.excerpt == "99999")
        #expect(
            error.message
                == "rows.csv, line 4, column \"id\": out of range for smallint: \"99999\"")
        #expect(error.description == "\(error.message). \(error.reason.remedy ?? "")")
        let second = try #require(try failure("\"x\ny\",z\n", "a text, b date"))
        #expect(second.location?.line == 1 && second.location?.fieldLine == 2)
    }

    @Test("NULL in a NOT NULL column, and wrong numbers of fields")
    func shape() throws {
        let null = try #require(try failure("1,\n", "id int, name text not null"))
        #expect(null.reason == .nullNotAllowed && null.column == "name")
        #expect(try failure("1,\"\"\n", "id int, name text not null") == nil)
        let few = try #require(try failure("1\n", "id int, name text"))
        #expect(few.reason == .missingFields(expected: 2, found: 1) && few.column == "name")
        let many = try #require(try failure("1,2,3\n", "id int, name text"))
        #expect(many.reason == .extraFields(expected: 2, found: 3) && many.location?.field == 3)
    }

    @Test("A row fits a page up to the last byte, and is refused one byte later")
    func size() throws {
        // 24 bytes of header, 4 of length.
        let longest = PageLayout.maximumTupleSize - 28
        let text = String(repeating: "r", count: longest)
        #expect(try failure(text + "\n", "t text") == nil)
        let error = try #require(try failure(text + "r\n", "t text"))
        #expect(
            error.reason
                == .rowTooLarge(
                    size: PageLayout.maximumTupleSize + 1, limit: PageLayout.maximumTupleSize))
        let huge = try #require(
            try failure(String(repeating: "r", count: 1_000_000) + "\n", "t text"))
        #expect(huge.reason == .rowTooLarge(size: 1_000_028, limit: PageLayout.maximumTupleSize))
        #expect(huge.description.count < 250)
    }

    @Test("Values are quoted where they must be, and only there")
    func quoting() throws {
        let text = "a,\"\",,\"x,y\",\"q\"\"q\",\"l\nl\",\"r\rr\", s ,'\n"
        let schema = "a text, b text, c text, d text, e text, f text, g text, h text, i text"
        #expect(try rewritten(text, schema) == text)
        #expect(
            try rewritten("a;NULL;\"NULL\";\"x;y\"\n", "a text, b text, c text, d text") {
                $0.delimiter = ";"
                $0.nulls = ["NULL"]
            } == "a;NULL;\"NULL\";\"x;y\"\n")
        #expect(try rewritten("\"\\.\"\n\n\"\"\n", "a text") == "\"\\.\"\n\n\"\"\n")
        #expect(
            try rewritten("1-2\n\"2024-01-01\"-3\n", "a text, b int") {
                $0.delimiter = "-"
            } == "1-2\n\"2024-01-01\"-3\n")
    }

    @Test("A value that begins like a byte order mark stays as it is at the start of a file")
    func byteOrderMark() throws {
        let text = "\u{FEFF}\u{FEFF}a,b\n"
        let written = try rewritten(text, "a text, b text")
        #expect(written == "\"\u{FEFF}a\",b\n")
        #expect(try rewritten(written, "a text, b text") == written)
    }

    @Test("JSON lines")
    func json() throws {
        let schema = """
            t text, "a ""b" bigint, d double precision, n numeric, b boolean, x real, y bytea, \
            m timestamp, u uuid
            """
        let text = """
            "q""\\ \t\n\u{1}ż🐢/",-5,1e20,1.10,t,NaN,\\x00,2024-01-01,\
            a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
            ,,Infinity,-Infinity,f,0.1,,,
            """
        let expected = """
            {"t":"q\\"\\\\ \\t\\n\\u0001ż🐢/","a \\"b":-5,"d":1e+20,"n":1.10,"b":true,"x":"NaN",\
            "y":"\\\\x00","m":"2024-01-01 00:00:00","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}
            {"t":null,"a \\"b":null,"d":"Infinity","n":"-Infinity","b":false,"x":0.1,"y":null,\
            "m":null,"u":null}

            """
        #expect(try rewritten(text, schema, .jsonLines) == expected)
    }

    @Test("Some columns, in another order")
    func selection() throws {
        #expect(try rewritten("1,2,3\n", "a int, b int, c int", .csv, [2, 0]) == "3,1\n")
        #expect(
            try rewritten("1,2,3\n", "a int, b int, c int", .jsonLines, [1]) == "{\"b\":2}\n")
    }

    /// Encodes all records of `text` and writes the tuples.
    private func rewritten(
        _ text: String, _ schema: String, _ format: RowWriter.Format = .csv,
        _ selection: [Int]? = nil, _ change: (inout CSVOptions) -> Void = { _ in }
    ) throws -> String {
        var options = CSVOptions()
        options.hasHeader = false
        change(&options)
        let schema = try Schema(parsing: schema)
        var reader = try CSVReader(
            source: MemorySource(text), options: options,
            expectedFieldCount: schema.columns.count)
        var encoder = RowEncoder(schema: schema)
        var writer = RowWriter(
            schema: schema, selection: selection, format: format, options: options)
        var output = ByteOutput()
        writer.writeHeader(to: &output)
        while try reader.next() {
            try encoder.encode(&reader)
            try withTuple(of: &encoder.builder) { try writer.write($0, to: &output) }
        }
        return string(output)
    }
}
