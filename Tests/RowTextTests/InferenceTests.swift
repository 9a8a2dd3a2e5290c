import RowSchema
import RowText
import Testing

@Suite("Inference")
struct InferenceTests {
    private func inferred(
        _ text: String, _ change: (inout CSVOptions) -> Void = { _ in },
        limits: SchemaInference.Limits = SchemaInference.Limits()
    ) throws -> String {
        var options = CSVOptions()
        change(&options)
        return try SchemaInference.infer(
            from: MemorySource(text), options: options, limits: limits
        ).schema.sqlText
    }

    @Test(
        "A column gets the narrowest type that holds its values",
        arguments: [
            (["1", "2", "-3", "0"], "integer"), (["2147483648"], "bigint"),
            (["1", "9223372036854775808"], "numeric"), (["1", "1.5"], "double precision"),
            (["1e5", ".5"], "text"), (["1e+20", "0.5", "NaN"], "double precision"),
            (["NaN", "inf"], "text"), (["00501", "10001"], "text"), (["-0"], "double precision"),
            (["+48123"], "text"), (["123456789012345678901234567890"], "numeric"),
            (["0.12345678901234567890", "1"], "numeric"), (["1.", "2"], "text"),
            (["true", "false", "true"], "boolean"), (["t", "1"], "text"),
            (["true", "FALSE"], "text"), (["True", "False"], "boolean"),
            (["yes", "no"], "boolean"),
            (["TRUE"], "boolean"), (["f", "f"], "text"), (["t", "f"], "boolean"),
            (["Y", "N", "N"], "boolean"), (["no"], "text"), (["on", "off"], "boolean"),
            (["tr", "fa"], "text"), (["of", "on"], "text"), (["0", "1"], "integer"),
            (["2024-01-01", "1999-12-31"], "date"), (["2024-02-30"], "text"),
            (["2024-01-01", "infinity"], "date"), (["2024-1-1"], "text"),
            (["2024-01-01", "2024-01-01 10:00:00"], "text"),
            (["2024-01-01 10:00:00", "2024-01-01 10:00:00.5"], "timestamp"),
            (["2024-01-01 10:00:00.50"], "text"), (["2024-01-01 10:00"], "text"),
            (["2024-01-01T10:00:00", "2024-01-02T10:00:00.123456"], "timestamp"),
            (["2024-01-01T10:00:00", "2024-01-02 10:00:00"], "text"),
            (["2024-01-01T10:00:00Z"], "timestamptz"), (["2024-01-01T10:00:00z"], "text"),
            (["2024-01-01 10:00:00+00", "2024-01-01 10:00:00.5+00"], "timestamptz"),
            (["2024-01-01 10:00:00+00:00"], "timestamptz"),
            (["2024-01-01 10:00:00Z", "2024-01-01 10:00:00"], "text"),
            (["2024-01-01 10:00:00+02"], "text"), (["20240101"], "integer"),
            (["2024-01-01T00:00:00.000000001"], "text"), (["2024-06-30T23:59:60"], "text"),
            (["2024-06-30T24:00:00"], "text"), (["10:00:00", "24:00:00"], "time"),
            (["10:00"], "text"), (["25:10:00"], "text"), (["10:00:00.25"], "time"),
            (["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "uuid"),
            (["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"], "uuid"),
            (["A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"], "text"),
            (
                ["00000000-0000-0000-0000-000000000001", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
                "uuid"
            ),
            (["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"], "text"),
            (["a0eebc999c0b4ef8bb6d6bb9bd380a11"], "text"), (["", "", ""], "text"),
            (["", "7"], "integer"), (["\"\"", "7"], "text"), (["hello", "1"], "text"),
            ([" 1"], "text"), (["infinity"], "text"), (["2.1", "2.10"], "numeric"),
            (["1E5", "2E7"], "text"), (["1e5", "100000"], "text"), (["-0.0", "1.5"], "text"),
            (["0.12345678901234567", "0.2"], "numeric"), (["0.1", "5e-324"], "double precision"),
            (["0.00001", "0.5"], "numeric"), (["1e-05", "0.5"], "double precision"),
            (["123456789012345.5"], "double precision"), (["1234567890123456.5"], "numeric"),
            (["1234567890123456", "0.5"], "numeric"), (["1e+20", "1.50"], "text"),
        ] as [([String], String)])
    func types(_ values: [String], _ type: String) throws {
        let rows = values.map { $0 + ",x" }.joined(separator: "\n")
        #expect(try inferred("v,w\n" + rows) == "v \(type), w text")
    }

    @Test("Names are made valid and distinct")
    func names() throws {
        let long = String(repeating: "ż", count: 40)
        #expect(
            try inferred(" Name ,,name,name,\"a\nb\",\(long),\(long),name_2\n1,1,1,1,1,1,1,1\n")
                == "\"Name\" integer, column2 integer, name integer, name_2 integer, "
                + "a_b integer, \"\(long.prefix(31))\" integer, "
                + "\"\(long.prefix(30))_2\" integer, name_2_2 integer")
        #expect(
            try inferred("1,x\n2,y\n") { $0.hasHeader = false }
                == "column1 integer, column2 text")
    }

    @Test("The returned source starts from the beginning again")
    func replay() throws {
        let text = "a,b\n" + (0..<1000).map { "\($0),\"x\n\($0)\"\n" }.joined()
        for size in [1, 10, 100, 1000, 100_000] {
            var limits = SchemaInference.Limits()
            limits.bytes = size
            if size < 5 {
                #expect(throws: Never.self) {
                    _ = try SchemaInference.infer(from: MemorySource(text), limits: limits)
                }
                continue
            }
            let outcome = try SchemaInference.infer(
                from: MemorySource(text, chunkSize: 7), limits: limits)
            #expect(outcome.schema.columns.count == 2)
            #expect(try Fixtures.read(outcome.source) == Array(text.utf8))
        }
    }

