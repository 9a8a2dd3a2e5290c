import RowText
import StorageTesting
import Testing

@Suite("CSV: recognising the dialect")
struct DetectionTests {
    private func open(
        _ bytes: [UInt8], _ unknowns: CSVDetection.Unknowns = .all, encoding: InputEncoding? = nil,
        _ change: (inout CSVOptions) -> Void = { _ in }
    ) throws -> CSVDetection.Outcome {
        var options = CSVOptions()
        change(&options)
        let outcome = try CSVDetection.open(
            MemorySource(bytes, chunkSize: 7, name: "file.csv"), options: options,
            encoding: encoding, recognising: unknowns)
        return outcome
    }

    private func findings(
        _ text: String, _ unknowns: CSVDetection.Unknowns = .all,
        _ change: (inout CSVOptions) -> Void = { _ in }
    ) throws -> [CSVDetection.Finding] {
        let outcome = try open(Array(text.utf8), unknowns, change)
        #expect(try Fixtures.read(outcome.source) == Array(text.utf8))
        return outcome.findings
    }

    @Test(
        "Delimiters that split all records alike",
        arguments: [
            ("id;name;price\n1;x;1,5\n2;y;2,25\n", ";"), ("a\tb\n1\t2,3\n", "\t"),
            ("a|b|c\n1|\"x|y\"|3", "|"), ("\"a\";b\n1;2\n", ";"), ("a;b\n", ";"),
            ("\n\na;b\n\n1;2\n", ";"), ("a;b;c\n1;2;3\n1;2\n4;5;6\n", ";"),
            ("a;b\n1;2;\n3;4;\n", ";"), ("a\tb\n1\tx \"y\"\n2\t\"z\"\n", "\t"),
        ])
    func delimiters(_ text: String, _ delimiter: String) throws {
        #expect(try findings(text) == [.delimiter(delimiter)])
        #expect(try findings(text, [.encoding, .quotes]) == [])
        #expect(try findings(text, []) == [])
        let outcome = try open(Array(text.utf8))
        #expect(outcome.options.delimiter == delimiter)
    }

    @Test(
        "What is not certain is left alone",
        arguments: [
            "a,b\n1,2\n", "a\n1\n2\n", "", "\n", "a;b,c\n1;2,3\n", "note; more\nx\ny\nz\n",
            "id||name\n1||x\n", "a~|~b\n1~|~2\n", "a,b,c\n1,2\n3;4\n", "x\n\"a;b\"\n", "a b\n1 2\n",
        ])
    func uncertain(_ text: String) throws {
        let outcome = try open(Array(text.utf8))
        #expect(outcome.options.delimiter == ",")
        #expect(!outcome.findings.contains { if case .delimiter = $0 { true } else { false } })
    }

