import RowSchema
import RowText
import Testing

@Suite("CSV: the nasty files")
struct NastyFixtureTests {
    private func read(_ name: String, expecting: Int? = 2, delimiter: String = ",") throws
        -> [Record]
    {
        try records(
            try Fixtures.bytes("csv/nasty/\(name).csv"),
            { $0.delimiter = delimiter }, expecting: expecting)
    }

    @Test("Odd files are read")
    func odd() throws {
        #expect(
            try read("quotes", expecting: 3) == [
                ["id", "name", "note"], ["1", "Smith, John", "says \"hi\""],
                ["2", "two\nlines", nil], ["3", "", ""], ["4", "\"", "a\"b"],
                ["5", "'single'", " spaced "],
            ])
        #expect(try read("crlf") == [["id", "name"], ["1", "a\r\nb"], ["2", "c"]])
        #expect(try read("carriage_returns") == [["id", "name"], ["1", "a\rb"], ["2", "c"]])
        #expect(try read("byte_order_mark") == [["id", "name"], ["1", "żółw"]])
        #expect(try read("blank_lines") == [["id", "name"], ["1", "a"], ["2", "b"]])
        #expect(try read("no_final_line_break") == [["id", "name"], ["1", "a"], ["2", "b"]])
        #expect(
            try read("null_and_empty") == [
                ["id", "name"], ["1", nil], ["2", ""], [nil, "x"], ["", "y"],
            ])
        #expect(
            try read("semicolons", delimiter: ";") == [
                ["id", "name"], ["1", "a,b"], ["2", "c;d"],
            ])
        #expect(try read("empty") == [])
        #expect(try read("header_only") == [["id", "name"]])
    }

    @Test(
        "Wrong files are refused at their fault",
        arguments: [
            ("too_few_fields", 3, .missingFields(expected: 3, found: 2), 3, 3),
            ("too_many_fields", 2, .extraFields(expected: 2, found: 4), 3, 3),
            ("unterminated_quote", 2, .unterminatedQuote, 3, 2),
            ("stray_quote", 2, .strayQuote, 3, 2),
            ("text_after_quote", 2, .textAfterQuote, 2, 2),
            ("stray_carriage_return", 2, .strayCarriageReturn, 2, 2),
            ("invalid_utf8", 2, .invalidUTF8, 2, 2),
            ("cut_utf8", 2, .invalidUTF8, 2, 2),
            ("nul_byte", 2, .nulByte, 2, 2),
        ] as [(String, Int, LoadError.Reason, Int, Int)])
    func wrong(
        _ name: String, _ columns: Int, _ reason: LoadError.Reason, _ line: Int, _ field: Int
    ) throws {
        let error = #expect(throws: LoadError.self) { try read(name, expecting: columns) }
        #expect(error?.reason == reason)
        #expect(error?.location?.line == line)
        #expect(error?.location?.field == field)
    }

    @Test("A quoted empty field is a string, which is not a number")
    func schemaOfNulls() throws {
        let outcome = try SchemaInference.infer(
            from: FileSource(path: Fixtures.root + "/csv/nasty/null_and_empty.csv"))
        #expect(outcome.schema.sqlText == "id text, name text")
        let names = try SchemaInference.infer(
            from: FileSource(path: Fixtures.root + "/csv/nasty/duplicate_names.csv"))
        #expect(
            names.schema.sqlText
                == "id integer, column2 integer, name integer, name_2 integer, \"ID\" integer")
    }
}
