import Testing

@testable import PostgresTypes

/// Rows as CSV in one pass, compared with what the writer of single values makes.
@Suite("Rows as CSV in one pass")
struct TupleWriterTests {
    /// A column and its stored value; nil for null.
    private struct Value {
        let form: ValueForm
        let layout: ValueLayout
        let bytes: [UInt8]?

        init(_ form: ValueForm, _ length: Int, _ alignment: Int, _ bytes: [UInt8]?) {
            self.form = form
            layout = ValueLayout(length, alignment)
            self.bytes = bytes
        }
    }

    private static func text(_ text: String?) -> Value {
        Value(.text, -1, 4, text.map { Array($0.utf8) })
    }

    /// The tuple's data and its bitmap of nulls.
    private func tuple(_ values: [Value]) -> (data: [UInt8], bitmap: [UInt8]) {
        var data: [UInt8] = []
        var bitmap = [UInt8](repeating: 0, count: (values.count + 7) / 8)
        for (index, value) in values.enumerated() {
            guard let bytes = value.bytes else { continue }
            bitmap[index / 8] |= 1 << UInt8(index % 8)
            if value.layout.isVarlena && bytes.count <= 126 {
                data.append(UInt8(bytes.count + 1) << 1 | 1)
            } else {
                while data.count % value.layout.alignment != 0 { data.append(0) }
                if value.layout.isVarlena {
                    data += Bytes().adding(UInt32(bytes.count + 4) << 2).bytes
                }
            }
            data += bytes
        }
        return (data, bitmap)
    }

    /// The row, and the columns that were left to the caller.
    private func row(
        _ values: [Value], null: String = "", storedCount: Int? = nil
    ) throws(ValueFault) -> (text: String, left: [Int]) {
        let csv = CSVText(null: null, isSingleColumn: values.count == 1)
        let columns = values.indices.map { TupleWriter.Column($0, values[$0].form, isUTF8: true) }
        guard let row = TupleWriter(columns, values.map(\.layout), csv) else {
            throw .malformed("no row")
        }
        let (data, bitmap) = tuple(values)
        let header = TupleFields.Header(
            storedCount: storedCount ?? values.count,
            hasNulls: values.contains { $0.bytes == nil })
        var position = TupleWriter.Position()
        var output = TextOutput()
        var left: [Int] = []
        while true {
            try row.write(
                data.span.bytes, header, bitmap: bitmap.span.bytes, from: &position, to: &output)
            if position.field == values.count { break }
            left.append(position.field)
            try field(values[position.field], csv, &output)
            position.field += 1
        }
        return (String(decoding: output.bytes, as: UTF8.self), left)
    }

    private func field(
        _ value: Value, _ csv: CSVText, _ output: inout TextOutput
    ) throws(ValueFault) {
        guard let bytes = value.bytes else { return output.append(csv.null) }
        let start = output.count
        try ValueWriter(version: 18).write(bytes.span.bytes, as: value.form, to: &output)
        csv.quote(&output, from: start)
    }

