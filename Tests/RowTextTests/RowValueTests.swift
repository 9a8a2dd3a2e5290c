import PageFormat
import RowSchema
import RowText
import StorageTesting
import Testing

/// Reads a text as a value of the only column of a schema and prints it.
func readAndPrint(_ text: String, schema: String) throws -> String {
    let schema = try Schema(parsing: schema)
    var decoder = RowDecoder(schema: schema)
    var output = ByteOutput(capacity: 16)
    try withEncoded(text, schema) { tuple in
        try decoder.decode(tuple)
        try decoder.write(0, of: tuple, to: &output)
    }
    return string(output)
}

/// Calls `body` with the tuple of a text as a value of the only column of a schema.
func withEncoded(
    _ text: String, _ schema: Schema, _ body: (HeapTupleView) throws -> Void
) throws {
    var options = CSVOptions()
    options.hasHeader = false
    options.delimiter = "\u{1}"
    options.bufferSize = 64
    let doubled = text.split(separator: "\"", omittingEmptySubsequences: false)
        .joined(separator: "\"\"")
    var reader = try CSVReader(source: MemorySource("\"\(doubled)\""), options: options)
    var encoder = RowEncoder(schema: schema)
    guard try reader.next() else { return }
    do throws(LoadError) {
        try encoder.encode(&reader)
    } catch {
        if case .value(let reason) = error.reason { throw reason }
        throw error
    }
    try withTuple(of: &encoder.builder, body)
}

@Suite("Rows: values of types with lengths and precisions, spans of time and JSON")
struct RowValueTests {
    @Test(
        "Spans of time, JSON, and types with lengths and precisions",
        arguments: [
            GoldenTypes.interval, GoldenTypes.timestamptz, GoldenTypes.time,
            GoldenTypes.numericPrecision, GoldenTypes.characters, GoldenTypes.json,
            GoldenTypes.fractions,
        ])
    func modified(_ goldens: [(text: String, type: String, result: String?)]) {
        for (text, type, expected) in goldens {
            let result = try? readAndPrint(text, schema: "v \(type)")
            #expect(result == expected, "\(type) \(text)")
        }
    }

    @Test("JSON in its binary form, as PostgreSQL stores it")
    func jsonb() throws {
        let schema = try Schema(parsing: "v jsonb")
        for (text, stored, expected) in GoldenJSONB.values {
            let result = try? readAndPrint(text, schema: "v jsonb")
            #expect(result == expected, "\(text)")
            if expected == nil { continue }
            try withEncoded(text, schema) { tuple in
                var decoder = HeapTupleDecoder(layout: schema.layout)
                try decoder.decode(tuple)
                guard let bytes = decoder.value(0, of: tuple) else {
                    Issue.record("NULL")
                    return
                }
                #expect(ColumnType.jsonb.fault(in: bytes) == nil, "\(text)")
                #expect(hex(bytes) == "\\x" + stored, "\(text)")
            }
        }
    }

    @Test("Any change to the bytes of JSON is printed or found, and never traps")
    func damagedJSONB() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        let schema = try Schema(parsing: "v jsonb")
        for (_, stored, expected) in GoldenJSONB.values where expected != nil {
            let sound = stride(from: 0, to: stored.utf8.count, by: 2).compactMap { offset in
                UInt8(stored.dropFirst(offset).prefix(2), radix: 16)
            }
            for _ in 0..<200 {
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
                let isSound = ColumnType.jsonb.fault(in: bytes.span.bytes) == nil
                try withTuple(of: &builder) { tuple in
                    try decoder.decode(tuple)
                    let isWritten = (try? decoder.write(0, of: tuple, to: &output)) != nil
                    #expect(isWritten || !isSound, "seed \(seed)")
                }
            }
        }
    }
}
