import RowSchema
import StorageTesting
import Testing
import ValueText

@Suite("Values: round trips from a seed")
struct ValueRoundTripTests {
    @Test("Every double is read to the nearest value and printed so that it reads back")
    func doubles() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            let text = written { FloatingPointText.write(value, to: &$0) }
            #expect(Double(text) == value, "\(text), seed \(seed)")
            let read = try withBytes(value.description) { try FloatingPointText.parseDouble($0) }
            #expect(read.bitPattern == value.bitPattern, "\(value), seed \(seed)")
            let single = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
            guard single.isFinite else { continue }
            let short = written { FloatingPointText.write(single, to: &$0) }
            #expect(Float(short) == single, "\(short), seed \(seed)")
            let back = try withBytes(single.description) { try FloatingPointText.parseReal($0) }
            #expect(back.bitPattern == single.bitPattern, "\(single), seed \(seed)")
        }
    }

    @Test("Decimal texts of any length are read as the standard library reads them")
    func decimals() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let length = Int.random(in: 1...30, using: &generator)
            var text = ""
            let point = Int.random(in: 0...30, using: &generator)
            for index in 0..<length {
                if index == point { text += "." }
                text += "\(Int.random(in: 0...9, using: &generator))"
            }
            let exponent = Int.random(in: -40...40, using: &generator)
            if exponent > -30 { text += "e\(exponent)" }
            let double = try withBytes(text) { try FloatingPointText.parseDouble($0) }
            #expect(double == Double(text), "\(text), seed \(seed)")
            let expected = Float(text)
            guard let expected, expected.isFinite, expected != 0 || double == 0 else { continue }
            let single = try withBytes(text) { try FloatingPointText.parseReal($0) }
            #expect(single == expected, "\(text), seed \(seed)")
        }
    }

    @Test("Numbers half-way between two doubles go to the even one")
    func ties() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<2000 {
            // 54 bits, the last of them set, times a small power of two: exactly half-way.
            let odd = UInt64.random(in: 1 << 53...1 << 54, using: &generator) | 1
            for text in ["\(odd)", "\(odd)e0", "\(odd).0000", "\(odd).00000000000000000001"] {
                let read = try withBytes(text) { try FloatingPointText.parseDouble($0) }
                #expect(read == Double(text), "\(text), seed \(seed)")
            }
        }
    }

    @Test("Integers, dates and timestamps are printed and read back")
    func integersAndTimes() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<5000 {
            let shift = UInt64.random(in: 0...63, using: &generator)
            let integer = Int64(bitPattern: generator.next()) >> shift
            #expect(try readAndPrint("\(integer)", .bigint) == "\(integer)", "seed \(seed)")
            let day = Int32.random(in: -2_451_545...2_145_031_948, using: &generator)
            let date = written { DateText.write(day, to: &$0) }
            #expect(try withBytes(date) { try DateText.parse($0) } == day, "\(date), seed \(seed)")
            let time = Int64.random(
                in: -211_813_488_000_000_000...9_223_371_331_199_999_999, using: &generator)
            let timestamp = written { TimestampText.write(time, to: &$0) }
            #expect(
                try withBytes(timestamp) { try TimestampText.parse($0) } == time,
                "\(timestamp), seed \(seed)")
        }
    }

    @Test("Consecutive days are consecutive dates")
    func calendar() throws {
        var previous = ""
        for day in Int32(-800_000)...(-700_000) {
            let date = written { DateText.write(day, to: &$0) }
            #expect(try withBytes(date) { try DateText.parse($0) } == day)
            #expect(date != previous)
            previous = date
        }
    }

    @Test("Numerics keep their digits and their scale")
    func numerics() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<5000 {
            let integer =
                "\(Int.random(in: 1...9, using: &generator))"
                + (0..<Int.random(in: 0...80, using: &generator)).map { _ in
                    "\(Int.random(in: 0...9, using: &generator) / 4 * 4)"
                }.joined()
            let fraction = (0..<Int.random(in: 0...90, using: &generator)).map { _ in
                "\(Int.random(in: 0...9, using: &generator) / 5 * 5)"
            }.joined()
            let isSmall = Bool.random(using: &generator)
            var text = isSmall ? "0" : integer
            if !fraction.isEmpty { text += "." + fraction }
            if text.contains(where: { $0 != "0" && $0 != "." }) && Bool.random(using: &generator) {
                text = "-" + text
            }
            #expect(try readAndPrint(text, .numeric) == text, "seed \(seed)")
        }
    }

    @Test("Any bytes survive as bytea")
    func bytea() throws {
        let all = (0...255).map { UInt8($0) }
        let text = written { ByteaText.write(all.span, to: &$0) }
        var datum = ByteOutput()
        try withBytes(text) { try ByteaText.parse($0, into: &datum) }
        #expect(datum.bytes == all)
    }
}