    @Test("Only a limited number of records is sampled; the load handles the rest")
    func limits() throws {
        var limits = SchemaInference.Limits()
        limits.records = 2
        #expect(try inferred("a\n1\n2\nx\n", limits: limits) == "a integer")
        #expect(try inferred("a,b\n1,2\n3\n") == "a integer, b integer")
    }

    @Test("Nothing to infer from, and errors in the first record")
    func errors() throws {
        let empty = #expect(throws: LoadError.self) { try inferred("") }
        #expect(empty?.reason == .missingHeader)
        let none = #expect(throws: LoadError.self) { try inferred("") { $0.hasHeader = false } }
        #expect(none?.reason == .noRecords)
        #expect(try inferred("a,b\n") == "a text, b text")
        let ragged = #expect(throws: LoadError.self) { try inferred("a,b\n1\n") }
        #expect(ragged?.reason == .missingFields(expected: 2, found: 1))
    }

    @Test("Records that the load skips do not influence the schema")
    func skipping() throws {
        func inferred(_ bytes: [UInt8]) throws -> SchemaInference.Outcome {
            try SchemaInference.infer(from: MemorySource(bytes), onError: .skip)
        }
        let bad: [[UInt8]] = [
            Array("x\0,y\n".utf8), [0x78, 0xFF, 0x2C, 0x79, 0x0A], Array("x\n".utf8),
            Array("x,y,z\n".utf8),
        ]
        for record in bad {
            let good = Array("1,true\n".utf8)
            for records in [record + good + good, good + record + good] {
                let outcome = try inferred(Array("a,b\n".utf8) + records)
                #expect(outcome.schema.sqlText == "a integer, b boolean")
                #expect(outcome.recordCount == 2)
            }
            #expect(try inferred(Array("a,b\n".utf8) + record).schema.sqlText == "a text, b text")
        }
        let open = #expect(throws: LoadError.self) { try inferred(Array("a,b\n\"x".utf8)) }
        #expect(open?.reason == .unterminatedQuote)
    }

    @Test("Airports: codes are text, coordinates numbers")
    func airports() throws {
        let outcome = try SchemaInference.infer(
            from: FileSource(path: Fixtures.root + "/csv/airports.csv"))
        #expect(
            outcome.schema.sqlText
                == "iata text, name text, city text, state text, country text, "
                + "latitude double precision, longitude double precision")
        #expect(outcome.recordCount == 3376)
    }
}
