import PageFormat
import RowSchema
import RowText
import Testing

@Suite("Widening")
struct WideningTests {
    /// The columns after a record that the inferred ones do not keep.
    private func widened(_ type: ColumnType, by text: String) throws -> String? {
        var options = CSVOptions()
        options.hasHeader = false
        var reader = try CSVReader(source: MemorySource("\"\(text)\",x"), options: options)
        #expect(try reader.next())
        let schema = try Schema([
            Column(name: "v", type: type, spelling: .standard), Column(name: "w", type: .integer),
        ])
        return try TypeWidening.schema(from: schema, keepingRecordOf: &reader)?.columns[0].type
            .sqlName
    }

    @Test(
        "The next type is the narrowest that keeps the value",
        arguments: [
            (.integer, "7", nil), (.integer, "2147483648", "bigint"),
            (.integer, "0.5", "double precision"), (.integer, "-0", "double precision"),
            (.integer, "1.50", "numeric"), (.integer, "00501", "text"), (.integer, " 9", "text"),
            (.integer, "+4915", "text"), (.bigint, "0.5", "numeric"), (.bigint, "1e+20", "text"),
            (.doublePrecision, "3.14159265358979323846", "numeric"),
            (.doublePrecision, "007.5", "text"), (.numeric, "1e+20", "text"),
            (.date, "2024-01-01 00:00:00", "text"), (.boolean, "true", "text"),
            (.timestamp, "2024-01-01T00:00:00", "text"), (.text, "anything", nil),
        ] as [(ColumnType, String, String?)])
    func types(_ type: ColumnType, _ text: String, _ expected: String?) throws {
        #expect(try widened(type, by: text) == expected)
    }

    @Test("Given types stay as they are")
    func given() throws {
        var reader = try CSVReader(source: MemorySource("x"))
        #expect(try reader.next())
        let schema = try Schema(parsing: "v integer")
        #expect(try TypeWidening.schema(from: schema, keepingRecordOf: &reader) == nil)
    }

    @Test("Rows are encoded again with the same texts")
    func again() throws {
        let old = try Schema([
            Column(name: "a", type: .doublePrecision, spelling: .standard),
            Column(name: "b", type: .boolean, spelling: .yesNo),
            Column(name: "c", type: .uuid), Column(name: "d", type: .text),
        ])
        let new = try Schema([
            Column(name: "a", type: .numeric, spelling: .standard),
            Column(name: "b", type: .text, spelling: .standard),
            Column(name: "c", type: .uuid), Column(name: "d", type: .text),
        ])
        let changed = [true, true, false, false]
        for (row, failing) in [
            ("1.5,no,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,x\n", nil), (",yes,,\"\"\n", nil),
            ("1e+20,no,,\n", 0),
        ] as [(String, Int?)] {
            var reader = try CSVReader(source: MemorySource(row))
            #expect(try reader.next())
            var encoder = RowEncoder(schema: old)
            var other = RowEncoder(schema: new)
            var decoder = RowDecoder(schema: old)
            var writer = RowWriter(schema: new)
            try encoder.encode(&reader)
            try withTuple(of: &encoder.builder) { tuple in
                try decoder.decode(tuple)
                #expect(try other.encode(tuple, of: decoder, changed: changed) == failing)
            }
            if failing != nil { continue }
            var output = ByteOutput()
            try withTuple(of: &other.builder) { try writer.write($0, to: &output) }
            #expect(string(output) == row)
        }
    }
}