    @Test("Another delimiter that would fit too is named")
    func others() throws {
        #expect(
            try findings("id;name, first;price\n1;x;1,5\n2;y;2,5\n") == [.otherDelimiter(";")])
        #expect(
            try findings("a;b|c\n1;2|3\n") == [.otherDelimiter(";"), .otherDelimiter("|")])
        #expect(try findings("Report\n\nid;v\n1;2\n3;4\n") == [.otherDelimiter(";")])
    }

    @Test("A delimiter that gives the known number of columns goes before others")
    func knownColumns() throws {
        func delimiter(_ text: String, _ count: Int?) throws -> String {
            try CSVDetection.open(
                MemorySource(Array(text.utf8)), options: CSVOptions(), columnCount: count
            ).options.delimiter
        }
        let notes = "note\na;b\nc;d\n"
        let even = "a;b\nc;d\n"
        #expect(try delimiter(even, nil) == ";")
        #expect(try delimiter(even, 1) == ",")
        #expect(try delimiter(even, 2) == ";")
        #expect(try delimiter(notes, 1) == ",")
        // Two delimiters are as good as each other, unless one fits.
        let both = "a;b|c;d\n1;2|3;4\n"
        #expect(try delimiter(both, nil) == ",")
        #expect(try delimiter(both, 3) == ";")
        #expect(try delimiter(both, 2) == "|")
        // What fits nothing is recognised as before.
        #expect(try delimiter(even, 7) == ";")
    }

    @Test("A backslash and a quote in fields without quotes may both be meant")
    func unquotedBackslashes() throws {
        let text = "id,path\n1,\\\\srv\\share\n2,5\\\" pipe\n"
        #expect(try findings(text) == [.noQuotes])
        // Behind a sample there may be quoted fields.
        let long = text + String(repeating: "3,\\\\srv\\dir\n", count: CSVDetection.sampleSize / 12)
        #expect(try findings(long) == [])
        #expect(try findings("id,path\n1,\"5\\\" pipe\"\n") == [.escape])
    }

    @Test("A mark of another encoding than the given one is no text, or is told")
    func otherMarks() throws {
        let mark: [UInt8] = [0xFF, 0xFE]
        let text = mark + "a;b".utf8.flatMap { [$0, 0] }
        #expect(throws: LoadError.self) { _ = try open(text, encoding: .utf16BigEndian) }
        #expect(try open(text, encoding: .utf16LittleEndian).findings.contains(.delimiter(";")))
        let marked: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("a,b\n1,2\n".utf8)
        #expect(try open(marked, encoding: .latin1).findings == [.otherMark(.utf8)])
        #expect(try open(marked, encoding: .utf8).findings.isEmpty)
    }

    @Test("A first line that names the delimiter")
    func separatorLines() throws {
        let bytes = Array("\u{FEFF}sep=;\r\nid;v\r\n1;2\r\n".utf8)
        let outcome = try open(bytes)
        #expect(outcome.findings == [.separatorLine(";")])
        #expect(outcome.options.delimiter == ";" && outcome.options.skippedLineCount == 1)
        // A delimiter that was given stays.
        let given = try open(bytes, [.quotes, .encoding]) { $0.delimiter = "|" }
        #expect(given.options.delimiter == "|" && given.options.skippedLineCount == 1)
        #expect(try findings("sep=;;\na;b\n1;2\n") == [.delimiter(";")])
        #expect(try open(Array("sep=x\n1\n".utf8)).options.skippedLineCount == 0)
    }

    @Test("Lines that are skipped or comments have no say")
    func passedLines() throws {
        let text = "Report, of\n# this, and, that\na;b\n1;2,5\n"
        #expect(
            try findings(text) {
                $0.skippedLineCount = 1
                $0.comment = UInt8(ascii: "#")
            } == [.delimiter(";")])
    }

    @Test("Escaped quotes, and quotes that are ordinary characters")
    func quotes() throws {
        #expect(try findings("a,b\n1,\"\\\"W\\\", x\"\n") == [.escape])
        #expect(
            try findings("id\tname\n1\t5\" pipe\n2\t\"hello\n") == [.delimiter("\t"), .noQuotes])
        #expect(try findings("id,size\n1,5\" pipe\n2,x\n") == [.noQuotes])
        // Other fields are quoted, or the rest of the file is unknown.
        #expect(try findings("id,size\n1,5\" pipe\n2,\"x\"\n") == [])
        #expect(
            try findings("id,size\n1,5\" pipe\n" + String(repeating: "2,x\n", count: 20_000)) == [])
        #expect(try findings("id,size\n1,5\" pipe\n2,x\n", [.delimiter]) == [])
        #expect(try findings("a,b\n1,\"x\" y\n") == [])
    }

    @Test("A sample that ends within a record")
    func cut() throws {
        let row = "1;\"\(String(repeating: "x", count: 997))\n\";3\n"
        let text = "a;b;c\n" + String(repeating: row, count: 200)
        #expect(try findings(text) == [.delimiter(";")])
    }

    @Test("Files that are no text are called what they are")
    func kinds() throws {
        let gzip = #expect(throws: LoadError.self) { try open([0x1F, 0x8B, 8, 0, 0]) }
        #expect(gzip?.reason == .fileKind(.gzip))
        #expect(gzip?.description.contains("gzip -dc file.csv | ") == true)
        let workbook = Array("PK\u{3}\u{4}......[Content_Types].xml".utf8)
        let excel = #expect(throws: LoadError.self) { try open(workbook) }
        #expect(excel?.reason == .fileKind(.excel))
        let zip = #expect(throws: LoadError.self) { try open(Array("PK\u{3}\u{4}a.csv".utf8)) }
        #expect(zip?.description.contains("unzip -p file.csv") == true)
        for kind in FileKind.allCases {
            #expect(!LoadError(.fileKind(kind), source: "it's").description.isEmpty)
        }
    }
}

