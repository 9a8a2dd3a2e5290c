import PostgresTypes
import Testing

@Suite("Composed values")
struct CompoundTests {
    static let words = ElementForm(.text, layout: ValueLayout(length: -1, alignment: 0x69)!)

    /// A text with a length word, padded to four bytes.
    private func word(_ text: String) -> [UInt8] {
        var bytes = Bytes().adding(UInt32(text.utf8.count + 4) << 2).adding(text).bytes
        while bytes.count % 4 != 0 { bytes.append(0) }
        return bytes
    }

    @Test("elements of an array are quoted if they could be mistaken for something else")
    func arrayQuotes() throws {
        var bytes = Bytes().adding(1 as Int32).adding(0 as Int32).adding(25 as Int32)
            .adding(5 as Int32).adding(1 as Int32)
        for text in ["a", "", "NULL", "b c", "\"\\"] { bytes.bytes += word(text) }
        #expect(try bytes.text(.array(Self.words)) == #"{a,"","NULL","b c","\"\\"}"#)
    }

    @Test("bounds that do not begin at one are written, and nulls are not elements")
    func arrayBounds() throws {
        // Two dimensions, a bitmap behind 28 bytes of header, data aligned to 8.
        var bytes = Bytes().adding(2 as Int32).adding(40 as Int32).adding(25 as Int32)
            .adding(1 as Int32).adding(2 as Int32).adding(0 as Int32).adding(-1 as Int32)
        bytes.bytes += [0b01] + Array(repeating: 0, count: 36 - 29)
        bytes.bytes += word("x")
        #expect(try bytes.text(.array(Self.words)) == "[0:0][-1:0]={{x,NULL}}")
    }

    @Test("a range's bounds are quoted, with quotes doubled")
    func ranges() throws {
        // The type's number, a text with a length byte, one with another, flags.
        var bytes = Bytes().adding(1 as UInt32)
        bytes.bytes += [UInt8(4 << 1 | 1)] + Array("a,b".utf8) + [UInt8(2 << 1 | 1)] + [0x22]
        bytes.bytes += [0x02]
        #expect(try bytes.text(.range(Self.words)) == "[\"a,b\",\"\"\"\")")
        #expect(try Bytes([0, 0, 0, 0, 0x01]).text(.range(Self.words)) == "empty")
        #expect(try Bytes([0, 0, 0, 0, 0x18]).text(.range(Self.words)) == "(,)")
    }

    @Test(
        "CSV fields are quoted as COPY quotes them",
        arguments: [
            ("a", "a"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("\\N", "\"\\N\""), ("", ""),
            ("two\nlines", "\"two\nlines\""), ("\\.", "\"\\.\""),
        ])
    func csv(_ text: String, _ field: String) {
        var output = TextOutput()
        CSVText(null: "\\N", isSingleColumn: true)
            .write(Array(text.utf8).span.bytes, to: &output)
        #expect(String(decoding: output.bytes, as: UTF8.self) == field)
    }
}