    private func expected(_ values: [Value], null: String = "") throws -> String {
        let csv = CSVText(null: null, isSingleColumn: values.count == 1)
        var output = TextOutput()
        for (index, value) in values.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            try field(value, csv, &output)
        }
        output.append(UInt8(ascii: "\n"))
        return String(decoding: output.bytes, as: UTF8.self)
    }

    @Test("texts are quoted wherever their special characters are, also at the tuple's end")
    func texts() throws {
        let specials = [",", "\"", "\n", "\r", "\t", "\\", "ü", "x"]
        for special in specials {
            for length in 0..<20 {
                let text = String(repeating: "a", count: length) + special
                for null in ["", "\\N"] {
                    let values = [
                        Self.text(text), Self.text(text + "bcdefghi"), Self.text(nil),
                        Self.text(""), Self.text("\\N"), Self.text(text),
                    ]
                    let (found, left) = try row(values, null: null)
                    #expect(left.isEmpty)
                    #expect(try found == expected(values, null: null))
                }
            }
        }
        #expect(try row([Self.text("\\.")]).text == "\"\\.\"\n")
        #expect(try row([Self.text(String(repeating: "\"", count: 5000))]).text.count == 10_003)
    }

    @Test("integers have all their digits", arguments: [1, 9, 10, 99] as [Int64])
    func integers(_ first: Int64) throws {
        var value = first
        while value < Int64.max / 100 {
            for number in [value - 1, value, value + 1, -value, -value - 1] {
                let values = [Value(.bigint, 8, 8, Bytes().adding(number).bytes)]
                #expect(try row(values).text == "\(number)\n")
            }
            value = value * 10 + (first % 10 == 9 ? 9 : 0)
        }
        for number in [Int64.min, .max, 99_999_999, 100_000_000, 9_999_999_999_999_999] {
            let values = [Value(.bigint, 8, 8, Bytes().adding(number).bytes)]
            #expect(try row(values).text == "\(number)\n")
        }
    }

    @Test("digits of every number below ten thousand, with zeros in front")
    func digits() {
        for number in 0..<10_000 as Range<UInt32> {
            var output = TextOutput()
            output.write(atMost: 40) { cursor in
                cursor.append(fourDigits: number)
                cursor.append(unsigned: UInt64(number), minimumDigits: 6)
                cursor.append(unsigned: UInt64(number) * 10_000 + 7, minimumDigits: 8)
            }
            let text = String(decoding: output.bytes, as: UTF8.self)
            let all = [(number, 4), (number, 6), (number * 10_000 + 7, 8)].map { value, count in
                String(String("\(100_000_000 + Int(value))".suffix(8)).suffix(count))
            }
            #expect(text == all.joined())
        }
    }

    @Test("older rows, nulls and values that must be fetched are left to the caller")
    func leftOver() throws {
        let integer = Value(.integer, 4, 4, Bytes().adding(7 as Int32).bytes)
        let bytea = Value(.bytea, -1, 4, [1, 2])
        let values = [integer, bytea, Self.text(nil), integer, integer]
        let (text, left) = try row(values, storedCount: 4)
        #expect(text == "7,\\x0102,,7,7\n")
        #expect(left == [1, 4])
        let layouts = [ValueLayout(4, 4), ValueLayout(4, 4)]
        let csv = CSVText(null: "", isSingleColumn: false)
        let columns = [0, 1].map { TupleWriter.Column($0, .integer, isUTF8: true) }
        #expect(TupleWriter(columns, layouts, csv) != nil)
        #expect(TupleWriter(columns.reversed(), layouts, csv) == nil)
        #expect(TupleWriter(columns, layouts, CSVText(null: "7", isSingleColumn: false)) == nil)
    }

    /// A jsonb object or array with strings.
    private func container(_ strings: [String], isObject: Bool) -> [UInt8] {
        let count = UInt32(isObject ? strings.count / 2 : strings.count)
        var bytes = Bytes().adding(count | (isObject ? 0x2000_0000 : 0x4000_0000) as UInt32)
        let keysFirst =
            isObject
            ? strings.indices.filter { $0 % 2 == 0 } + strings.indices.filter { $0 % 2 == 1 }
            : Array(strings.indices)
        for index in keysFirst { bytes = bytes.adding(UInt32(strings[index].utf8.count)) }
        for index in keysFirst { bytes = bytes.adding(strings[index]) }
        return bytes.bytes
    }

    @Test("jsonb that needs more room than most rows is written by the caller, the same")
    func roomForJSON() throws {
        for length in [0, 1, 7, 8, 9, 500, 8000] {
            let strings = [
                "key", String(repeating: "\u{1}", count: length), "k\"",
                String(repeating: "\"", count: length) + "\n\\",
            ]
            for isObject in [true, false] {
                let json = Value(.jsonb, -1, 4, container(strings, isObject: isObject))
                let values = [json, Self.text("end"), json]
                let (found, left) = try row(values)
                #expect(try found == expected(values))
                #expect(left.isEmpty == (length <= 9))
            }
        }
    }

    @Test("random bytes as any type give the text or the fault of a single value")
    func hostile() {
        var dice = Dice(seed: 7)
        var written = 0
        for _ in 0..<3_000 {
            var bytes = dice.bytes(Int(dice.next() % 90))
            for index in bytes.indices where dice.next() % 2 == 0 { bytes[index] &= 3 }
            // Containers and arrays begin with numbers that are seldom right by chance.
            if dice.next() % 2 == 0, bytes.count > 24 {
                bytes[3] = dice.next() % 2 == 0 ? 0x20 : 0x40
                for index in 1..<3 { bytes[index] = 0 }
            } else if bytes.count > 24 {
                bytes.replaceSubrange(0..<20, with: [1] + [UInt8](repeating: 0, count: 11))
                bytes.insert(contentsOf: [2, 0, 0, 0, 1, 0, 0, 0], at: 12)
            }
            for form in [
                .jsonb, .array(HostileTests.words), .array(HostileTests.element), .numeric, .inet,
            ] as [ValueForm] {
                let values = [Value(form, -1, 4, bytes), Self.text("end")]
                let found = try? row(values).text
                let right = try? expected(values)
                #expect(found == right)
                if right != nil { written += 1 }
            }
        }
        #expect(written > 500)
    }
}
