import RowText
import StorageTesting
import Testing

@Suite("CSV: records and fields")
struct CSVReaderTests {
    static let nasty = [
        "id,name,note",
        "1,\"Smith, John\",\"says \"\"hi\"\"\"",
        "2,\"two\r\nlines\",",
        "3,\"\",\"\"",
        "4,żółw,\"„cudzysłów”, \"\"x\"\"\"",
        "5,\"\"\"\",\"\"\"\"\"\"\"\"",
        "6,'single', spaced ",
        "7,\"\n\r\r\n\",\"tab\there\"",
    ].joined(separator: "\r\n")

    static let nastyRecords: [Record] = [
        ["id", "name", "note"],
        ["1", "Smith, John", "says \"hi\""],
        ["2", "two\r\nlines", nil],
        ["3", "", ""],
        ["4", "żółw", "„cudzysłów”, \"x\""],
        ["5", "\"", "\"\"\""],
        ["6", "'single'", " spaced "],
        ["7", "\n\r\r\n", "tab\there"],
    ]

    @Test("Plain records, with and without a last line break")
    func plain() throws {
        #expect(try records("a,b\n1,2\n") == [["a", "b"], ["1", "2"]])
        #expect(try records("a,b\n1,2") == [["a", "b"], ["1", "2"]])
        #expect(try records("a,b\r\n1,2\r\n") == [["a", "b"], ["1", "2"]])
        #expect(try records("a,b\r\n1,2") == [["a", "b"], ["1", "2"]])
        #expect(try records("") == [])
        #expect(try records("a") == [["a"]])
        #expect(try records(",") == [[nil, nil]])
        #expect(try records("a,") == [["a", nil]])
        #expect(try records("a,\n,b") == [["a", nil], [nil, "b"]])
    }

    @Test("Quotes, doubled quotes, delimiters and line breaks within quotes")
    func quotes() throws {
        #expect(try records(Self.nasty) == Self.nastyRecords)
        #expect(try records("\"\"") == [[""]])
        #expect(try records("\"\"\"\"") == [["\""]])
        #expect(try records("\"a\"\n") == [["a"]])
        #expect(try records("\"a\",\"b\"") == [["a", "b"]])
        #expect(try records("\"a\n\nb\"\n\"c\r\"\n") == [["a\n\nb"], ["c\r"]])
    }

    @Test("NULL is an unquoted empty field, an empty string a quoted one")
    func null() throws {
        #expect(try records("a,,\"\"") == [["a", nil, ""]])
        let options: (inout CSVOptions) -> Void = { $0.nulls = ["\\N"] }
        #expect(try records("\\N,\"\\N\",,\\NN", options) == [[nil, "\\N", "", "\\NN"]])
    }

    @Test("A byte order mark is skipped at the beginning, and only there")
    func byteOrderMark() throws {
        let mark = "\u{FEFF}"
        #expect(try records(mark + "a,b\n") == [["a", "b"]])
        #expect(try records(mark + "\"a\"\n" + mark + "b") == [["a"], [mark + "b"]])
        #expect(try records(mark) == [])
    }

    @Test("Lone carriage returns end lines where the first line ends in one")
    func carriageReturns() throws {
        #expect(try records("a,b\r1,2\r") == [["a", "b"], ["1", "2"]])
        #expect(try records("a,b\r1,2") == [["a", "b"], ["1", "2"]])
        #expect(failure("a\rb\n")?.reason == .strayLineFeed)
        #expect(failure("a\rb\r\n")?.reason == .strayLineFeed)
        #expect(failure("a\nb\rc\n")?.reason == .strayCarriageReturn)
        #expect(failure("a\nb\r")?.reason == .strayCarriageReturn)
        #expect(try records("a\nb\r\n") == [["a"], ["b"]])
    }

    @Test("An empty line is skipped, unless one column is expected")
    func emptyLines() throws {
        #expect(try records("a,b\n\n1,2\n\n", expecting: 2) == [["a", "b"], ["1", "2"]])
        #expect(try records("a\n\nb\n\n", expecting: 1) == [["a"], [nil], ["b"], [nil]])
        #expect(try records("\"\"\n", expecting: 1) == [[""]])
    }

    @Test("Any delimiter", arguments: ["\t", ";", "|", " ", "x", "\u{1}", "\u{7F}"])
    func delimiter(_ delimiter: String) throws {
        let text = "a\(delimiter)\"b\(delimiter)\"\(delimiter)\nc,d\(delimiter)e\(delimiter)f"
        #expect(
            try records(text) { $0.delimiter = delimiter } == [
                ["a", "b\(delimiter)", nil], ["c,d", "e", "f"],
            ])
    }

    @Test("Every chunk size gives the same records", arguments: 1...64)
    func chunks(_ size: Int) throws {
        let whole = try records(Self.nasty)
        #expect(try records(Self.nasty, chunkSize: size) == whole)
        let small: (inout CSVOptions) -> Void = { $0.bufferSize = size }
        #expect(try records(Self.nasty, small, chunkSize: size) == whole)
        let shifted = String(repeating: "x", count: size) + "," + Self.nasty
        let shiftedWhole = try records(shifted)
        #expect(shiftedWhole[0][1] == "id" && shiftedWhole.dropFirst() == whole.dropFirst())
        #expect(try records(shifted, small) == shiftedWhole)
    }

    @Test("Records that grow the buffer many times, and many fields")
    func long() throws {
        let value = String(repeating: "0123456789", count: 50_000)
        let small: (inout CSVOptions) -> Void = { $0.bufferSize = 64 }
        #expect(
            try records("a,\(value)\n\"\(value)\",b\n", small) == [["a", value], [value, "b"]])
        let many = (0..<5000).map { "\($0)" }
        #expect(try records(many.joined(separator: ","))[0].map { $0 ?? "" } == many)
        let quoted = many.map { "\"\($0)\"" }
        #expect(try records(quoted.joined(separator: ","))[0].map { $0 ?? "" } == many)
    }

    @Test("Random tables survive being written and read, whatever the buffer")
    func random() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        let pieces = ["a", "\"", ",", "\n", "\r\n", "ż", "🐢", "", " ", "12", "\t"]
        for _ in 0..<200 {
            let width = Int.random(in: 2...6, using: &generator)
            let table: [Record] = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
                (0..<width).map { _ in
                    if Int.random(in: 0...4, using: &generator) == 0 { return nil }
                    return (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                        pieces.randomElement(using: &generator) ?? ""
                    }.joined()
                }
            }
            let text = table.map { record in
                record.map { value in
                    value.map {
                        "\""
                            + $0.split(separator: "\"", omittingEmptySubsequences: false)
                            .joined(separator: "\"\"") + "\""
                    } ?? ""
                }.joined(separator: ",")
            }.joined(separator: "\n")
            let size = Int.random(in: 1...200, using: &generator)
            let read = try records(text, { $0.bufferSize = size }, expecting: width)
            #expect(read == table, "seed \(seed)")
        }
    }
}