@Suite("Files that are no CSV")
struct FileKindTests {
    private func kind(_ bytes: [UInt8], _ unknowns: CSVDetection.Unknowns = .all) -> FileKind? {
        do {
            _ = try CSVDetection.open(
                MemorySource(bytes), options: CSVOptions(), recognising: unknowns)
            return nil
        } catch {
            guard case .fileKind(let kind) = error.reason else {
                return nil
            }
            return kind
        }
    }

    @Test(
        "Text of other kinds",
        arguments: [
            ("{\"a\":1}\n{\"a\":2}\n", .json), (" [\n { \"a\": 1 } ]", .json),
            ("\u{FEFF}{ \"a\" : 1 }", .json), ("<?xml version=\"1.0\"?>\n<a/>\n", .xml),
            ("<!DOCTYPE html>\n<html></html>\n", .html), ("\n<HTML>\n", .html),
            ("{a,b}\n1,2\n", nil), ("[a],b\n1,2\n", nil), ("\"{\"\"a\"\":1}\"\n", nil),
            ("<html,x\n1,2\n", .html), ("<a>,b\n1,2\n", nil), ("", nil), ("{", nil),
        ] as [(String, FileKind?)])
    func text(_ text: String, _ expected: FileKind?) {
        #expect(kind(Array(text.utf8)) == expected)
        // Without recognition, or with quotes that are given, it is taken as it is.
        #expect(kind(Array(text.utf8), []) == nil)
        #expect(kind(Array(text.utf8), [.delimiter, .encoding]) == nil)
    }

    @Test("Bytes that are no text are called so, whatever they look like first")
    func binary() {
        var random = SplitMix64(seed: 5)
        let noise = (0..<3000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(kind([0] + noise) == .binary && kind([0] + noise, []) == .binary)
        #expect(kind(Array(repeating: 0, count: 8192)) == .binary)
        // Windows-1252, control characters of terminals, and a NUL byte are refused by line.
        #expect(kind(Array("a,b\n1,".utf8) + [0xE9, 0x80, 0x9F] + Array("\n".utf8)) == nil)
        #expect(kind(Array(String(repeating: "\u{1B}[0m,\u{8}\n", count: 9).utf8)) == nil)
        #expect(kind(Array("a,b\n1,\0\n".utf8)) == nil)
    }
}

@Suite("Text in other encodings")
struct EncodingTests {
    private static func utf16(_ text: String, little: Bool, mark: Bool) -> [UInt8] {
        ((mark ? [0xFEFF] : []) + Array(text.utf16)).flatMap { unit -> [UInt8] in
            let (low, high) = (UInt8(truncatingIfNeeded: unit), UInt8(unit >> 8))
            return little ? [low, high] : [high, low]
        }
    }

    private static let text = "id,name\n1,Zoë 🐢\n2,Łódź\n"

