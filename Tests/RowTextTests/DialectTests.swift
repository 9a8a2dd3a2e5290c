import RowText
import Testing

@Suite("CSV: other dialects")
struct DialectTests {
    /// The records, which must be the same whatever the chunks and the buffer.
    private func read(
        _ text: String, expecting: Int? = nil, _ change: (inout CSVOptions) -> Void
    ) throws -> [Record] {
        let whole = try records(text, change, expecting: expecting)
        for size in [1, 2, 3, 5, 64] {
            let small: (inout CSVOptions) -> Void = {
                change(&$0)
                $0.bufferSize = 1
            }
            let parts = try records(text, small, expecting: expecting, chunkSize: size)
            #expect(parts == whole, "chunks of \(size)")
        }
        return whole
    }

    @Test("Lines before the table, and comments")
    func lines() throws {
        let skipping: (inout CSVOptions) -> Void = { $0.skippedLineCount = 3 }
        #expect(try read("a \"b\r\n\r\nc,\"\nx,y\n1,2", skipping) == [["x", "y"], ["1", "2"]])
        #expect(try read("\u{FEFF}a\rb\rc\rx\r1\r", skipping) == [["x"], ["1"]])
        #expect(try read("a\nb", skipping) == [])
        let comments: (inout CSVOptions) -> Void = { $0.comment = UInt8(ascii: "#") }
        #expect(
            try read("# \"one\na,b\n#\n\"#\",#c\n#end", comments) == [["a", "b"], ["#", "#c"]])
        #expect(try read("\"x\n#y\",b\r\n#z\r\n", comments) == [["x\n#y", "b"]])
        var reader = try CSVReader(source: MemorySource("p\nq\n#c\nx,\"y\nz\"\n1,2\n")) {
            $0.skippedLineCount = 2
            $0.comment = UInt8(ascii: "#")
        }
        _ = try reader.readHeader()
        #expect(reader.line == 4)
        #expect(try reader.next())
        #expect(reader.line == 6 && reader.recordNumber == 1)
    }

    @Test("Empty lines before the header")
    func emptyLines() throws {
        var reader = try CSVReader(source: MemorySource("\n\r\n\na,b\n1,2\n")) { _ in }
        #expect(try reader.readHeader() == ["a", "b"])
        #expect(reader.line == 4)
    }

    @Test("Other quotes, and none")
    func quotes() throws {
        let single: (inout CSVOptions) -> Void = { $0.quote = UInt8(ascii: "'") }
        #expect(
            try read("'a,''b''',\"c\",''\n", single) == [["a,'b'", "\"c\"", ""]])
        let none: (inout CSVOptions) -> Void = { $0.quote = nil }
        #expect(
            try read("\"a,b\"\n\"\"\"\n5\" pipe,", none)
                == [["\"a", "b\""], ["\"\"\""], ["5\" pipe", nil]])
    }

    @Test("Escaped characters, within quotes and without")
    func escapes() throws {
        let escaping: (inout CSVOptions) -> Void = { $0.escape = UInt8(ascii: "\\") }
        #expect(
            try read(#""\"Walt\"","a\\","b\n","c""d","\"#, both(escaping, { $0.quote = nil }))
                == [["\"\\\"Walt\\\"\"", "\"a\\\"", "\"b\\n\"", "\"c\"\"d\"", "\"\\"]])
        #expect(
            try read(#""\"Walt\"","a\\","b\n","c""d","\,""#, escaping)
                == [["\"Walt\"", "a\\", "b\\n", "c\"d", "\\,"]])
        #expect(
            try read("a\\,b,c\\\nd,\\N,e\\\\\nx,\\\r\ny", escaping)
                == [["a,b", "c\nd", "\\N", "e\\"], ["x", "\r\ny"]])
        #expect(failure("\"a\\\"\n", escaping)?.reason == .unterminatedQuote)
    }

    @Test("Misplaced quotes")
    func lenient() throws {
        let lenient: (inout CSVOptions) -> Void = { $0.hasLenientQuotes = true }
        #expect(try read("5\" pipe,x\n", lenient) == [["5\" pipe", "x"]])
        #expect(try read("1, \"Smith, J\" ,y\n", lenient) == [["1", "Smith, J", "y"]])
        #expect(try read("\"a\" b,c\n", lenient) == [["a b", "c"]])
        #expect(
            try read("\"say \"hi\" to \"\"me\"\" \"you\" now\",2\n\"p\" \"q\" \n", lenient)
                == [["say \"hi\" to \"me\" \"you\" now", "2"], ["p\" \"q"]])
        #expect(try read("\"a\nb\"\n x ,\"\"\n", lenient) == [["a\nb"], [" x ", ""]])
        #expect(failure("\"a\n", lenient)?.reason == .unterminatedQuote)
    }

    @Test("Blanks around fields")
    func trimming() throws {
        let trimming: (inout CSVOptions) -> Void = { $0.trimsFields = true }
        #expect(
            try read("WE, 0,\t1 \n \" a \" , \"b\"\n ,  x y  ", trimming)
                == [["WE", "0", "1"], [" a ", "b"], [nil, "x y"]])
        let tabs = both(trimming, { $0.delimiter = "\t" })
        #expect(try read(" a\t\t b ", tabs) == [["a", nil, "b"]])
        #expect(failure(" \"a\" b\n", trimming)?.reason == .textAfterQuote)
    }

    @Test("Delimiters of several characters")
    func longDelimiters() throws {
        let bars: (inout CSVOptions) -> Void = { $0.delimiter = "||" }
        #expect(
            try read("id||na|me\n||\"a||b\"||\n|||", bars)
                == [["id", "na|me"], [nil, "a||b", nil], [nil, "|"]])
        #expect(try read("aXYbXcXY", { $0.delimiter = "XY" }) == [["a", "bXc", nil]])
    }

    @Test("Several texts for NULL, and quoted ones")
    func nulls() throws {
        let several: (inout CSVOptions) -> Void = { $0.nulls = ["NULL", "NA"] }
        #expect(try read("NULL,NA,,\"NA\"", several) == [[nil, nil, "", "NA"]])
        #expect(
            try read("NULL,\"NA\",\"\"", both(several, { $0.quotedFieldsCanBeNull = true }))
                == [[nil, nil, ""]])
        #expect(try read("\"\",", { $0.quotedFieldsCanBeNull = true }) == [[nil, nil]])
        #expect(try read(",x", { $0.nulls = [] }) == [["", "x"]])
    }

    @Test("Missing fields are filled, empty ones behind the last column ignored")
    func filling() throws {
        let filling: (inout CSVOptions) -> Void = { $0.fillsMissingFields = true }
        #expect(
            try read("1,2\n3\n4,5,,\n\n\"\"\n", expecting: 2, filling)
                == [["1", "2"], ["3", nil], ["4", "5"], ["", nil]])
        #expect(
            failure("1,2,3\n", filling, expecting: 2)?.reason
                == .extraFields(expected: 2, found: 3))
        #expect(
            try read("1\n", expecting: 2, both(filling, { $0.nulls = ["NA"] })) == [["1", nil]])
    }

    @Test("A stray carriage return is a fault of its record only; doubled ones are named")
    func carriageReturns() throws {
        var reader = try CSVReader(source: MemorySource("a,b\n1,x\ry\n2,z\n")) { _ in }
        #expect(try reader.next())
        let error = #expect(throws: LoadError.self) { try reader.next() }
        #expect(error?.reason == .strayCarriageReturn)
        #expect(error?.location?.line == 2 && error?.location?.field == 2)
        #expect(error?.location?.byteOffset == 7)
        #expect(try reader.next())
        #expect(reader.string(1) == "z" && reader.line == 3)
        for text in ["a,b\r\r\n1,x\r\r\n", "a,b\n1,\"x\"\r\r\n"] {
            #expect(failure(text)?.reason == .doubledCarriageReturn)
            #expect(failure(text) { $0.bufferSize = 1 }?.reason == .doubledCarriageReturn)
        }
        #expect(failure("a\nb,\"c\"\rd\n")?.reason == .textAfterQuote)
    }

    @Test("Options that contradict each other are refused")
    func contradictions() {
        #expect(failure("a") { $0.quote = UInt8(ascii: ",") } != nil)
        #expect(failure("a") { $0.escape = 10 } != nil)
        #expect(failure("a") { $0.comment = UInt8(ascii: "\"") } != nil)
        #expect(failure("a") { $0.skippedLineCount = -1 } != nil)
        #expect(failure("a") { $0.nulls = ["", "a,b"] } != nil)
        // A blank as quote is odd, but possible.
        #expect(
            failure(" a b , c ") {
                $0.quote = 0x20
                $0.hasLenientQuotes = true
            } == nil)
    }

    @Test("Fields in another order than the columns")
    func arranging() throws {
        var reader = try CSVReader(source: MemorySource("b,a\nx,1\n\"y\"\"\",2\n3\n")) { _ in }
        let header = try reader.readHeader()
        reader.columnNames = ["a", "c", "b"]
        reader.arrange([1, nil, 0], fieldNames: header)
        #expect(try reader.next())
        #expect(reader.fieldCount == 3 && reader.string(0) == "1" && reader.string(2) == "x")
        #expect(reader.isNull(1) && !reader.isNull(0))
        #expect(try reader.next())
        #expect(reader.string(2) == "y\"")
        let bad = reader.failure(.nullNotAllowed, field: 0)
        #expect(bad.column == "a" && bad.location?.field == 2)
        let ragged = #expect(throws: LoadError.self) { try reader.next() }
        #expect(ragged?.reason == .missingFields(expected: 2, found: 1))
        #expect(ragged?.column == "a")
    }
}

extension CSVReader {
    /// Makes a reader with changed options.
    fileprivate init(
        source: MemorySource, _ change: (inout CSVOptions) -> Void
    ) throws(LoadError) {
        var options = CSVOptions()
        change(&options)
        try self.init(source: source, options: options)
    }
}

/// Changes options after another change.
private func both(
    _ first: @escaping (inout CSVOptions) -> Void, _ second: @escaping (inout CSVOptions) -> Void
) -> (inout CSVOptions) -> Void {
    {
        first(&$0)
        second(&$0)
    }
}
