import RowSchema

/// The part of a date's or time's text that is a time of day, in microseconds since midnight.
package enum TimeOfDay {
    package static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Reads `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff` at `index` and moves past it. Further digits
    /// are rounded.
    @inline(__always)
    static func parse(
        _ text: Span<UInt8>, _ index: inout Int, _ end: Int, as type: ColumnType
    ) throws(ValueError) -> Int64 {
        let hour = try pair(text, &index, end, as: type)
        guard index < end, text[index] == UInt8(ascii: ":") else {
            throw ValueError(type, .invalidSyntax)
        }
        index &+= 1
        let minute = try pair(text, &index, end, as: type)
        var second = 0
        var fraction: Int64 = 0
        if index < end && text[index] == UInt8(ascii: ":") {
            index &+= 1
            second = try pair(text, &index, end, as: type)
            if index < end && text[index] == UInt8(ascii: ".") {
                index &+= 1
                fraction = microseconds(text, &index, end)
            }
        }
        let isMidnight = hour == 24 && minute == 0 && second == 0 && fraction == 0
        guard hour < 24 || isMidnight, minute < 60,
            second < 60 || second == 60 && fraction == 0
        else { throw ValueError(type, .fieldOutOfRange) }
        return Int64((hour &* 60 &+ minute) &* 60 &+ second) &* 1_000_000 &+ fraction
    }

    /// One or two digits.
    @inline(__always)
    private static func pair(
        _ text: Span<UInt8>, _ index: inout Int, _ end: Int, as type: ColumnType
    ) throws(ValueError) -> Int {
        let start = index
        let value = CalendarDate.number(text, &index, end: end, maximumDigits: 2)
        if index == start { throw ValueError(type, .invalidSyntax) }
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

    /// Reads a time at `index` that is spelled as ``write(_:to:)`` spells it, and moves past it.
    /// Nil if it is not; also for 24:00.
    @inline(__always)
    static func parseExactly(_ text: Span<UInt8>, _ index: inout Int) -> Int64? {
        let colon = UInt8(ascii: ":")
        guard text.count &- index >= 8, text[index &+ 2] == colon, text[index &+ 5] == colon else {
            return nil
        }
        let hour = CalendarDate.pair(text, index)
        let minute = CalendarDate.pair(text, index &+ 3)
        let second = CalendarDate.pair(text, index &+ 6)
        guard hour < 24, minute < 60, second < 60 else { return nil }
        index &+= 8
        var fraction: Int64 = 0
        if index < text.count && text[index] == UInt8(ascii: ".") {
            index &+= 1
            var unit: Int64 = 1_000_000
            while index < text.count && unit > 1 {
                let digit = TextScan.digit(text[index])
                if digit > 9 { break }
                fraction = fraction &* 10 &+ Int64(digit)
                unit /= 10
                index &+= 1
            }
            // No digits, or a zero at the end, would not come back; further digits end the text.
            if fraction % 10 == 0 { return nil }
            fraction = fraction &* unit
        }
        return Int64((hour &* 60 &+ minute) &* 60 &+ second) &* 1_000_000 &+ fraction
    }

    /// Appends `HH:MM:SS`, with a fraction of a second only if it is not zero.
    static func write(_ time: Int64, to output: inout ByteOutput) {
        let seconds = Int(time / 1_000_000)
        CalendarDate.writePair(seconds / 3600, to: &output)
        output.append(UInt8(ascii: ":"))
        CalendarDate.writePair(seconds / 60 % 60, to: &output)
        output.append(UInt8(ascii: ":"))
        CalendarDate.writePair(seconds % 60, to: &output)
        writeFraction(Int(time % 1_000_000), to: &output)
    }

    /// Appends a point and microseconds without zeros at the end; nothing for zero.
    static func writeFraction(_ microseconds: Int, to output: inout ByteOutput) {
        var fraction = microseconds
        if fraction == 0 { return }
        output.append(UInt8(ascii: "."))
        var digits = 6
        while fraction % 10 == 0 {
            fraction /= 10
            digits -= 1
        }
        IntegerText.write(UInt64(fraction), minimumDigits: digits, to: &output)
    }

    /// Rounds microseconds to fewer digits behind the point of the second, halves away from zero.
    /// Mirrors PostgreSQL's `AdjustTimestampForTypmod`.
    package static func rounded(_ time: Int64, to digits: Int) -> Int64 {
        var unit: Int64 = 1
        for _ in digits..<6 { unit *= 10 }
        if unit == 1 { return time }
        let (sum, overflows) = time.addingReportingOverflow(time < 0 ? -unit / 2 : unit / 2)
        return overflows ? time : sum / unit * unit
    }
}
