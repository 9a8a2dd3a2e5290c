import RowText
import Testing

@Suite("CSV: errors and where they are")
struct CSVErrorTests {
    @Test("An unterminated quote names the line where it began")
    func unterminated() throws {
        let error = try #require(failure("a,b\n1,\"x\ny\nz"))
        #expect(error.reason == .unterminatedQuote)
        #expect(error.location?.line == 2)
        #expect(error.location?.fieldLine == 2)
        #expect(error.location?.field == 2)
        #expect(error.location?.byteOffset == 6)
        let later = try #require(failure("a,b\n\"p\nq\",\"x\ny\nz"))
        #expect(later.location?.line == 2)
        #expect(later.location?.fieldLine == 3)
    }

    @Test("Quotes out of place")
    func strayQuotes() throws {
        let stray = try #require(failure("a,b\n1,x\"y\"\n"))
        #expect(stray.reason == .strayQuote)
        #expect(stray.location?.line == 2 && stray.location?.field == 2)
        #expect(stray.excerpt?.hasPrefix("x\"y\"") == true)
        let after = try #require(failure("a,\"b\" ,c\n"))
        #expect(after.reason == .textAfterQuote)
        #expect(failure("a, \"b\"\n")?.reason == .strayQuote)
    }

    @Test("Ragged records are named, and the next one can still be read")
    func ragged() throws {
        let few = try #require(failure("1,2,3\n4,5\n", expecting: 3))
        #expect(few.reason == .missingFields(expected: 3, found: 2))
        #expect(few.location?.line == 2 && few.location?.field == 3)
        let many = try #require(failure("1,2\n\"a\nb\",5,6,7\n", expecting: 2))
        #expect(many.reason == .extraFields(expected: 2, found: 4))
        #expect(many.location?.line == 2 && many.location?.fieldLine == 3)
        #expect(many.excerpt == "6")

        var reader = try CSVReader(source: MemorySource("1,2\n3\n4,5\n"), expectedFieldCount: 2)
        #expect(try reader.next())
        #expect(throws: LoadError.self) { try reader.next() }
        #expect(try reader.next())
        #expect(reader.string(0) == "4" && reader.line == 3 && reader.recordNumber == 3)
        #expect(try !reader.next())
    }

    @Test(
        "Invalid UTF-8 is found at its byte",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFF],
        ] as [[UInt8]])
    func invalidUTF8(_ bad: [UInt8]) throws {
        let error = try #require(
            failure(Array("zażółć,b\n1,\"2".utf8) + bad + Array("\",3\n".utf8)))
        #expect(error.reason == .invalidUTF8)
        #expect(error.location?.byteOffset == 17)
        #expect(error.location?.line == 2 && error.location?.field == 2)
        #expect(error.description.contains("byte offset 17"))
    }

    @Test("A NUL byte is not text")
    func nul() throws {
        let error = try #require(failure("a,b\nc,d\u{0}e\n"))
        #expect(error.reason == .nulByte)
        #expect(error.location?.byteOffset == 7 && error.location?.field == 2)
        #expect(failure("\"\u{0}\"\n")?.reason == .nulByte)
    }

    @Test("A record over the limit is refused, whether it ends or not")
    func limit() throws {
        let limited: (inout CSVOptions) -> Void = {
            $0.maximumRecordLength = 100
            $0.bufferSize = 64
        }
        let text = String(repeating: "y", count: 101)
        #expect(failure("a\n\(text)\n", limited)?.reason == .recordTooLong(limit: 100))
        #expect(failure("a\n\"\(text)", limited)?.reason == .unterminatedQuote)
        #expect(try records("a\n\(text.dropLast())\n", limited).count == 2)
        let endless = try #require(
            failure("a\n\"" + String(repeating: "z\n", count: 4000), limited))
        #expect(endless.reason == .recordTooLong(limit: 100))
        #expect(endless.location?.line == 2)
    }

    @Test("Options that contradict the syntax are refused")
    func options() {
        for delimiter in ["", "\"", "\n", "a\r", "\0", "é", "123456789"] {
            #expect(failure("a") { $0.delimiter = delimiter } != nil)
        }
        for null in ["a,b", "\"", "\n"] { #expect(failure("a") { $0.nulls = ["", null] } != nil) }
        #expect(failure("a") { $0.maximumRecordLength = 1 << 30 } != nil)
    }

    @Test("A missing file and a directory cannot be opened; an empty file has no header")
    func files() throws {
        #expect(throws: LoadError.self) { try FileSource(path: "/nonexistent/file.csv") }
        #expect(throws: LoadError.self) { try FileSource(path: "/") }
        var reader = try CSVReader(source: FileSource(path: "/dev/null"))
        let error = #expect(throws: LoadError.self) { try reader.readHeader() }
        #expect(error?.reason == .missingHeader)
    }

    @Test("Nothing follows a syntax error")
    func fatal() throws {
        var reader = try CSVReader(source: MemorySource("a\"b\nc\n"))
        #expect(throws: LoadError.self) { try reader.next() }
        #expect(try !reader.next())
    }
}
