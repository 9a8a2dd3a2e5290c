import PageFormat
import RowSchema
import RowText
import StorageTesting
import Testing

/// The rule of inferred types: a value is accepted only if its text comes back the same.
@Suite("Exactness")
struct ExactnessTests {
    /// Encodes `text` as a value of one column and writes it as a column `written` would be.
    private func rewritten(_ text: String, _ column: Column, as written: Column) -> String? {
        var options = CSVOptions()
        options.hasHeader = false
        options.bufferSize = 64
        do {
            var reader = try CSVReader(source: MemorySource("\"\(text)\""), options: options)
            var encoder = RowEncoder(schema: try Schema([column]))
            var writer = RowWriter(schema: try Schema([written]), options: options)
            var output = ByteOutput()
            guard try reader.next() else { return nil }
            try encoder.encode(&reader)
            try withTuple(of: &encoder.builder) { try writer.write($0, to: &output) }
            return String(string(output).dropLast())
        } catch {
            return nil
        }
    }

    private static let forms: [(ColumnType, Spelling)] = ColumnType.allCases.flatMap { type in
        Spelling.spellings(of: type).map { (type, $0) }
    }

    /// Texts from which others are made by small changes.
    private static func seeds(_ type: ColumnType) -> [String] {
        let times = [
            "23:59:59", "00:00:00.5", "10:20:30.123456", "24:00:00", "23:59:60", "1:02:03",
        ]
        let dates = ["2024-02-29", "0001-01-01", "9999-12-31", "10000-01-01", "0044-03-15 BC"]
        switch type {
        case .boolean:
            return Spelling.spellings(of: type).flatMap {
                ["\($0.booleanWords.true)", "\($0.booleanWords.false)"]
            }
        case .smallint: return ["0", "-1", "32767", "-32768", "007", "+5"]
        case .integer: return ["0", "-7", "2147483647", "-2147483648", "-0", "00501"]
        case .bigint:
            return ["0", "9223372036854775807", "-9223372036854775808", "123456789012345"]
        case .real, .doublePrecision, .numeric:
            return [
                "0", "-0", "0.1", "1.5", "100", "-2.25", "0.0001", "0.00001", "1e+20", "1e-05",
                "123456789012345", "1234567890123456", "0.30000000000000004", "5e-324",
                "1.7976931348623157e+308", "0.00012345678901234567", "12345.678901234567", "NaN",
                "Infinity", "-Infinity", "9007199254740993", "3.14159265358979323846", "1.50",
            ]
        case .date: return dates + ["infinity", "-infinity"]
        case .time: return times
        case .timestamp, .timestampTZ:
            return ["infinity"]
                + dates.flatMap { date in
                    times.flatMap { time in
                        [" ", "T"].flatMap { separator in
                            ["", "Z", "+00", "+00:00", "+02", " BC"].map {
                                date + separator + time + $0
                            }
                        }
                    }
                }
        case .uuid:
            return [
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "00000000-0000-0000-0000-000000000000",
            ]
        case .bytea: return ["\\x", "\\x00ff", "\\xAB", "plain"]
        case .text, .varchar, .char: return ["", "any thing"]
        case .interval: return ["1 day", "01:00:00", "1 year 2 mons"]
        case .json, .jsonb: return ["{}", "[1]"]
        case .array: return ["{}", "{1}", "{NULL}", "[0:0]={1}"]
        }
    }

    @Test("A value is accepted exactly if it comes back the same", arguments: forms)
    func rule(_ type: ColumnType, _ spelling: Spelling) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        let exact = Column(name: "v", type: type, spelling: spelling)
        let given = Column(name: "v", type: type)
        let seeds = Self.seeds(type)
        let alphabet = Array("0123456789+-.:eETZtfyn BCaA9")
        var kept = 0
        for round in 0..<max(2 * seeds.count, 1000) {
            var text = Array(seeds[round % seeds.count])
            if round >= seeds.count {
                for _ in 0..<Int.random(in: 1...2, using: &generator) {
                    let letter = alphabet.randomElement(using: &generator) ?? "0"
                    let place = Int.random(in: 0...text.count, using: &generator)
                    switch Int.random(in: 0...2, using: &generator) {
                    case 0: text.insert(letter, at: place)
                    case 1 where place < text.count: text[place] = letter
                    default: if place < text.count { text.remove(at: place) }
                    }
                }
            }
            let value = String(text)
            if value.isEmpty { continue }
            let accepted = rewritten(value, exact, as: exact)
            let written = rewritten(value, given, as: exact)
            #expect(accepted == (written == value ? value : nil), "\"\(value)\", seed \(seed)")
            if accepted != nil { kept += 1 }
        }
        #expect(kept > 0)
    }

    @Test("Decimal numbers of every length")
    func decimals() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        let exact = Column(name: "v", type: .doublePrecision, spelling: .standard)
        let given = Column(name: "v", type: .doublePrecision)
        for round in 0..<8000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...18, using: &generator) {
                text += "\(Int.random(in: 0...9, using: &generator))"
            }
            if round % 4 == 0 { text = "\(Double(bitPattern: generator.next()))" }
            if round % 4 == 1 { text = "\(Double.random(in: -1000...1000, using: &generator))" }
            if round % 4 == 2 {
                let place = Int.random(in: 0...text.count, using: &generator)
                text.insert(".", at: text.index(text.startIndex, offsetBy: place))
                if Bool.random(using: &generator) { text = "0.000" + text.filter { $0 != "." } }
            }
            let accepted = rewritten(text, exact, as: exact)
            let written = rewritten(text, given, as: exact)
            #expect(accepted == (written == text ? text : nil), "\"\(text)\", seed \(seed)")
        }
    }

    /// Random columns, inferred and loaded: what is accepted is written as it was.
    @Test("An inferred file comes back, or the encoder names a value")
    func files() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        let types = ColumnType.scalars + [ColumnType.text.array]
        let pools = types.map { Self.seeds($0).filter { !$0.isEmpty } }
        for _ in 0..<300 {
            let pool = pools[Int.random(in: 0..<pools.count, using: &generator)]
            let subset = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                pool.randomElement(using: &generator) ?? "x"
            }
            let text = "v\n" + subset.map { $0 + "\n" }.joined()
            let outcome = try SchemaInference.infer(from: MemorySource(text))
            var reader = try CSVReader(source: outcome.source, expectedFieldCount: 1)
            _ = try reader.readHeader()
            var encoder = RowEncoder(schema: outcome.schema)
            var writer = RowWriter(schema: outcome.schema)
            var output = ByteOutput()
            writer.writeHeader(to: &output)
            while try reader.next() {
                try encoder.encode(&reader)
                try withTuple(of: &encoder.builder) { try writer.write($0, to: &output) }
            }
            #expect(string(output) == text, "\(outcome.schema), seed \(seed)")
        }
    }
}
