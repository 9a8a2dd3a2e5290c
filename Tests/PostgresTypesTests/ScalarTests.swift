import PostgresTypes
import Testing

@Suite("Values as text")
struct ScalarTests {
    @Test(
        "numbers",
        arguments: [
            (0.1, "0.1"), (1e15, "1e+15"), (123_456_789_012_345, "123456789012345"),
            (1e-5, "1e-05"),
            (1e23, "9.999999999999999e+22"), (-0.0, "-0"), (.leastNonzeroMagnitude, "5e-324"),
            (.infinity, "Infinity"),
        ])
    func doubles(_ value: Double, _ text: String) throws {
        #expect(try Bytes().adding(value.bitPattern).text(.double) == text)
    }

    @Test("numeric: short and long headers, and values that are not numbers")
    func numerics() throws {
        // Weight 0, scale 2, groups 12 and 3400.
        #expect(
            try Bytes().adding(0x8100 as UInt16).adding(12 as UInt16).adding(3400 as UInt16)
                .text(.numeric) == "12.34")
        #expect(
            try Bytes().adding(0xA17F as UInt16).adding(5 as UInt16).text(.numeric) == "-0.00")
        #expect(
            try Bytes().adding(0x4001 as UInt16).adding(1 as Int16).adding(7 as UInt16)
                .text(.numeric) == "-70000.0")
        #expect(try Bytes().adding(0xC000 as UInt16).text(.numeric) == "NaN")
        #expect(try Bytes().adding(0xF000 as UInt16).text(.numeric) == "-Infinity")
        #expect(throws: ValueFault.self) {
            try Bytes().adding(0x8000 as UInt16).adding(10_000 as UInt16).text(.numeric)
        }
    }

    @Test("dates and times at their ends")
    func times() throws {
        #expect(try Bytes().adding(0 as Int32).text(.date) == "2000-01-01")
        #expect(try Bytes().adding(-730_119 as Int32).text(.date) == "0001-01-01")
        #expect(try Bytes().adding(-730_120 as Int32).text(.date) == "0001-12-31 BC")
        #expect(try Bytes().adding(Int32.max).text(.date) == "infinity")
        #expect(
            try Bytes().adding(-1 as Int64).text(.timestamp) == "1999-12-31 23:59:59.999999")
        #expect(
            try Bytes().adding(86_400_000_000 as Int64).adding(-19_800 as Int32).text(.timeTZ)
                == "24:00:00+05:30")
        #expect(throws: ValueFault.self) { try Bytes().adding(-1 as Int64).text(.time) }
    }

    @Test(
        "intervals: each part has its sign",
        arguments: [
            (0, 0, 0, "00:00:00"), (-14_706_000_000, 3, -14, "-1 years -2 mons +3 days -04:05:06"),
            (0, 1, 12, "1 year 1 day"), (5_000, 0, 0, "00:00:00.005"),
            (-1, 0, 0, "-00:00:00.000001"),
            (Int64.max, Int32.max, Int32.max, "infinity"),
        ] as [(Int64, Int32, Int32, String)])
    func intervals(_ time: Int64, _ days: Int32, _ months: Int32, _ text: String) throws {
        #expect(try Bytes().adding(time).adding(days).adding(months).text(.interval) == text)
    }

    @Test("before PostgreSQL 17, the longest interval is finite")
    func finiteIntervals() throws {
        let bytes = Bytes().adding(Int64.max).adding(Int32.max).adding(Int32.max)
        #expect(
            try bytes.text(.finiteInterval)
                == "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807")
    }

    @Test(
        "addresses",
        arguments: [
            ([2, 32, 10, 0, 0, 1], "10.0.0.1"), ([2, 8, 10, 0, 0, 1], "10.0.0.1/8"),
            ([3, 128] + Array(repeating: 0, count: 16), "::"),
            (
                [3, 64, 0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1],
                "2001:db8::1/64"
            ),
            (
                [3, 128] + Array(repeating: 0, count: 10) + [255, 255, 1, 2, 3, 4], "::ffff:1.2.3.4"
            ),
        ] as [([UInt8], String)])
    func addresses(_ bytes: [UInt8], _ text: String) throws {
        #expect(try Bytes(bytes).text(.inet) == text)
    }

    @Test("\"char\" beyond ASCII is escaped from PostgreSQL 16 on")
    func characters() throws {
        #expect(try Bytes([0xE9]).text(.character, version: 16) == "\\351")
        #expect(try Bytes([0]).text(.character) == "")
        #expect(try Bytes([0x41]).text(.character, version: 15) == "A")
    }

    @Test(
        "an XML declaration is kept only if it carries information",
        arguments: [
            ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>", "<a/>"),
            ("<?xml version=\"1.1\"?><a/>", "<?xml version=\"1.1\"?><a/>"),
            (
                "<?xml version=\"1.0\" standalone=\"yes\"?><a/>",
                "<?xml version=\"1.0\" standalone=\"yes\"?><a/>"
            ), ("<?xml-stylesheet href=\"x\"?><a/>", "<?xml-stylesheet href=\"x\"?><a/>"),
        ])
    func xml(_ stored: String, _ text: String) throws {
        #expect(try Bytes().adding(stored).text(.xml) == text)
    }

    @Test("single-byte encodings become UTF-8; others are refused by name")
    func encodings() throws {
        let latin = try TextEncoding(number: 8)
        #expect(latin.string([0x47, 0xF6, 0xDF]) == "Göß")
        #expect(try TextEncoding(number: 23).string([0xCF, 0xF0, 0xE8]) == "При")
        #expect(try TextEncoding(number: 22).string([0xF0]) == "П")
        #expect(throws: ValueFault.unsupportedType("SJIS")) { try TextEncoding(number: 35) }
    }
}
