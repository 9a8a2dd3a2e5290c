import PageFormat
import RowSchema
import RowText
import StorageTesting
import Testing

@Suite("Rows: arrays")
struct ArrayTests {
    @Test("Arrays are read, printed and stored as PostgreSQL does")
    func golden() throws {
        #expect(GoldenArrays.values.count { $0.result != nil } > 40)
        for (type, text, expected, stored) in GoldenArrays.values {
            let result = try? readAndPrint(text, schema: "v \(type)")
            #expect(result == expected, "\(type) \(text)")
            guard expected != nil else { continue }
            let schema = try Schema(parsing: "v \(type)")
            try withEncoded(text, schema) { tuple in
                var decoder = HeapTupleDecoder(layout: schema.layout)
                try decoder.decode(tuple)
                guard let bytes = decoder.value(0, of: tuple) else {
                    Issue.record("NULL")
                    return
                }
                #expect(schema.columns[0].type.fault(in: bytes) == nil, "\(type) \(text)")
                #expect(hex(bytes) == "\\x" + stored, "\(type) \(text)")
            }
        }
    }

    @Test("What was printed is read again as the same")
    func again() throws {
        for (type, _, result, _) in GoldenArrays.values {
            guard let result else { continue }
            #expect(try readAndPrint(result, schema: "v \(type)") == result)
        }
    }

    @Test("An element that is no value is named as its type is")
    func elementErrors() {
        for (text, type, error) in [
            ("{1,x}", "integer[]", ValueError(.integer, .invalidSyntax)),
            ("{1,70000}", "smallint[]", ValueError(.smallint, .outOfRange)),
            ("{1,2", "integer[]", ValueError(ColumnType.integer.array, .invalidSyntax)),
            ("{abcd}", "varchar(3)[]", ValueError(.varchar, .tooLong(limit: 3))),
        ] {
            #expect(throws: error) { try readAndPrint(text, schema: "v \(type)") }
        }
    }

    @Test("In JSON an array is a string")
    func json() throws {
        let schema = try Schema(parsing: "v text[]")
        var writer = RowWriter(schema: schema, format: .jsonLines)
        var output = ByteOutput()
        try withEncoded(#"{a,"b c"}"#, schema) { try writer.write($0, to: &output) }
        #expect(string(output) == #"{"v":"{a,\"b c\"}"}"# + "\n")
    }

    /// Thousands of elements, more than fit where short values are kept.
    @Test("Long arrays")
    func long() throws {
        for type in ["integer", "text", "double precision", "boolean"] {
            let value = type == "boolean" ? "t" : "7"
            let text = "{" + Array(repeating: value, count: 1800).joined(separator: ",") + "}"
            let isWide = type != "boolean" && type != "integer"
            let result = try? readAndPrint(text, schema: "v \(type)[]")
            #expect(result == (isWide ? nil : text), "\(type)")
        }
    }

    @Test("Any change to the bytes of an array is printed or found, and never traps")
    func damaged() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for (type, _, result, stored) in GoldenArrays.values where result != nil {
            let schema = try Schema(parsing: "v \(type)")
            let sound = stride(from: 0, to: stored.utf8.count, by: 2).compactMap { offset in
                UInt8(stored.dropFirst(offset).prefix(2), radix: 16)
            }
            for _ in 0..<100 {
                var bytes = sound
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                if Bool.random(using: &generator) {
                    bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
                }
                var builder = HeapTupleBuilder(layout: schema.layout)
                builder.begin()
                builder.appendVariable(bytes.span.bytes)
                var decoder = RowDecoder(schema: schema)
                var output = ByteOutput()
                let isSound = schema.columns[0].type.fault(in: bytes.span.bytes) == nil
                try withTuple(of: &builder) { tuple in
                    try decoder.decode(tuple)
                    let isWritten = (try? decoder.write(0, of: tuple, to: &output)) != nil
                    #expect(isWritten || !isSound, "\(type), seed \(seed)")
                }
            }
        }
    }
}
