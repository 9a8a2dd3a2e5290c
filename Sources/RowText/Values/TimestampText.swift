import RowSchema

/// Timestamps between ISO 8601 text and microseconds since 2000-01-01 00:00. Mirrors
/// PostgreSQL's `timestamp_in` and `timestamp_out` in the ISO style.
public enum TimestampText {
    /// The value that stands for `infinity` (PostgreSQL's `DT_NOEND`).
    public static let infinity = Int64.max
    /// The value that stands for `-infinity` (PostgreSQL's `DT_NOBEGIN`).
    public static let negativeInfinity = Int64.min

    private static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Reads a date, optionally followed by a space or `T` and the time of day as `HH:MM`,
    /// `HH:MM:SS` or `HH:MM:SS.ffffff`. Further digits are rounded. ` BC`, `Z` or `+00` for UTC may
    /// follow. `infinity` and `-infinity` are values too.
    ///
    /// Another time zone is an error, while PostgreSQL ignores it.
    public static func parse(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        var range = TextScan.trimmed(text)
        if let infinite = Infinity.parse(text, range) {
            return infinite ? infinity : negativeInfinity
        }
        let isBC = CalendarDate.takeEra(text, &range)
        let end = range.upperBound
        var index = range.lowerBound
        let day = try CalendarDate.parse(text, &index, end: end, isBC: isBC, as: .timestamp)
        var time: Int64 = 0
        if index < end {
            if text[index] == UInt8(ascii: "T") || text[index] == UInt8(ascii: "t") {
                index += 1
            } else {
                let spaces = index
                while index < end && TextScan.isSpace(text[index]) { index += 1 }
                guard index > spaces else { throw ValueError(.timestamp, .invalidSyntax) }
            }
            time = try timeOfDay(text, &index, end)
        }
        if index < end { try skipZone(text, index, end) }
        guard day >= CalendarDate.dateRange.lowerBound, day <= CalendarDate.timestampEnd else {
            throw ValueError(.timestamp, .outOfRange)
        }
        // 24:00 can move the last day out of range, so the range is checked again.
        let value = Int64(day) * microsecondsPerDay + time
        guard value < Int64(CalendarDate.timestampEnd) * microsecondsPerDay else {
            throw ValueError(.timestamp, .outOfRange)
        }
        return value
    }

    @inline(__always)
    private static func timeOfDay(
        _ text: Span<UInt8>, _ index: inout Int, _ end: Int
    ) throws(ValueError) -> Int64 {
        let hour = try pair(text, &index, end)
        guard index < end, text[index] == UInt8(ascii: ":") else {
            throw ValueError(.timestamp, .invalidSyntax)
        }
        index &+= 1
        let minute = try pair(text, &index, end)
        var second = 0
        var fraction: Int64 = 0
        if index < end && text[index] == UInt8(ascii: ":") {
            index &+= 1
            second = try pair(text, &index, end)
            if index < end && text[index] == UInt8(ascii: ".") {
                index &+= 1
                fraction = microseconds(text, &index, end)
            }
        }
        let isMidnight = hour == 24 && minute == 0 && second == 0 && fraction == 0
        guard hour < 24 || isMidnight, minute < 60,
            second < 60 || second == 60 && fraction == 0
        else { throw ValueError(.timestamp, .fieldOutOfRange) }
        return Int64((hour &* 60 &+ minute) &* 60 &+ second) &* 1_000_000 &+ fraction
    }

    /// One or two digits.
    @inline(__always)
    private static func pair(
        _ text: Span<UInt8>, _ index: inout Int, _ end: Int
    ) throws(ValueError) -> Int {
        let start = index
        let value = CalendarDate.number(text, &index, end: end, maximumDigits: 2)
        if index == start { throw ValueError(.timestamp, .invalidSyntax) }
        return value
    }

    /// The digits after the point as microseconds; further digits are rounded.
    @inline(__always)
    private static func microseconds(_ text: Span<UInt8>, _ index: inout Int, _ end: Int) -> Int64 {
        var value: Int64 = 0
        var unit: Int64 = 1_000_000
        while index < end && unit > 1 {
            let digit = TextScan.digit(text[index])
            if digit > 9 { break }
            value = value &* 10 &+ Int64(digit)
            unit /= 10
            index &+= 1
        }
        if index < end && TextScan.digit(text[index]) <= 9 {
            return rounded(value, text, &index, end)
        }
        return value &* unit
    }

    /// Rounds six digits by those that follow, as PostgreSQL does: through a `double`, whose own
    /// rounding decides if seven digits end in a five.
    @inline(never)
    private static func rounded(
        _ six: Int64, _ text: Span<UInt8>, _ index: inout Int, _ end: Int
    ) -> Int64 {
        var digits = Double(six)
        var power: Double = 1_000_000
        while index < end {
            let digit = TextScan.digit(text[index])
            if digit > 9 { break }
            // Fifteen digits and their power of ten are exact, so the quotient is right.
            if power < 1e15 {
                digits = digits * 10 + Double(digit)
                power *= 10
            }
            index += 1
        }
        return Int64((digits / power * 1_000_000).rounded(.toNearestOrEven))
    }

    /// Accepts the spellings of UTC and throws for other zones.
    @inline(never)
    private static func skipZone(
        _ text: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(ValueError) {
        var index = start
        while index < end && TextScan.isSpace(text[index]) { index += 1 }
        let zone = index..<end
        if TextScan.matches(text, zone, "z") || TextScan.matches(text, zone, "utc") { return }
        guard zone.count >= 2, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-")
        else { throw ValueError(.timestamp, .invalidSyntax) }
        var isZero = true
        for position in (index + 1)..<end where text[position] != UInt8(ascii: ":") {
            let digit = TextScan.digit(text[position])
            if digit > 9 { throw ValueError(.timestamp, .invalidSyntax) }
            if digit > 0 { isZero = false }
        }
        if !isZero { throw ValueError(.timestamp, .timeZone) }
    }

    /// Appends the date and time of a value, with a fraction of a second only if it is not zero.
    public static func write(_ value: Int64, to output: inout ByteOutput) {
        if value == infinity { return output.append("infinity") }
        if value == negativeInfinity { return output.append("-infinity") }
        var day = value / microsecondsPerDay
        var time = value % microsecondsPerDay
        if time < 0 {
            time += microsecondsPerDay
            day -= 1
        }
        let isBC = CalendarDate.write(day: Int(day), to: &output)
        var fraction = Int(time % 1_000_000)
        let seconds = Int(time / 1_000_000)
        output.append(UInt8(ascii: " "))
        CalendarDate.writePair(seconds / 3600, to: &output)
        output.append(UInt8(ascii: ":"))
        CalendarDate.writePair(seconds / 60 % 60, to: &output)
        output.append(UInt8(ascii: ":"))
        CalendarDate.writePair(seconds % 60, to: &output)
        if fraction != 0 {
            output.append(UInt8(ascii: "."))
            var digits = 6
            while fraction % 10 == 0 {
                fraction /= 10
                digits -= 1
            }
            IntegerText.write(UInt64(fraction), minimumDigits: digits, to: &output)
        }
        if isBC { output.append(" BC") }
    }
}
