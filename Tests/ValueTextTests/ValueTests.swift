import RowSchema
import StorageTesting
import Testing
import ValueText

/// Calls `body` with the bytes of `text`.
func withBytes<Result>(
    _ text: String, _ body: (Span<UInt8>) throws -> Result
) rethrows -> Result {
    let bytes = Array(text.utf8)
    return try body(bytes.span)
}

/// What `body` appends, as a string.
func written(_ body: (inout ByteOutput) throws -> Void) rethrows -> String {
    var output = ByteOutput(capacity: 16)
    try body(&output)
    return String(decoding: output.bytes, as: UTF8.self)
}

/// Reads a text as a type and prints the value.
func readAndPrint(_ text: String, _ type: ColumnType) throws -> String {
    try withBytes(text) { text in
        try written { output in
            switch type {
            case .boolean: BooleanText.write(try BooleanText.parse(text), to: &output)
            case .smallint:
                let value = try IntegerText.parse(text, as: type, Int16.self)
                IntegerText.write(Int64(value), to: &output)
            case .integer:
                let value = try IntegerText.parse(text, as: type, Int32.self)
                IntegerText.write(Int64(value), to: &output)
            case .bigint:
                IntegerText.write(try IntegerText.parse(text, as: type, Int64.self), to: &output)
            case .real: FloatingPointText.write(try FloatingPointText.parseReal(text), to: &output)
            case .doublePrecision:
                FloatingPointText.write(try FloatingPointText.parseDouble(text), to: &output)
            case .text: output.append(text)
            case .date: DateText.write(try DateText.parse(text), to: &output)
            case .time: TimeText.write(try TimeText.parse(text), to: &output)
            case .timestamp: TimestampText.write(try TimestampText.parse(text), to: &output)
            case .timestampTZ:
                TimestampText.write(
                    try TimestampText.parseWithZone(text), hasZone: true, to: &output)
            case .uuid:
                var datum = ByteOutput()
                try UUIDText.parse(text, into: &datum)
                UUIDText.write(datum.span, to: &output)
            case .bytea:
                var datum = ByteOutput()
                try ByteaText.parse(text, into: &datum)
                ByteaText.write(datum.span, to: &output)
            case .numeric:
                var datum = ByteOutput()
                try NumericText.parse(text, into: &datum)
                try NumericText.write(datum.span, to: &output)
            case .interval, .varchar, .char, .json, .jsonb, .array:
                Issue.record("RowTextTests has the values of \(type)")
            }
        }
    }
}

@Suite("Values: as PostgreSQL reads and prints them")
struct ValueTests {
    private func check(_ golden: Golden, _ type: ColumnType) {
        let expected = golden.result
        let result: Result<String, Refusal>
        do {
            result = .success(try readAndPrint(golden.text, type))
        } catch let error as ValueError {
            #expect(error.type == type)
            switch error.reason {
            case .invalidSyntax: result = .failure(.invalidSyntax)
            case .outOfRange: result = .failure(.outOfRange)
            case .fieldOutOfRange: result = .failure(.fieldOutOfRange)
            case .timeZone, .otherSpelling, .tooLong, .damaged:
                return #expect(Bool(false), "\(golden.text): \(error)")
            }
        } catch {
            return #expect(Bool(false), "\(golden.text): \(error)")
        }
        #expect(result == expected, "'\(golden.text)'::\(type)")
    }

    @Test("Integers")
    func integers() {
        for golden in GoldenNumbers.smallint { check(golden, .smallint) }
        for golden in GoldenNumbers.integer { check(golden, .integer) }
        for golden in GoldenNumbers.bigint { check(golden, .bigint) }
    }

    @Test("Floating-point numbers")
    func floatingPoint() {
        for golden in GoldenNumbers.doublePrecision { check(golden, .doublePrecision) }
        for golden in GoldenNumbers.real { check(golden, .real) }
    }

    @Test("Numbers of a precision that follow others, as in arrays")
    func numericElements() throws {
        var datum = ByteOutput()
        datum.append(0xC0)
        datum.append(0xC0)
        try withBytes("NaN") {
            try NumericText.parse($0, precision: 4, scale: 1, into: &datum)
        }
        #expect(datum.count > 2)
        #expect(throws: ValueError.self) {
            try withBytes("Infinity") {
                try NumericText.parse($0, precision: 4, scale: 1, into: &datum)
            }
        }
    }

    @Test("Exact numbers, and the bytes they are stored as")
    func numerics() throws {
        for golden in GoldenNumerics.numeric { check(golden, .numeric) }
        for (text, hex) in GoldenNumerics.numericDatums {
            let stored = try withBytes(text) { text in
                try written { output in
                    var datum = ByteOutput()
                    try NumericText.parse(text, into: &datum)
                    ByteaText.write(datum.span, to: &output)
                }
            }
            #expect(stored == "\\x" + hex, "\(text)")
        }
    }

    @Test("Dates and timestamps")
    func times() {
        for golden in GoldenOthers.date { check(golden, .date) }
        for golden in GoldenOthers.timestamp { check(golden, .timestamp) }
    }

    @Test("Booleans, UUIDs, byte strings")
    func others() {
        for golden in GoldenOthers.boolean { check(golden, .boolean) }
        for golden in GoldenOthers.uuid { check(golden, .uuid) }
        for golden in GoldenOthers.bytea { check(golden, .bytea) }
    }

    @Test("A time zone other than UTC is refused")
    func timeZones() throws {
        for text in ["2024-01-01 00:00:00+02", "2024-01-01T00:00:00-0530"] {
            let error = #expect(throws: ValueError.self) { try readAndPrint(text, .timestamp) }
            #expect(error?.reason == .timeZone)
        }
        #expect(try readAndPrint("2024-01-01T00:00:00.5Z", .timestamp) == "2024-01-01 00:00:00.5")
    }

    @Test("Days and microseconds are counted from 2000")
    func epochs() throws {
        #expect(try withBytes("2000-01-02") { try DateText.parse($0) } == 1)
        #expect(try withBytes("1970-01-01") { try DateText.parse($0) } == -10957)
        #expect(
            try withBytes("1999-12-31 23:59:59.999999") { try TimestampText.parse($0) } == -1)
    }

    @Test("Damaged numerics and any other bits are survived")
    func damaged() throws {
        let bad: [[UInt8]] = [
            [], [0], [1, 2, 3], [0, 0xE0], [0, 0], [0x00, 0x80, 0x10, 0x27],
            [0x00, 0x80, 0xFF, 0xFF],
        ]
        for datum in bad {
            let error = #expect(throws: ValueError.self, "\(datum)") {
                _ = try written { try NumericText.write(datum.span, to: &$0) }
            }
            #expect(error?.reason == .damaged)
        }
        var generator = SplitMix64(seed: 7)
        for _ in 0..<2000 {
            let bits = generator.next()
            _ = written { TimestampText.write(Int64(bitPattern: bits), to: &$0) }
            _ = written { DateText.write(Int32(truncatingIfNeeded: bits), to: &$0) }
            let datum = (0..<8).map { UInt8(truncatingIfNeeded: bits >> ($0 * 8)) }
            _ = try? written { try NumericText.write(datum.span, to: &$0) }
        }
    }
}
