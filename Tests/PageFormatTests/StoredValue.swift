/// PostgreSQL's stored form of a value that COPY printed: the tests' own implementation of the
/// types.
enum StoredValue {
    static func bytes(of text: String, type: String) -> [UInt8]? {
        switch type {
        case "boolean": [text == "t" ? 1 : 0]
        case "smallint": Int16(text).map(littleEndian)
        case "integer": Int32(text).map(littleEndian)
        case "bigint": Int64(text).map(littleEndian)
        case "real": Float(text).map { littleEndian($0.bitPattern) }
        case "double_precision": Double(text).map { littleEndian($0.bitPattern) }
        case "text": Array(text.utf8)
        case "bytea": hexadecimal(text.dropFirst(2))
        case "uuid": hexadecimal(text.filter { $0 != "-" }[...])
        case "date": date(text).map { littleEndian($0) }
        case "timestamp": timestamp(text).map { littleEndian($0) }
        default: nil
        }
    }

    private static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    private static func hexadecimal(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    /// Days since 2000-01-01 of `YYYY-MM-DD`, optionally followed by ` BC`.
    private static func date(_ text: String) -> Int32? {
        if text == "infinity" { return .max }
        if text == "-infinity" { return .min }
        return days(text.prefix { $0 != " " }, isBC: text.hasSuffix(" BC")).map(Int32.init)
    }

    /// Microseconds since 2000-01-01 of `YYYY-MM-DD hh:mm:ss.ffffff`.
    private static func timestamp(_ text: String) -> Int64? {
        if text == "infinity" { return .max }
        if text == "-infinity" { return .min }
        let words = text.split(separator: " ")
        guard words.count >= 2, let days = days(words[0], isBC: text.hasSuffix(" BC")) else {
            return nil
        }
        let parts = words[1].split(whereSeparator: { $0 == ":" || $0 == "." })
        let fraction = parts.count > 3 ? String(parts[3]) : ""
        let padded = fraction + String(repeating: "0", count: 6 - fraction.count)
        guard let hour = Int64(parts[0]), let minute = Int64(parts[1]),
            let second = Int64(parts[2]), let micro = Int64(padded)
        else { return nil }
        return ((Int64(days) * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micro
    }

    /// Counts days year by year in the Gregorian calendar, extended both ways.
    private static func days(_ text: Substring, isBC: Bool) -> Int? {
        let parts = text.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3 else { return nil }
        let year = isBC ? 1 - parts[0] : parts[0]
        func leapDays(before year: Int) -> Int {
            let last = year - 1
            func floored(_ divisor: Int) -> Int {
                (last >= 0 ? last : last - divisor + 1) / divisor
            }
            return floored(4) - floored(100) + floored(400)
        }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let inYear = lengths[..<(parts[1] - 1)].reduce(0, +) + parts[2] - 1
        return (year - 2000) * 365 + leapDays(before: year) - leapDays(before: 2000) + inYear
    }
}