    @Test("UTF-16 in any order, in any parts", arguments: [1, 2, 3, 5, 1000])
    func utf16(_ chunkSize: Int) throws {
        for little in [true, false] {
            for mark in [true, false] {
                let bytes = Self.utf16(Self.text, little: little, mark: mark)
                let exact: InputEncoding = little ? .utf16LittleEndian : .utf16BigEndian
                for encoding in [exact, .utf16] {
                    let source = TranscodingSource(
                        MemorySource(bytes, chunkSize: chunkSize), from: encoding)
                    let expected = (mark ? "\u{FEFF}" : "") + Self.text
                    #expect(try Fixtures.read(source) == Array(expected.utf8))
                }
            }
        }
    }

    @Test("A mark is recognised; text without one is named for what it seems to be")
    func marks() throws {
        for little in [true, false] {
            let encoding: InputEncoding = little ? .utf16LittleEndian : .utf16BigEndian
            let marked = Self.utf16(Self.text, little: little, mark: true)
            let found = try CSVDetection.open(MemorySource(marked), options: CSVOptions())
            #expect(found.findings == [.encoding(encoding)])
            #expect(found.source.encoding == encoding)
            let unmarked = Self.utf16(Self.text, little: little, mark: false)
            for bytes in [marked, unmarked] {
                let error = #expect(throws: LoadError.self) {
                    try CSVDetection.open(
                        MemorySource(bytes), options: CSVOptions(), recognising: [.delimiter])
                }
                #expect(error?.reason == .otherEncoding(encoding))
            }
            // An encoding that was given is not questioned.
            _ = try CSVDetection.open(
                MemorySource(unmarked), options: CSVOptions(), encoding: .utf8)
        }
    }

    @Test(
        "Text in other scripts is named by its line breaks and delimiters",
        arguments: ["名前,値\n日本,語\n", "имя,возраст\nИван,30\n", "🐢,🐍\r\n東京,1\r\n"])
    func scripts(_ text: String) throws {
        for little in [true, false] {
            let bytes = Self.utf16(text, little: little, mark: false)
            let error = #expect(throws: LoadError.self) {
                try CSVDetection.open(MemorySource(bytes), options: CSVOptions())
            }
            #expect(error?.reason == .otherEncoding(little ? .utf16LittleEndian : .utf16BigEndian))
        }
    }

    @Test(
        "A few NUL bytes are no UTF-16",
        arguments: [
            "a,b\n1,x\0y\n2,z\n", "a,b\n\0", "\0\n", "\n\0", "é,\n\0b,cc\n", "ab\0c\n\0ab\0c\n",
        ])
    func nulBytes(_ text: String) throws {
        let found = try CSVDetection.open(MemorySource(Array(text.utf8)), options: CSVOptions())
        #expect(try Fixtures.read(found.source) == Array(text.utf8))
    }

    @Test("Single bytes")
    func singleBytes() throws {
        let bytes: [UInt8] = [0x5A, 0xEB, 0x80, 0x81, 0x9F]
        #expect(
            try Fixtures.read(TranscodingSource(MemorySource(bytes), from: .latin1))
                == Array("Z\u{EB}\u{80}\u{81}\u{9F}".utf8))
        #expect(
            try Fixtures.read(TranscodingSource(MemorySource(bytes), from: .windows1252))
                == Array("Zë€\u{81}Ÿ".utf8))
    }

    @Test("Invalid UTF-16 is a fault of its record")
    func invalid() throws {
        var bytes = Self.utf16("a,b\n1,", little: true, mark: true)
        bytes += [0x00, 0xD8] + Self.utf16("x\n2,y\n", little: true, mark: false) + [0x33]
        let source = TranscodingSource(MemorySource(bytes), from: .utf16)
        var reader = try CSVReader(source: source)
        _ = try reader.readHeader()
        let half = #expect(throws: LoadError.self) { try reader.next() }
        #expect(half?.reason == .invalidText(.utf16))
        #expect(half?.location?.line == 2 && half?.location?.field == 2)
        #expect(try reader.next())
        #expect(reader.string(1) == "y")
        let cut = #expect(throws: LoadError.self) { try reader.next() }
        #expect(cut?.reason == .invalidText(.utf16))
        #expect(try !reader.next())
    }
}
